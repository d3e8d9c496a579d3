"""Every session that ended has one row, in the right file, and it is what the journal says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import anyio
import pytest

import recorder
from recorder.events import ModelReplied, Scored, SessionEnded, SessionStarted
from recorder.messages import Times
from recorder.verifying import inspect, survey

COMPLETED, FAILED = "trajectories.jsonl", "failed_trajectories.jsonl"


def told(verdict) -> list[str]:
    """What was told of rows."""
    assert verdict.fault_counts.keys() <= {"rows"}
    return [fault.what for fault in verdict.faults]


def change(path: Path, **keys) -> None:
    """Change the first row of a file."""
    first, others = path.read_bytes().split(b"\n", 1)
    changed = json.dumps({**json.loads(first), **keys}).encode()
    path.write_bytes(changed + b"\n" + others)


def test_a_changed_row_is_named_with_what_differs(run, judge):
    """By key, with its file, line and session."""
    change(run / COMPLETED, completed=False, rewards={"r": 1}, more=1)
    verdict = judge(run)
    assert told(verdict) == ["its row differs from the journal in completed, rewards, more"]
    fault = verdict.faults[0]
    assert (fault.place.file, fault.place.line, fault.session) == (COMPLETED, 1, "one")


def test_a_row_that_is_spelt_differently_is_not_the_row_that_was_written(run, judge):
    """Somebody wrote it anew."""
    change(run / COMPLETED)
    assert told(judge(run)) == ["its row differs from the journal in its spelling"]


def test_a_row_that_is_gone_when_it_is_looked_at_again_still_differs(run):
    """The second look only says in what."""
    change(run / COMPLETED, error="x")
    seen = survey(run)
    (run / COMPLETED).unlink()
    assert told(inspect(seen)) == ["its row differs from the journal in its spelling"]


def test_a_missing_row_is_a_fault(run, judge):
    """Going on with the run would write it."""
    (run / COMPLETED).write_bytes(b"")
    (what,) = told(judge(run))
    assert "no row in trajectories.jsonl" in what


def test_files_of_rows_that_are_missing_have_no_rows(run, judge):
    """Each session that ended lacks its row."""
    (run / COMPLETED).unlink()
    (run / FAILED).unlink()
    verdict = judge(run)
    assert verdict.fault_counts == {"rows": 2}
    assert verdict.counts.rows == 0


def test_a_row_of_a_session_that_never_was_is_a_fault(run, judge):
    """No row without a session."""
    with (run / FAILED).open("a") as file:
        file.write('{"id": "stranger"}\n{"id": "stranger"}\n{"id": "\\ud800"}\n')
    verdict = judge(run)
    assert {fault.session for fault in verdict.faults} == {"stranger", "\ud800"}
    assert set(told(verdict)) == {"this row is of no session in the journal"}


def test_a_second_row_is_a_fault(run, judge):
    """A session has exactly one, also when both are right."""
    path = run / COMPLETED
    path.write_bytes(path.read_bytes() * 3)
    verdict = judge(run)
    assert told(verdict) == ["this is its second row"] * 2
    assert [fault.place.line for fault in verdict.faults] == [2, 3]


def test_a_row_in_the_wrong_file_is_a_fault(run, judge):
    """Completed sessions stand apart from all others."""
    with (run / COMPLETED).open("ab") as file:
        file.write((run / FAILED).read_bytes())
    (run / FAILED).write_bytes(b"")
    assert told(judge(run)) == ["its row belongs into failed_trajectories.jsonl"]


@pytest.mark.parametrize("line", [b"{", b"[1]", b'{"id": 3}', b'{"id": "\\ud800', b"\xff", b""])
def test_what_is_no_row_is_located(run, judge, line):
    """And the rows behind it are still read."""
    path = run / COMPLETED
    path.write_bytes(line + b"\n" + path.read_bytes())
    verdict = judge(run)
    assert told(verdict) == ["this is no row: it is no JSON object with an `id`"]
    assert verdict.counts.equal == 2


@pytest.mark.parametrize("cut", [1, 10, 500])
def test_a_row_that_was_being_written_is_counted_and_no_fault(run, judge, cut):
    """Its session has no other row, and needs none yet."""
    path = run / COMPLETED
    path.write_bytes(path.read_bytes()[:-cut])
    verdict = judge(run)
    assert verdict.sound
    assert verdict.counts.torn == 1
    assert verdict.torn_rows == {COMPLETED: path.stat().st_size}


def test_a_torn_tail_of_something_else_does_not_excuse_a_missing_row(run, judge):
    """Only the beginning of that very row does."""
    (run / COMPLETED).write_bytes(bytes(100))
    assert len(told(judge(run))) == 1


async def test_a_session_may_be_scored_when_its_row_is_written(tmp_path, judge, session_in):
    """The row is right as it was then; the journal has the reward."""
    async with recorder.open(tmp_path / "run") as record:
        async with session_in(record, "s") as session:
            pass
        await session.scored({"late": 1.0}, source="me")
    verdict = judge(tmp_path / "run")
    assert verdict.sound
    assert verdict.counts.equal == 1


async def go_on(directory: Path) -> None:
    """Let a session fail, go on and complete; what a kill leaves at two moments is kept."""
    async with recorder.open(directory) as record:
        recording = await record.start([], id="s")
        await recording.end("model_error")
        await record.finish(recording.session)
        again = await record.resume(recording.session)
        await record.durable()
        shutil.copytree(directory, directory.with_name("killed-early"))
        await again.model_replied(text="done")
        await again.end()
        await record.finish(again.session)
        shutil.copytree(directory, directory.with_name("killed-late"))


def test_a_session_that_goes_on_leaves_its_row_behind_until_the_end(tmp_path, judge, save):
    """While it is open the old row is outdated, and a fault only once everything has ended."""
    anyio.run(go_on, tmp_path / "run")
    early, late = judge(tmp_path / "killed-early"), judge(tmp_path / "killed-late")
    assert early.sound
    assert (early.counts.outdated, early.counts.not_ended) == (1, 1)
    assert told(late) == ["this row is of an earlier attempt"]
    assert late.faults[0].place.file == FAILED
    assert late.counts.equal == 1
    assert save(tmp_path / "killed-late")[1].sound


async def test_a_row_of_a_session_that_has_not_ended_is_a_fault(tmp_path, judge):
    """Unless it is that of an earlier attempt."""
    async with recorder.open(tmp_path / "run") as record:
        await record.start([], id="s")
    (tmp_path / "run" / FAILED).write_text('{"id": "s"}\n')
    assert told(judge(tmp_path / "run")) == ["it has a row, but it has not ended"]


def test_rows_of_damaged_sessions_are_not_judged(run, journal, judge):
    """Nobody knows what they should be; those of the others are."""
    path = journal(run)
    lines = path.read_bytes().split(b"\n")
    place = next(n for n, line in enumerate(lines) if b'"seq":2' in line and b'"one"' in line)
    path.write_bytes(b"\n".join(lines[:place] + lines[place + 1 :]))
    verdict = judge(run)
    assert verdict.fault_counts == {"order": 1}
    assert (verdict.counts.unchecked, verdict.counts.equal) == (1, 1)


def test_a_session_of_which_no_row_can_be_made_is_sound_up_to_its_end(
    write_run, judge, save, events
):
    """A time that is no time, for one."""
    times = Times(started="yesterday", finished="today")
    reply = (ModelReplied, {"text": "a", "times": times})
    given = events((SessionStarted, {}), reply, (SessionEnded, {"outcome": "completed"}))
    directory = write_run(given)
    verdict = judge(directory)
    assert "no row can be made" in told(verdict)[0]
    assert verdict.cuts["s"].kept == 2
    report, after = save(directory)
    assert after.sound
    assert (report.sessions, report.rows, report.left_out) == (1, 0, 1)


def test_a_damaged_session_keeps_the_row_of_its_sound_end(write_run, save, events):
    """What came behind its end is cut off, the end is not."""
    ended = (SessionEnded, {"outcome": "limit"})
    scored = (Scored, {"rewards": {"r": 1.0}, "source": "me"})
    given = events((SessionStarted, {}), ended, scored, scored)
    report, after = save(write_run([*given[:2], given[3]]))
    assert after.sound
    assert report.rows == after.counts.equal == 1
