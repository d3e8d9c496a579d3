"""The policy: honest where it does not know, and never thrown off by what a history holds."""

from __future__ import annotations

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_run.models.simulated.families import FAMILIES
from hermes_run.models.simulated.policy import next_turn
from hermes_run.models.simulated.request import read
from hermes_run.models.simulated.results import read_result
from hermes_run.models.simulated.steps import Turn
from hermes_run.models.simulated.wire import chunks, completion, reply_to

NAMES = ("terminal", "read_file", "write_file", "patch", "search_files")
TOOLS = [{"type": "function", "function": {"name": name}} for name in NAMES]
COUNT = "How many words do a.txt and b.txt have? Write the counts, by path, to n.txt."
SORT = "Sort the lines of x.txt and write them to y.txt."


def respond(messages: list[dict]) -> Turn:
    """Decide the next turn after these messages, with all tools offered."""
    return next_turn(read(json.dumps({"messages": messages, "tools": TOOLS}).encode()))


def user(text) -> dict:
    """Make a user message."""
    return {"role": "user", "content": text}


def called(*ids: str) -> dict:
    """Make an assistant message with calls."""
    function = {"name": "terminal", "arguments": "{}"}
    calls = [{"id": one, "type": "function", "function": function} for one in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result(call_id: str, content) -> dict:
    """Make a tool message."""
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def printed(text: str, code: int = 0) -> str:
    """Make what the terminal gives."""
    return json.dumps({"output": text, "exit_code": code, "error": None})


def commands(turn) -> list[str]:
    """Give the commands of a turn's terminal calls."""
    return [json.loads(call.arguments)["command"] for call in turn.calls]


@pytest.mark.parametrize(
    "prompt", ["What is love?", "", "write a poem about count.txt", "🦀" * 99, COUNT + " " * 2000]
)
def test_a_prompt_of_no_known_kind_gets_an_honest_short_answer(prompt):
    """The model says what it is and what it knows, and calls nothing."""
    turn = respond([user(prompt)])
    assert turn.calls == ()
    assert turn.text.startswith("I am a simulated model")
    assert all(family.knows in turn.text for family in FAMILIES)
    assert turn.reasoning


def test_a_conversation_without_a_user_gets_the_same_answer():
    """A system prompt alone is no task."""
    assert respond([{"role": "system", "content": COUNT}]).text.startswith("I am a simulated model")


@pytest.mark.parametrize("choice", [None, "none"])
def test_a_task_whose_tools_are_missing_gets_an_answer_that_names_them(choice):
    """Nothing is called that was not offered, or may not be called."""
    offered = TOOLS[1:] if choice is None else TOOLS
    body = {"messages": [user(COUNT)], "tools": offered, "tool_choice": choice}
    turn = next_turn(read(json.dumps(body).encode()))
    assert turn.calls == ()
    assert "terminal" in turn.text


def test_a_task_given_as_parts_after_a_system_prompt_is_the_same_task():
    """Content may be a list of parts, and other messages may come before."""
    parts = [{"type": "text", "text": COUNT}, {"type": "image_url", "image_url": {"url": "x"}}]
    turn = respond([{"role": "system", "content": "Be brief."}, user(parts)])
    assert turn == respond([user(COUNT)])
    assert commands(turn) == ["wc -w < a.txt", "wc -w < b.txt"]


@pytest.mark.parametrize(
    ("ids", "order"),
    [(("p", "q"), ("q", "p")), (("", ""), ("", "")), (("p", "p"), ("p", "p"))],
)
def test_results_belong_to_their_calls_by_id_and_by_position_where_ids_say_nothing(ids, order):
    """Results that arrive in another order are not mixed up."""
    answers = {"p": "3 ", "q": "8 "}
    texts = [answers[one] for one in order] if len(set(ids)) > 1 else ["3 ", "8 "]
    results = [result(one, printed(text)) for one, text in zip(order, texts, strict=True)]
    turn = respond([user(COUNT), called(*ids), *results])
    assert turn.calls[0].name == "write_file"
    assert json.loads(turn.calls[0].arguments)["content"] == "a.txt 3\nb.txt 8\n"


def test_a_harness_message_in_between_does_not_end_the_task():
    """A user turn that is no task leaves the one before it standing."""
    history = [user(COUNT), called("p", "q"), result("p", printed("3")), result("q", printed("8"))]
    assert respond([*history, user("You have 5 turns left.")]) == respond(history)


def test_a_second_task_in_one_conversation_begins_anew():
    """The newest user turn that is a task counts, and what was done before it does not."""
    history = [user(COUNT), called("p", "q"), result("p", "?"), result("q", "?")]
    answered = [*history, {"role": "assistant", "content": "No."}]
    assert respond([*answered, user(SORT)]) == respond([user(SORT)])
    assert respond([*answered, user("Thanks!")]).text.startswith("I am a simulated model")
    assert respond(answered).text.startswith("I could not finish this task")


@pytest.mark.parametrize(
    "content",
    [None, 7, "", "{", "null", '{"output": 5}', '{"error": {"a": 1}}', "[" * 100_000, ["x", {}]],
)
def test_results_that_make_no_sense_end_in_an_honest_answer(content):
    """The policy says that it could not finish, and why."""
    turn = respond([user(COUNT), called("p", "q"), result("p", content), result("q", content)])
    assert turn.calls == ()
    assert turn.text.startswith("I could not finish this task: ")


def test_a_missing_result_is_a_failed_one():
    """A call that nobody answered ends the task honestly."""
    turn = respond([user(COUNT), called("p", "q"), result("p", printed("3"))])
    assert "no result" in turn.text


def test_files_nested_too_deeply_end_in_an_honest_answer():
    """JSON that can be read but not written again is no reason to fail."""
    deep = '1|{"a":' + '{"a":' * 900 + "1" + "}" * 901
    for task in ("Merge a.json and b.json into c.json.", "Convert a.json to b.csv."):
        turn = respond([user(task), called("p", "q"), result("p", deep), result("q", deep)])
        assert turn.calls or turn.text.startswith("I could not finish this task")


def test_a_history_longer_than_the_task_gets_its_last_answer():
    """Turns that the policy would not have made don't matter once it is through."""
    done = [called("p"), result("p", printed("1 a.txt 3\nb.txt 8"))] * 9
    messages = [user(COUNT), called("p", "q"), result("p", printed("3")), result("q", printed("8"))]
    final = respond([*messages, called("w"), result("w", "ok"), *done])
    assert final.calls == ()
    assert final.text


TASKS = [
    "fix run.py, it crashes",
    "Rename the constant AB to CD in src/.",
    "Change AB from 1 to 2 in src/.",
    "Make all file names in src/ lower case.",
    "Merge a.json and b.json into c.json.",
    "Convert a.csv to b.json.",
    "Convert a.jsonl to b.csv.",
    "Write the most frequent word of a.txt to b.txt.",
    "Extract all e-mail addresses from a.txt to b.txt.",
    "Sum the x column of a.csv and write it to b.txt.",
    "Count the ERROR lines of a.log and write to b.txt.",
    "Copy the ERROR lines of a.log to b.log.",
    'Which files in src/ say "x"? Write them to b.txt.',
    COUNT,
    "Count the words of each of the .txt files in src/; write to b.txt.",
    SORT,
]
HOSTILE = st.one_of(
    st.text(),
    st.text(string.printable),
    st.builds(printed, st.text(), st.integers(-2, 2)),
    st.builds(lambda line: f"1|{line}\n2|{line}", st.text()),
    st.sampled_from(['1|{"a": "\\ud800"}', '{"output": "5 \\ud800", "exit_code": 1}', "\udc00"]),
    st.builds(lambda line: f"src/a.py:1:{line}\nsrc/b.py:2:AB", st.text()),
    st.sampled_from(["5\n", "1|{}", "1|[]", '1|{"a": 1}', "1|x,y", "src/a.txt", "AB = 1"]),
    st.sampled_from([printed(f'{e} "run.py", line 1', 1) for e in ("NameError: name 'x'", "File")]),
)


@given(task=st.sampled_from(TASKS), contents=st.lists(HOSTILE, max_size=8))
def test_no_tool_output_whatever_makes_the_policy_fail(task, contents):
    """Every history gets a turn that thinks, that calls or answers, and that can be sent."""
    messages = [user(task)]
    for content in contents:
        messages += [called("p", "q"), result("p", content), result("q", content)]
    request = read(json.dumps({"messages": messages, "tools": TOOLS}).encode())
    turn = next_turn(request)
    assert turn.reasoning
    assert turn.calls or turn.text
    reply = reply_to(request, turn, created=0)
    sent = json.loads(completion(reply))["choices"][0]["message"]
    assert (sent["content"] or "") == turn.text
    assert b"".join(chunks(reply, include_usage=True)).endswith(b"data: [DONE]\n\n")


@given(st.recursive(st.none() | st.text() | st.floats(), lambda one: st.lists(one) | st.just({})))
def test_any_content_can_be_read(content):
    """Whatever stands in a tool message has a text."""
    assert isinstance(read_result(content).text, str)
