"""Rows are read one by one, keyed by what they are, and refused before anything is spent."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermes_run.errors import UsageError
from hermes_run.prompts import Prompt, Reading, Reject, check_file, count_rows, read_prompts
from recorder.json_text import encode


def prompt(reading: Reading, row: object) -> Prompt:
    """Read a row that is good."""
    read = reading.row(1, encode(row))
    assert isinstance(read, Prompt), read
    return read


def refused(content: bytes) -> str:
    """Read a row that is not."""
    read = Reading().row(7, content)
    assert isinstance(read, Reject)
    assert read.line == 7
    return read.reason


def test_a_row_with_an_id_is_keyed_by_it():
    """The id is the key, whatever else the row holds."""
    assert prompt(Reading(), {"id": "a", "prompt": "x"}).key == "a"
    assert prompt(Reading(), {"id": 12, "prompt": "x"}).key == "12"


def test_a_row_without_an_id_is_keyed_by_its_content_and_not_by_its_place():
    """Re-ordering keys, or rows, changes no key."""
    one = prompt(Reading(), {"prompt": "x", "metadata": {"a": 1, "b": 2}})
    reading = Reading()
    prompt(reading, {"prompt": "first"})
    two = prompt(reading, {"metadata": {"b": 2, "a": 1}, "prompt": "x"})
    assert one.key == two.key
    assert (one.index, two.index) == (0, 1)


def test_equal_rows_are_told_apart_by_their_occurrence():
    """The second of two equal rows is another prompt."""
    reading = Reading()
    keys = [prompt(reading, {"id": "a", "prompt": "x"}).key for _ in range(3)]
    assert keys == ["a", "a#2", "a#3"]


def test_other_keys_of_a_row_are_metadata():
    """What the row says besides goes along, under what it calls metadata itself."""
    row = {"prompt": "x", "source": "web", "metadata": {"level": 3}}
    assert prompt(Reading(), row).metadata == {"source": "web", "level": 3}


def test_the_lasting_system_prompt_is_the_rows_own_else_the_runs():
    """A row's system prompt wins, and one inside its messages wins too."""
    reading = Reading(system="run's")
    assert prompt(reading, {"prompt": "x"}).messages[0].content == "run's"
    assert prompt(reading, {"prompt": "x", "system": "row's"}).messages[0].content == "row's"
    history = [{"role": "system", "content": "s"}, {"role": "user", "content": "x"}]
    messages = prompt(reading, {"messages": history}).messages
    assert [message.content for message in messages] == ["s", "x"]


def test_a_given_history_keeps_its_calls_and_results():
    """Messages with tools become turns to begin with."""
    call = {"id": "c", "type": "function", "function": {"name": "ls", "arguments": "{}"}}
    history = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": None, "tool_calls": [call], "reasoning": "why"},
        {"role": "tool", "tool_call_id": "c", "content": "out"},
        {"role": "user", "content": "and now?"},
    ]
    messages = prompt(Reading(), {"messages": history}).messages
    assert [m.role for m in messages] == ["user", "assistant", "tool", "user"]
    assert messages[1].calls[0].name == "ls"
    assert messages[1].reasoning == "why"
    assert messages[2].call_id == "c"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{not json", "not JSON"),
        (b"[1]", "object"),
        (b'"text"', "object"),
        (b"{}", "no prompt"),
        (b'{"prompt": "  "}', "no prompt"),
        (b'{"prompt": 3}', "prompt"),
        (b'{"prompt": "x", "messages": []}', "not both"),
        (b'{"messages": []}', "nothing to answer"),
        (b'{"prompt": "x", "toolsets": "file"}', "toolsets"),
        (b"[" * 100_000, "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"prompt": "x", "a": ' + b"[" * 200 + b"]" * 200 + b"}", "128 levels"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_with_a_reason(content: bytes, reason: str):
    """Nothing a row holds raises; the reject says what is wrong and where."""
    assert reason in refused(content)


def test_a_lone_surrogate_is_no_reason_to_refuse_a_row():
    """Real prompts hold them."""
    read = Reading().row(1, b'{"prompt": "a\\ud800b"}')
    assert isinstance(read, Prompt)


async def test_a_file_is_read_past_its_bad_rows(tmp_path: Path):
    """Blank lines are no rows, and a byte order mark is no content."""
    path = tmp_path / "p.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"prompt": "a"}\r\n\n{bad\n{"prompt": "b"}')
    rows = [row async for row in read_prompts(path)]
    assert [type(row).__name__ for row in rows] == ["Prompt", "Reject", "Prompt"]
    assert [row.line for row in rows] == [1, 3, 4]
    assert count_rows(path) == 4


@pytest.mark.parametrize("kind", ["missing", "folder", "empty", "blank"])
def test_a_path_that_is_no_prompts_file_is_refused_with_what_to_do(tmp_path: Path, kind: str):
    """Missing, a folder, empty, blank lines alone: a sentence each."""
    path = tmp_path / "p.jsonl"
    if kind == "folder":
        path.mkdir()
    if kind == "empty":
        path.touch()
    if kind == "blank":
        path.write_bytes(b"\xef\xbb\xbf\n \r\n\n")
    with pytest.raises(UsageError, match=r"p\.jsonl"):
        check_file(path)


def test_a_file_with_a_row_is_accepted(tmp_path: Path):
    """What comes after the first row is not looked at, nor are blank lines before it."""
    path = tmp_path / "p.jsonl"
    path.write_bytes(b'\n{"prompt": "x"}\n\xff')
    check_file(path)
