"""Where trajectories may be cut."""

from __future__ import annotations

import pytest

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
    [("suat", 2), ("uuat", 2), ("ausat", 3), ("satat", 1), ("atat", 0), ("s", 1), ("", 0)],
)
def test_the_head_runs_to_the_first_user_turn(letters, head):
    """Where the user never speaks it is the leading system turns."""
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
