"""Where trajectories may be cut."""

from __future__ import annotations

import pytest

from compressor.answering import answers
from compressor.boundaries import (
    Step,
    head_of,
    least_of,
    observations,
    steps,
    tails_of,
)
from compressor.trajectory import Piece, Purpose, Role, Trajectory, Turn

ROLES: dict[str, Role] = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}


def spoken(letters: str) -> Trajectory:
    """A trajectory of turns whose roles begin with these letters."""
    purposes: dict[str, Purpose] = {"t": "result", "a": "call" if "t" in letters else "text"}
    return Trajectory(
        tuple(
            Turn(ROLES[letter], (Piece(f"{letter}{at}", purposes.get(letter, "text")),))
            for at, letter in enumerate(letters)
        )
    )


@pytest.mark.parametrize(
    ("letters", "head"),
    [
        ("suat", 2),
        ("uuat", 2),
        ("satat", 1),
        ("satuat", 1),
        ("atu", 0),
        ("atat", 0),
        ("s", 1),
        ("", 0),
    ],
)
def test_the_head_ends_before_the_model_first_acts(letters, head):
    """It is what system and user say first; a user who speaks late does not make it longer."""
    assert head_of(spoken(letters)) == head


@pytest.mark.parametrize(
    ("letters", "head"), [("ausa", 3), ("saua", 3), ("asa", 0), ("uaua", 1), ("aaua", 0)]
)
def test_a_greeting_before_the_task_belongs_to_the_head(letters, head):
    """The task is what the user says after it; more than a greeting may be cut."""
    assert head_of(spoken(letters)) == head


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("suatatt", [(2, 3), (4, 6)]),
        ("suatuat", [(2, 4), (5, 6)]),
        ("uttat", [(1, 2), (3, 4)]),
        ("uaaa", [(1, 1), (2, 2), (3, 3)]),
        ("su", []),
    ],
)
def test_a_step_is_an_assistant_turn_with_all_that_follows_it(letters, expected):
    """Parallel results and what the user says next belong to it; orphans are their own step."""
    assert steps(spoken(letters)) == tuple(Step(*pair) for pair in expected)


@pytest.mark.parametrize(
    ("letters", "last", "expected"),
    [
        ("suatatat", 4, (4, 6)),
        ("suatatat", 3, (4, 6)),
        ("suatatat", 0, (6,)),
        ("suatatat", 99, (2, 4, 6)),
        ("su", 4, (2,)),
    ],
)
def test_the_tail_is_widened_to_whole_steps_and_narrows_to_the_last(letters, last, expected):
    """The last step stays whatever is asked for."""
    assert tails_of(spoken(letters), last) == expected


def test_what_every_plan_keeps_is_the_head_and_the_last_step():
    """All between them may go."""
    assert least_of(spoken("suatatat")) == {0, 1, 6, 7}


def test_every_result_is_an_observation_where_tools_are_called():
    """What the user says between calls is none."""
    assert list(observations(spoken("suatuatt"))) == [(3, 0), (6, 0), (7, 0)]


def test_an_agent_that_acts_in_its_text_observes_in_user_turns():
    """A user turn that answers a fenced block is an observation; the first one is the task."""
    acts, talks = Piece("I look.\n```\nls\n```"), Piece("Shall I?")
    turns = (
        Turn("user", (Piece("```task```"),)),
        Turn("assistant", (acts,)),
        Turn("user", (Piece("a.py"),)),
        Turn("assistant", (talks,)),
        Turn("user", (Piece("Yes."),)),
    )
    assert list(observations(Trajectory(turns))) == [(2, 0)]


def called(*ids: str | None) -> Turn:
    """A turn with a call for each of *ids*."""
    return Turn("assistant", tuple(Piece("call", "call", call_id=one) for one in ids))


def result(call: str | None = None, count: int = 1) -> Turn:
    """A turn with results."""
    return Turn("tool", (Piece("r", "result"),) * count, call)


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ((called("a"), called(), result("a")), [(2, 0)]),
        ((called(None), called(), result()), [(2, 0)]),
        ((called("a"), called(), result()), [(2, 0)]),
        ((called(None), called(), result("a")), [(2, 0)]),
        ((called("a"), called("b"), result("a"), result("b")), [(2, 0), (3, 1)]),
        ((called("a"), called("b"), result("b"), result()), [(2, 1), (3, 0)]),
        ((called(None), called("b"), result(), result()), [(2, 1), (3, 0)]),
        ((called("b"), called(None), result(), result()), [(2, 1), (3, 0)]),
        ((called("a"), result("a"), called("a"), result("a")), [(1, 0), (3, 2)]),
        ((called(None, None), result(None, 2)), [(1, 0), (1, 0)]),
        ((called(None), result(), result()), [(1, 0), (2, 0)]),
        ((called("a"), result("z")), [(1, None)]),
        ((called("a"), result("a"), called(), result()), [(1, 0), (3, None)]),
        ((result("a"), Turn("tool", ())), [(0, None), (1, None)]),
    ],
)
def test_a_result_answers_the_call_of_its_id_else_the_latest_that_waits(turns, expected):
    """Where nothing waits, results go on answering the turn right before them."""
    assert list(answers(Trajectory(turns))) == expected


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ((called("a"), called(), result("a"), called("b"), result("b")), [(0, 2), (3, 4)]),
        ((called("a"), called("b"), result("a"), called(), result("b")), [(0, 4)]),
        ((called("a"), called(), called("b"), result("b")), [(0, 0), (1, 1), (2, 3)]),
        ((called(None), called(), result(), called()), [(0, 2), (3, 3)]),
    ],
)
def test_a_step_runs_until_its_calls_are_answered(turns, expected):
    """A call that is never answered holds nothing together."""
    assert steps(Trajectory(turns)) == tuple(Step(*pair) for pair in expected)
