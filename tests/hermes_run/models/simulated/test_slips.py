"""Mistakes: drawn from the prompt alone, made once, corrected."""

from __future__ import annotations

import json

import pytest

from hermes_run.models.simulated.slips import distort, draw, misspell, stumble
from hermes_run.models.simulated.steps import Call, Result, Steps, read_file, terminal, turn

RIGHT = terminal("wc -l < data/sales.csv")


def two_turns() -> Steps:
    """Make two calls at once, then answer with what they gave."""
    first, second = yield turn("Look.", RIGHT, read_file("a.txt"))
    return turn("Seen.", text=f"{first.text}, {second.text}")


def thinks_first() -> Steps:
    """Think without a call, then answer."""
    yield turn("Hm.")
    return turn("So.", text="Yes.")


def arguments(call: Call) -> dict:
    """Read the arguments of a call."""
    return json.loads(call.arguments)


def test_a_draw_depends_on_nothing_but_the_prompt():
    """The same prompt always draws the same, and about one in four draws a mistake."""
    slips = ("one", "two")
    drawn = [draw(f"prompt {number}", slips) for number in range(400)]
    assert drawn == [draw(f"prompt {number}", slips) for number in range(400)]
    assert 70 < 400 - drawn.count("") < 130
    assert set(drawn) == {"", "one", "two"}
    assert draw("prompt", ()) == ""
    assert draw("\ud800", slips) in {"", "one", "two"}


def test_each_mistake_spoils_the_call_in_its_own_way():
    """A tool that is none, an argument that is none, broken JSON, a file that is none."""
    assert distort(RIGHT, "tool") == Call("run_shell", RIGHT.arguments)
    assert arguments(distort(RIGHT, "name")) == {"cmd": "wc -l < data/sales.csv"}
    assert arguments(distort(RIGHT, "path")) == {"command": "wc -l < data/sale.csv"}
    assert arguments(distort(read_file("a.txt"), "path")) == {"path": "aa.txt"}
    assert arguments(distort(read_file("a.txt"), "name")) == {"filename": "a.txt"}
    with pytest.raises(json.JSONDecodeError):
        arguments(distort(RIGHT, "json"))


@pytest.mark.parametrize(
    ("text", "wrong"), [("ls -1 docs", "ls -1 doc"), ("cat b.md c.md", "cat bb.md c.md"), ("", "")]
)
def test_a_misspelled_text_lacks_a_letter_where_a_name_is(text, wrong):
    """The first file's name, else the last word."""
    assert misspell(text) == wrong


@pytest.mark.parametrize("slip", ["tool", "name", "path", "json"])
def test_a_mistake_costs_one_turn_and_the_rest_goes_on_as_if_nothing_had_been(slip):
    """The wrong call is repeated rightly, the other result is kept."""
    steps = stumble(two_turns(), slip)
    first = next(steps)
    assert first.calls == (distort(RIGHT, slip), read_file("a.txt"))
    second = steps.send((Result("No such thing.", failed=True), Result("kept")))
    assert second.calls == (RIGHT,)
    assert "No such thing" in second.reasoning
    with pytest.raises(StopIteration) as end:
        steps.send((Result("right"),))
    assert end.value.value.text == "right, kept"


def test_a_first_turn_without_a_call_is_left_as_it_is():
    """Where nothing is called nothing can go wrong."""
    steps = stumble(thinks_first(), "tool")
    assert next(steps) == turn("Hm.")
    with pytest.raises(StopIteration) as end:
        steps.send(())
    assert end.value.value.text == "Yes."
