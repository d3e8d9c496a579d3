"""Statistics of one session."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recorder.events import ModelReplied, ToolReturned, timestamp
from recorder.formats import load
from recorder.messages import ToolCall
from recorder.session import Session
from recorder.stats import judge, reasoning_stats, tool_error_counts, tool_stats
from recorder.steps import Step

GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "data" / "golden" / "tool_stats.jsonl"
ROWS = [json.loads(line) for line in GOLDEN.read_bytes().splitlines()] if GOLDEN.exists() else []
FAULTS = {row["name"]: row for row in ROWS if "seed_bug" in row}
RIGHT = [row for row in ROWS if "seed_bug" not in row]

SUCCESS = {"count": 1, "success": 1, "failure": 0}
FAILURE = {"count": 1, "success": 0, "failure": 1}
NEITHER = {"count": 1, "success": 0, "failure": 0}
MENDED_TOOLS = {
    "error_empty_string_counts_failure": {"terminal": SUCCESS},
    "error_false_counts_failure": {"terminal": SUCCESS},
    "none_content": {"terminal": FAILURE},
    "whitespace_content": {"terminal": FAILURE},
    "Error_space_no_colon": {"terminal": FAILURE},
    "traceback_is_success": {"terminal": FAILURE},
    "tool_not_exist_text_is_success": {"nope": FAILURE},
    "untrusted_wrapped_error": {"web_search": FAILURE},
    "duplicate_results_same_id": {"terminal": SUCCESS},
    "call_without_id": {"terminal": NEITHER},
}
MENDED_REASONING = {
    "reasoning_content_not_counted",
    "reasoning_details_not_counted",
    "reasoning_list",
}


def read(row):
    """Make the session of a foreign row."""
    return load("messages").parse({"messages": row["messages"]})


def returned(output, status=None, call_id: str | None = "c"):
    """Make a result, foreign unless it has a status."""
    return ToolReturned(
        session="s", seq=2, ts=timestamp(0), call_id=call_id, status=status, output=output
    )


def session(*steps):
    """Give a session of steps, each a pair of replies' fields and results."""
    turns = [
        Step(ModelReplied(session="s", seq=1, ts=timestamp(0), **fields), results=results)
        for fields, results in steps
    ]
    return Session(id="s", turns=tuple(turns))


@pytest.mark.parametrize("row", RIGHT, ids=[row["name"] for row in RIGHT])
def test_a_row_without_a_fault_is_counted_as_expected(row):
    """Both statistics of a foreign session are what the golden row says."""
    assert tool_stats(read(row)) == row["expected_tool_stats"]
    assert reasoning_stats(read(row)) == row["expected_reasoning_stats"]


@pytest.mark.skipif(not FAULTS, reason="the golden rows are not beside the repository")
def test_every_fault_has_its_mended_counts():
    """No fault that the rows name is left out of the tables, and none was made up."""
    assert MENDED_TOOLS.keys() | MENDED_REASONING == FAULTS.keys()


@pytest.mark.parametrize("name", sorted(FAULTS.keys() & MENDED_TOOLS.keys()))
def test_a_fault_in_counting_calls_is_not_repeated(name):
    """The call is judged as it reads, and the reasoning is counted as before."""
    found = read(FAULTS[name])
    assert tool_stats(found) == MENDED_TOOLS[name] != FAULTS[name]["expected_tool_stats"]
    assert reasoning_stats(found) == FAULTS[name]["expected_reasoning_stats"]


@pytest.mark.parametrize("name", sorted(FAULTS.keys() & MENDED_REASONING))
def test_a_fault_in_counting_reasoning_is_not_repeated(name):
    """Reasoning counts wherever the server put it."""
    found = read(FAULTS[name])
    assert tool_stats(found) == FAULTS[name]["expected_tool_stats"]
    assert reasoning_stats(found) == {
        "total_assistant_turns": 1,
        "turns_with_reasoning": 1,
        "turns_without_reasoning": 0,
        "has_any_reasoning": True,
    }


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("ok", "success"),
        ("error", "failure"),
        ("timeout", "failure"),
        ("invalid", "failure"),
        ("skipped", None),
        ("cancelled", None),
        ("unknown", None),
    ],
)
def test_the_executor_has_the_first_word(status, verdict):
    """Whatever the text says, the status decides."""
    assert judge(returned("Error: bad", status)) == verdict
    assert judge(returned("fine", status)) == verdict


@pytest.mark.parametrize(
    "output",
    [
        "fine",
        "0",
        "errors: none",
        "{not json",
        "[1, 2]",
        [1, {"error": "x"}],
        {"error": None, "exit_code": 3},
        {"error": ""},
        {"success": "false"},
        {"content": ["error"]},
        {"result": {"error": "x"}},
        '"error: x"',
        "[" * 100_000,
        "<untrusted_tool_result>fine</untrusted_tool_result>",
        42,
        False,
    ],
)
def test_an_output_without_a_sign_of_failure_is_a_success(output):
    """Only what tools say when they fail counts as failure, and nothing raises."""
    assert judge(returned(output)) == "success"


@pytest.mark.parametrize(
    "output",
    [
        None,
        "",
        " \n",
        "  error: bad",
        "ERROR: bad",
        "Error calling tool x",
        "Traceback (most recent call last):\n  ...",
        "Tool 'nope' does not exist. Available tools: terminal",
        {"error": "x"},
        {"error": {"code": 1}},
        {"success": False},
        {"content": {"error": "x"}},
        '\n{"error": "x"}',
        '<untrusted_tool_result source="web">\n{"error": "x"}\n</untrusted_tool_result>',
    ],
)
def test_an_output_that_reads_like_a_failure_is_one(output):
    """So does one that says nothing at all, however nothing is written."""
    assert judge(returned(output)) == "failure"


def test_a_foreign_result_that_names_no_call_speaks_for_none():
    """The call is counted, its result is not, unless an executor stands behind it."""
    call = ToolCall("c", "f", "{}")
    foreign = session(({"calls": (call,)}, (returned("ok", call_id=""),)))
    own = session(({"calls": (call,)}, (returned("ok", "ok", call_id=None),)))
    assert tool_stats(foreign) == {"f": NEITHER}
    assert tool_stats(own) == {"f": SUCCESS}


def test_failures_are_counted_per_tool_zero_included():
    """Every tool that was called has a count."""
    calls = (ToolCall("c", "f", "{}"), ToolCall("d", "g", "{}"))
    results = (returned("ok", "ok"), returned("no", "error", "d"))
    assert tool_error_counts(session(({"calls": calls}, results))) == {"f": 0, "g": 1}


def test_an_empty_block_is_no_reasoning():
    """Replies count by what their reasoning says, in whichever place it stands."""
    texts = ({"text": "<think>\n</think>\nHi"}, {"text": "<think>a</think>Hi"}, {"reasoning": "r"})
    assert reasoning_stats(session(*((fields, ()) for fields in texts))) == {
        "total_assistant_turns": 3,
        "turns_with_reasoning": 2,
        "turns_without_reasoning": 1,
        "has_any_reasoning": True,
    }
