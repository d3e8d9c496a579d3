"""What a session does when it goes on after a crash at any of its moments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hermes_run.recovery import UNKNOWN_TEXT
from hermes_run.resume import Choices
from recorder.events import ModelReplied, ToolReturned, ToolStarted

GoOn = Callable[..., Any]
Crashed = Callable[[Path], Path]

NOTES = ["3", "6", "8"]
REPLIES = 8


def at(moments: list[Path], *names: str) -> list[Path]:
    """The moments of these names."""
    found = [moment for moment in moments if moment.name[3:] in names]
    assert found
    return found


def unknown_in(gone: Any) -> list[str | None]:
    """The calls of which the model was told that nobody knows what they did."""
    facts = [fact for fact in gone.after.facts if isinstance(fact, ToolReturned)]
    return [fact.call_id for fact in facts if fact.status == "unknown"]


def test_each_moment_goes_on_as_the_effects_of_its_calls_allow(
    moments: list[Path], crashed: Crashed, go_on: GoOn
) -> None:
    """Nothing recorded is asked for or run again, and nothing that may have changed the world.

    What is cut in the workspace runs again in the workspace as it was, so each takes effect once.
    """
    assert len(moments) > 50
    for moment in moments:
        gone = go_on(crashed(moment))
        before, stage, is_lost = gone.before, gone.stage, bool(gone.before.cut("send"))
        wanted = [] if is_lost else before.left()
        asked = [] if is_lost else list(range(before.replies, REPLIES))
        assert (sorted(stage.ran), stage.asked) == (sorted(wanted), asked), gone.name
        assert gone.after.facts[: len(before.facts)] == before.facts, gone.name
        assert [row["outcome"] for row in gone.rows] == ["completed"] * (not is_lost), gone.name
        assert [row["outcome"] for row in gone.failed] == ["uncertain"] * is_lost, gone.name
        assert gone.notes == NOTES, gone.name
        assert gone.report.balanced, gone.name


def test_a_session_that_has_ended_only_gets_its_row(
    moments: list[Path], crashed: Crashed, go_on: GoOn
) -> None:
    """No fact is added; the crash came before the row was written."""
    directory = crashed(at(moments, "session_ended")[0])
    assert (directory / "trajectories.jsonl").read_bytes() == b""
    gone = go_on(directory)
    assert gone.after == gone.before
    assert [row["id"] for row in gone.rows] == ["row-0"]


def test_without_a_copy_the_model_is_told_that_nobody_knows(
    moments: list[Path], crashed: Crashed, go_on: GoOn
) -> None:
    """What was written before the crash is there, and is not written again."""
    for moment in at(moments, "in_note"):
        gone = go_on(crashed(moment), workspace_on_crash="keep")
        cut = gone.before.cut("note")
        assert cut
        assert unknown_in(gone) == [f"call_{number}" for number in cut]
        assert UNKNOWN_TEXT in gone.stage.said
        later = [number for number in gone.before.left() if number in NOTES and number not in cut]
        again = [number for number in gone.stage.ran if number in NOTES]
        assert again == later, gone.name
        assert sorted(gone.notes) == sorted(gone.found + later), gone.name


def test_a_workspace_that_is_made_anew_has_nothing_of_what_was_done(
    moments: list[Path], crashed: Crashed, go_on: GoOn
) -> None:
    """The model is told of the call that was cut, and only later calls leave anything."""
    for moment in at(moments, "in_note"):
        gone = go_on(crashed(moment), workspace_on_crash="fresh")
        assert unknown_in(gone) == [f"call_{cut}" for cut in gone.before.cut("note")]
        assert gone.notes == [number for number in NOTES if number in gone.stage.ran], gone.name


def test_a_call_that_runs_again_is_a_second_attempt(
    moments: list[Path], crashed: Crashed, go_on: GoOn
) -> None:
    """Both starts are recorded, each with its number."""
    gone = go_on(crashed(at(moments, "in_double")[0]))
    starts = [fact for fact in gone.after.facts if isinstance(fact, ToolStarted)]
    assert [fact.attempt for fact in starts if fact.call_id == "call_1"] == [1, 2]
    assert [fact.attempt for fact in starts if fact.call_id == "call_2"] == [1]


def test_a_call_that_is_cut_again_while_it_runs_again_takes_effect_once(
    moments: list[Path], crashed: Crashed, go_on: GoOn, tmp_path: Path
) -> None:
    """The copy from before its first attempt is there for its third, too.

    What comes after it in the same turn was waiting when it was cut the second time.
    """
    for number, moment in enumerate(at(moments, "in_note")):
        kept = tmp_path / f"kept-{number}"
        go_on(crashed(moment), kept=kept)
        gone = go_on(crashed(at(sorted(kept.iterdir()), "in_note")[0]))
        starts = [fact for fact in gone.after.facts if isinstance(fact, ToolStarted)]
        attempts = [
            [fact.attempt for fact in starts if fact.call_id == f"call_{cut}"]
            for cut in gone.before.cut("note")
        ]
        first, *others = attempts
        assert (first, others) == ([1, 2, 3], [[1, 2]] * len(others))
        assert gone.notes == NOTES, gone.name


def test_a_copy_that_was_being_made_is_not_taken_for_one(
    moments: list[Path], crashed: Crashed, go_on: GoOn
) -> None:
    """Before a call has started the workspace holds still: it is what the session goes on in."""
    directory = crashed(at(moments, "model_replied")[4])  # calls that change it start next
    for mark in (directory / "mirrors").rglob("*"):
        if mark.is_file():
            mark.write_bytes(b"")
    gone = go_on(directory)
    assert isinstance(gone.before.facts[-1], ModelReplied)
    assert (gone.before.left()[0], gone.found) == (NOTES[1], NOTES[:1])
    assert gone.notes == NOTES


def test_a_workspace_that_was_being_restored_is_restored_again(
    moments: list[Path], crashed: Crashed, go_on: GoOn
) -> None:
    """The crash came after the old folder was removed and before the new one was in its place."""
    for moment in at(moments, "in_note"):
        directory = crashed(moment)
        (directory / "workspaces" / "row-0").rename(directory / "mirrors" / "row-0" / "restored")
        gone = go_on(directory)
        assert gone.notes == NOTES, gone.name


def test_an_uncertain_session_is_left_alone_until_somebody_asks_for_it(
    moments: list[Path], crashed: Crashed, go_on: GoOn
) -> None:
    """Then the model is told, the call still does not run, and its row moves to the others."""
    for moment in at(moments, "in_send"):
        directory = crashed(moment)
        cut = go_on(directory).before.cut("send")
        again = go_on(directory)
        assert (again.stage.ran, again.stage.asked, again.after) == ([], [], again.before)
        settled = go_on(directory, Choices(retry=("uncertain",)))
        assert not set(cut) & set(settled.stage.ran)
        assert UNKNOWN_TEXT in settled.stage.said
        assert [row["outcome"] for row in settled.rows] == ["completed"]
        assert settled.failed == []
