"""Rows that another recorder wrote: matched byte for byte, but for its faults."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recorder.formats import load
from recorder.formats.hermes import verify

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "data" / "golden" / "normalize.jsonl"
ROWS = [json.loads(line) for line in GOLDEN.read_bytes().splitlines()] if GOLDEN.exists() else []
FAULTS = {row["name"]: row for row in ROWS if "seed_bug" in row}
RIGHT = [row for row in ROWS if "seed_bug" not in row]

THOUGHT = "<think>\nx\n</think>\n"
LS = '<tool_call>\n{"name": "terminal", "arguments": {"command": "ls"}}\n</tool_call>'
READ = '<tool_call>\n{"name": "read_file", "arguments": {"path": "/a"}}\n</tool_call>'
NOPE = '<tool_call>\n{"name": "nope", "arguments": {}}\n</tool_call>'
HUMAN = ("human", "List the files")


def response(call_id: str, name: str, content: str) -> str:
    """Write a response as golden rows have it; *content* is JSON text."""
    body = f'{{"tool_call_id": "{call_id}", "name": "{name}", "content": {content}}}'
    return f"<tool_response>\n{body}\n</tool_response>"


OK = ("tool", response("call_1", "terminal", '"ok"'))
MENDED = {
    "reasoning_content_only_ignored": (
        [HUMAN, ("gpt", "<think>\nfrom deepseek\n</think>\nHi")],
        [],
    ),
    "reasoning_non_string_list": ([HUMAN, ("gpt", "<think>\na\n</think>\nHi")], []),
    "scratchpad_unclosed": (
        [HUMAN, ("gpt", "<think>\nplan never closed\n</think>")],
        ["unclosed_reasoning:2"],
    ),
    "inline_think_in_content_with_reasoning": (
        [HUMAN, ("gpt", "<think>\nnative\n\ninline\n</think>\nAnswer")],
        ["merged_reasoning:2"],
    ),
    "think_mentioned_in_answer_suppresses_empty_block": (
        [HUMAN, ("gpt", "<think>\n</think>\nUse the <\\think> tag like this.")],
        ["neutralised_markup:2"],
    ),
    "think_mentioned_in_tool_args_suppresses_empty_block": (
        [HUMAN, ("gpt", "<think>\n</think>\n" + LS.replace("ls", r"echo \u003cthink>")), OK],
        [],
    ),
    "args_contains_tool_call_close_tag": (
        [HUMAN, ("gpt", THOUGHT + LS.replace("ls", r"echo \u003c/tool_call>")), OK],
        [],
    ),
    "parallel_missing_first_result": (
        [
            HUMAN,
            ("gpt", f"{THOUGHT}{LS}\n{READ}"),
            ("tool", response("call_2", "read_file", '"two"')),
        ],
        ["unanswered_call:2:0"],
    ),
    "extra_result_name_unknown": (
        [HUMAN, ("gpt", THOUGHT + LS), ("tool", response("call_1", "terminal", '"one"'))],
        ["orphan_result:2"],
    ),
    "duplicate_result_same_id": (
        [HUMAN, ("gpt", f"{THOUGHT}{LS}\n{LS}"), ("tool", response("call_1", "terminal", '"one"'))],
        ["duplicate_result:2", "unanswered_call:2:1"],
    ),
    "tool_calls_no_results_at_all": (
        [HUMAN, ("gpt", THOUGHT + LS), ("gpt", "<think>\ny\n</think>\nmoved on")],
        ["unanswered_call:2:0", "consecutive_reply:3"],
    ),
    "tool_content_missing_key": (
        [HUMAN, ("gpt", THOUGHT + LS), ("tool", response("call_1", "terminal", "null"))],
        [],
    ),
    "tool_content_lone_surrogate": (
        [
            HUMAN,
            ("gpt", THOUGHT + LS),
            ("tool", response("call_1", "terminal", r'"bad \ud800 char"')),
        ],
        [],
    ),
    "multi_turn_history": (
        [
            ("human", "q1"),
            ("gpt", "<think>\nr1\n</think>\na1"),
            ("human", "q2"),
            ("gpt", "<think>\nr2\n</think>\na2"),
        ],
        [],
    ),
    "max_iterations_summary_request_kept": (
        [
            HUMAN,
            ("gpt", THOUGHT + LS),
            OK,
            (
                "human",
                (
                    "You've reached the maximum number of tool-calling iterations allowed. Please "
                    "provide a final response summarizing what you've found and accomplished so "
                    "far, without calling any more tools."
                ),
            ),
            ("gpt", "<think>\n</think>\nSummary"),
        ],
        ["harness_turn:4"],
    ),
    "user_content_none": ([HUMAN, ("human", ""), ("gpt", THOUGHT + "Hi")], []),
    "user_content_multimodal_list": (
        [HUMAN, ("human", "see\n[image]"), ("gpt", THOUGHT + "Hi")],
        ["picture:2"],
    ),
    "prompt_multimodal_list_passed_through": ([("human", "see"), ("gpt", THOUGHT + "Hi")], []),
    "assistant_content_list_tool_call": ([HUMAN, ("gpt", f"{THOUGHT}Hi\n{LS}"), OK], []),
    "prefill_assistant_kept_if_in_messages": (
        [HUMAN, ("gpt", "<think>\n</think>\nprefilled"), ("gpt", THOUGHT + "continued")],
        ["consecutive_reply:3"],
    ),
    "thinking_prefill_interim": (
        [HUMAN, ("gpt", "<think>\nmore\n</think>\nAnswer")],
        ["dropped_turn:2:prefill"],
    ),
    "refusal_field_ignored": (
        [HUMAN, ("gpt", "<think>\n</think>\nI can't")],
        ["refusal:2"],
    ),
    "mixed_invalid_batch_order_from_seed_loop": (
        [
            HUMAN,
            ("gpt", f"{THOUGHT}{LS}\n{NOPE}"),
            (
                "tool",
                response("call_1", "terminal", '{"output": "a", "exit_code": 0, "error": null}')
                + "\n"
                + response(
                    "call_2",
                    "nope",
                    "\"Tool 'nope' does not exist. Available tools: terminal\"",
                ),
            ),
        ],
        [],
    ),
}


def rendered(row):
    """Bring a golden row through both formats, and check that it would come back."""
    session = load("messages").parse({key: row[key] for key in ("messages", "tools", "prompt")})
    written = load("hermes").render(session)
    verify(session, written)
    return written


@pytest.mark.parametrize("row", RIGHT, ids=[row["name"] for row in RIGHT])
def test_a_row_without_a_fault_is_matched_byte_for_byte(row):
    """Rendering what was read from messages gives the turns that were expected."""
    assert rendered(row)["conversations"] == row["expected"]


@pytest.mark.skipif(not FAULTS, reason="the golden rows are not beside the repository")
def test_every_fault_has_its_mended_turns():
    """No fault that the rows name is left out of the table, and none was made up."""
    assert MENDED.keys() == FAULTS.keys()


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_not_repeated(name):
    """The turns are right where the other recorder's were not, and oddities are flagged."""
    written = rendered(FAULTS[name])
    turns = [(turn["from"], turn["value"]) for turn in written["conversations"]]
    assert turns[0][0] == "system"
    assert (turns[1:], written["flags"]) == MENDED[name]
    assert written["flags"] or written["conversations"] != FAULTS[name].get("expected")
    json.dumps(written, ensure_ascii=False).encode()
