"""What is sound of a damaged run becomes a run of its own."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

from recorder.errors import JournalError, RunDirectoryError, RunExistsError
from recorder.events import ModelReplied, SessionStarted, ToolsDeclared, timestamp, tools_hash
from recorder.reader import fold_journal
from recorder.verifying import SALVAGE, inspect, salvage, survey
from recorder.verifying.sound import is_named_right

TOOLS = ({"name": "f"},)
HASH = tools_hash(TOOLS)
UNREADABLE = Path("/proc/self/mem")


def salvaged(run: Path, out: Path, *more):
    """Salvage a run."""
    seen = survey(run)
    return anyio.run(salvage, seen, inspect(seen, *more[:1]), out, *more)


def test_a_sound_run_is_saved_whole(run, tmp_path):
    """The same sessions, rows and statistics; nothing is left out."""
    report = salvaged(run, tmp_path / "out")
    out = tmp_path / "out"
    assert (report.sessions, report.rows, report.left_out, report.shortened) == (2, 2, 0, ())
    assert fold_journal(out / "journal").sessions == fold_journal(run / "journal").sessions
    for name in ("trajectories.jsonl", "failed_trajectories.jsonl", "statistics.json"):
        assert (out / name).read_bytes() == (run / name).read_bytes()


def test_lines_are_saved_as_they_were(run, journal, tmp_path):
    """Byte for byte, in their order; only the facts about the segment are new."""
    salvaged(run, tmp_path / "out")
    before, after = (journal(r).read_bytes().split(b"\n") for r in (run, tmp_path / "out"))
    assert after[2:] == before[2:]


def test_what_was_left_out_is_written_down_with_the_reason(run, journal, tmp_path):
    """In a file beside what was saved."""
    path = journal(run)
    path.write_bytes(path.read_bytes().replace(b"done", b"gone"))
    salvaged(run, tmp_path / "out")
    written = json.loads((tmp_path / "out" / SALVAGE).read_bytes())
    (short,) = written["shortened"]
    assert short == {"session": "one", "kept": 4, "why": "session 'one' has seq 5 where 4 is due"}
    assert written["left_out"] == 1
    assert written["fault_counts"] == {"lines": 1, "order": 1}
    assert written["source"] == str(run)


def test_a_session_whose_last_line_was_lost_has_not_ended(run, journal, save):
    """It can go on; no row is made of it."""
    path = journal(run)
    lines = path.read_bytes().split(b"\n")
    place = next(n for n, line in enumerate(lines) if b"session_ended" in line and b'"two"' in line)
    lines[place] = b"?" * 50
    path.write_bytes(b"\n".join(lines))
    report, after = save(run)
    assert after.sound
    assert (after.outcomes, after.counts.not_ended, report.rows) == ({"completed": 1}, 1, 1)


def test_a_damaged_session_is_closed_also_where_its_last_line_was_lost(run, journal, save):
    """What is kept of an ended session behind a lost line is its row too."""
    path = journal(run)
    content = path.read_bytes()
    last = content.split(b"\n")[-2]
    path.write_bytes(content + last[:-12] + b'0"}\n')
    report, after = save(run)
    assert after.sound
    assert report.rows == 2


def test_tools_that_the_journal_lost_may_come_from_elsewhere(write_run, tmp_path, events):
    """Sessions that refer to them are saved then, else they are left out."""
    directory = write_run(events((SessionStarted, {"tools_hash": HASH}), (ModelReplied, {})))
    without = salvaged(directory, tmp_path / "without")
    assert (without.sessions, without.left_out) == (0, 2)
    assert without.shortened[0].kept == 0
    assert salvaged(directory, tmp_path / "with", [TOOLS]).sessions == 1
    (session,) = fold_journal(tmp_path / "with" / "journal").sessions.values()
    assert session.tools == TOOLS


def test_tools_under_a_foreign_name_are_not_saved(write_run, save, events):
    """Only what a hash stands for is declared."""
    wrong = ToolsDeclared(session="", seq=1, ts=timestamp(0), tools_hash="0" * 16, tools=TOOLS)
    right = ToolsDeclared(session="", seq=2, ts=timestamp(0), tools_hash=HASH, tools=TOOLS)
    directory = write_run([wrong, right, *events((SessionStarted, {"tools_hash": HASH}))])
    report, after = save(directory)
    assert after.sound
    assert (report.sessions, after.counts.tools) == (1, 1)


def test_tools_that_have_no_json_form_are_no_tools():
    """Nothing stands for them."""
    tools = ({"a": object()},)
    fact = ToolsDeclared(session="", seq=1, ts=timestamp(0), tools_hash="x", tools=tools)
    assert not is_named_right(fact)


def test_files_beside_the_record_are_copied_as_they_are(run, tmp_path):
    """Those that are there."""
    (run / "run.json").write_bytes(b"whatever")
    report = salvaged(run, tmp_path / "out", [], ["run.json", "rejects.jsonl"])
    assert report.copied == ("run.json",)
    assert (tmp_path / "out" / "run.json").read_bytes() == b"whatever"


def test_nothing_is_ever_overwritten(run, tmp_path):
    """Neither something else nor the run itself; a link into nowhere is something too."""
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for place in (tmp_path / "out", tmp_path / "link"):
        with pytest.raises(RunExistsError):
            salvaged(run, place)
    with pytest.raises(RunDirectoryError, match="lies in the run"):
        salvaged(run, run / "saved")


def test_a_run_that_can_not_be_read_any_more_is_an_error_of_the_directory(run, journal, tmp_path):
    """What was saved until then stays."""
    seen = survey(run)
    verdict = inspect(seen)
    journal(run).unlink()
    with pytest.raises(RunDirectoryError, match="can't be read"):
        anyio.run(salvage, seen, verdict, tmp_path / "out")


def test_a_run_that_changed_since_it_was_inspected_is_not_saved(run, journal, tmp_path):
    """What was judged is no longer what there is."""
    seen = survey(run)
    verdict = inspect(seen)
    path = journal(run)
    lines = path.read_bytes().split(b"\n")
    lines[2], lines[4] = lines[4], lines[2]
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(RunDirectoryError, match="any more"):
        anyio.run(salvage, seen, verdict, tmp_path / "out")


@pytest.mark.skipif(not UNREADABLE.exists(), reason="there is no file that nobody can read")
def test_a_file_that_can_not_be_read_is_found_before_anything_is_written(run, tmp_path):
    """The fault is the run's."""
    (run / "run.json").symlink_to(UNREADABLE)
    with pytest.raises(RunDirectoryError, match="can't be read"):
        salvaged(run, tmp_path / "out", [], ["run.json"])
    assert not (tmp_path / "out").exists()


def test_a_file_that_can_not_be_written_is_an_error_of_the_record(run, tmp_path):
    """Its name is too long for one that stands in for it meanwhile."""
    name = "x" * 255
    (run / name).write_bytes(b"")
    with pytest.raises(JournalError, match="can't be written"):
        salvaged(run, tmp_path / "out", [], [name])
