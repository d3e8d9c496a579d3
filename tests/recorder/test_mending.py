"""After mending, the rows are what the journal says, whatever was wrong with them."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recorder.errors import CorruptJournalError
from recorder.events import (
    Event,
    ModelReplied,
    Scored,
    SegmentOpened,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    timestamp,
)
from recorder.faulty import FaultyDisk
from recorder.formats import row
from recorder.framing import frame
from recorder.json_text import decode, encode
from recorder.mending import forget, mend, read_rows
from recorder.messages import Times
from recorder.reader import fold_journal
from recorder.standing import stand

COMPLETED, FAILED = "trajectories.jsonl", "failed_trajectories.jsonl"
OPENED = SegmentOpened(
    session="", seq=0, ts=timestamp(0), schema=1, run="r", writer="w", sync="group", version="0"
)
REPLY: Any = (ModelReplied, {"text": "Hi \u2028 \ud800", "times": Times(timestamp(1))})
DONE: Any = (SessionEnded, {"outcome": "completed"})
BROKE: Any = (SessionEnded, {"outcome": "model_error"})
AGAIN: Any = (SessionResumed, {"attempt": 2, "previous": "model_error"})
SCORED: Any = (Scored, {"rewards": {"r": 1.0}, "source": "me"})

Run = Callable[..., Path]


def history(name: str, *kinds: Any) -> list[Event]:
    """Number the events of a session, its start first."""
    return [
        kind(session=name, seq=seq, ts=timestamp(seq), **fields)
        for seq, (kind, fields) in enumerate([(SessionStarted, {}), *kinds])
    ]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Make a run directory out of sessions, each given by its events; it has no rows yet."""

    def make(*sessions: list[Event]) -> Path:
        (tmp_path / "journal").mkdir(exist_ok=True)
        events = [event for session in sessions for event in session]
        content = b"".join(map(frame, (OPENED, *events)))
        (tmp_path / "journal" / "00000-w.jsonl").write_bytes(content)
        return tmp_path

    return make


def mended(directory: Path, **options: Any) -> int:
    """Mend a run as a resumption does."""
    return mend(directory, stand(directory / "journal"), **options)


def rows(directory: Path, name: str) -> list[Any]:
    """Read a file of rows."""
    path = directory / name
    return [decode(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def right_rows(directory: Path) -> dict[str, list[Any]]:
    """Make the rows that there have to be, by file, in the order of their ids."""
    found: dict[str, list[Any]] = {COMPLETED: [], FAILED: []}
    for _, session in sorted(fold_journal(directory / "journal").sessions.items()):
        if session.ended:
            name = COMPLETED if session.ended.outcome == "completed" else FAILED
            found[name].append(decode(encode(row.render(session, "r"))))
    return found


def rows_now(directory: Path) -> dict[str, list[Any]]:
    """Give the rows that there are, in the order of their ids."""
    return {
        name: sorted(rows(directory, name), key=lambda one: one["id"])
        for name in (COMPLETED, FAILED)
    }


SESSIONS = (
    history("a", REPLY, DONE),
    history("b", BROKE),
    history("c", REPLY),
    history("d", BROKE, AGAIN, REPLY, DONE),
    history("e", BROKE, AGAIN, BROKE),
    history("f", BROKE, AGAIN),
    history("g", REPLY, DONE, SCORED),
)


def test_rows_that_are_missing_are_made(run: Run):
    """A session that has ended gets its row, one that has not gets none."""
    directory = run(*SESSIONS)
    assert mended(directory) == 5
    assert rows_now(directory) == right_rows(directory)
    for name in (COMPLETED, FAILED):
        assert (directory / name).stat().st_mode & 0o777 == 0o600


def test_rows_that_are_right_are_not_touched(run: Run):
    """Not even written anew."""
    directory = run(*SESSIONS[:6])
    mended(directory)
    before = [(directory / name).stat() for name in (COMPLETED, FAILED)]
    assert mended(directory) == 0
    after = [(directory / name).stat() for name in (COMPLETED, FAILED)]
    assert [(one.st_ino, one.st_mtime_ns) for one in before] == [
        (one.st_ino, one.st_mtime_ns) for one in after
    ]


def test_a_row_that_was_cut_anywhere_is_made_again(run: Run):
    """What is torn is no row, however much of it there is."""
    directory = run(history("a", REPLY, DONE), history("b", REPLY, DONE))
    mended(directory)
    path = directory / COMPLETED
    whole = path.read_bytes()
    first = whole.index(b"\n")
    for cut in (0, 1, first, *range(first + 1, len(whole), 97), len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert mended(directory) == (2 if cut <= first else 1)
        assert rows_now(directory) == right_rows(directory)


@pytest.mark.parametrize(
    "surplus",
    [
        b"{}\n",
        b"\n",
        b"\xff\x00\n",
        b"[1]\n",
        b'{"id": 5}\n',
        b'{"id": "a", "timing": []}\n',
        b'{"id": "nobody"}\n',
        b'{"id": "c"}\n',
        b'{"id": "\\ud800"}\n',
        b'{"id": "a"',
    ],
)
def test_what_is_no_row_of_an_ended_session_goes(run: Run, surplus: bytes):
    """The journal is the truth: what it does not know has no row."""
    directory = run(*SESSIONS)
    mended(directory)
    for name in (COMPLETED, FAILED):
        path = directory / name
        path.write_bytes(path.read_bytes() + surplus)
    mended(directory)
    assert rows_now(directory) == right_rows(directory)


def test_of_two_rows_of_a_session_one_stays(run: Run):
    """Whoever finished a session twice left two."""
    directory = run(history("a", DONE), history("b", BROKE))
    mended(directory)
    for name in (COMPLETED, FAILED):
        path = directory / name
        path.write_bytes(path.read_bytes() * 3)
    assert mended(directory) == 0
    assert rows_now(directory) == right_rows(directory)


def test_rows_in_the_wrong_file_change_places(run: Run):
    """Each file holds what its name says."""
    directory = run(*SESSIONS)
    mended(directory)
    (directory / COMPLETED).rename(directory / "aside")
    (directory / FAILED).rename(directory / COMPLETED)
    (directory / "aside").rename(directory / FAILED)
    mended(directory)
    assert rows_now(directory) == right_rows(directory)


def test_rows_of_earlier_attempts_are_replaced(run: Run):
    """A crash amid a resumed run leaves the rows that its sessions had before."""
    directory = run(history("a", BROKE), history("b", BROKE), history("c", BROKE))
    mended(directory)
    run(history("a", BROKE, AGAIN), history("b", BROKE, AGAIN, DONE), history("c", BROKE))
    assert mended(directory) == 1
    assert rows_now(directory) == right_rows(directory)
    assert [one["id"] for one in rows(directory, FAILED)] == ["c"]


def test_a_session_that_was_scored_when_its_row_was_written_gets_another(run: Run):
    """The row says what the journal says, rewards that came late included."""
    directory = run(history("a", DONE))
    mended(directory)
    run(history("a", DONE, SCORED))
    assert mended(directory) == 1
    assert rows(directory, COMPLETED)[0]["rewards"] == {"r": 1.0}


def test_a_session_that_has_no_form_as_a_row_stops_nobody(run: Run):
    """It had none when it ended, either."""
    odd: Any = (ModelReplied, {"times": Times("yesterday", None, "today")})
    directory = run(history("a", odd, DONE), history("b", DONE))
    assert mended(directory) == 2
    assert [one["id"] for one in rows(directory, COMPLETED)] == ["b"]


def test_a_session_that_can_not_be_folded_is_corruption(run: Run):
    """Nothing is made up in its place."""
    started = SessionStarted(session="a", seq=0, ts=timestamp(0), tools_hash="never declared")
    directory = run([started, *history("a", DONE)[1:]])
    with pytest.raises(CorruptJournalError, match="never declared"):
        mended(directory)


def test_only_the_newest_rows_of_sessions_that_went_on_stay(run: Run):
    """Rows of all other sessions do, too."""
    directory = run(*SESSIONS)
    mended(directory)
    path = directory / FAILED
    old = b'{"id": "d"}\n{"id": "e", "timing": {"attempts": 1}}\n{"id": "f"}\n{"id": "b"}\n'
    path.write_bytes(old + path.read_bytes() + b'{"id": "torn')
    forget(directory, {"d": 2, "e": 2, "f": 2})
    assert [(one.name, one.attempt) for one in read_rows(path)] == [("b", 1), ("b", 1), ("e", 2)]
    forget(directory, {"b": 2})
    assert [one.name for one in read_rows(path)] == ["e"]


def test_nothing_is_written_where_there_is_nothing_to_forget(run: Run):
    """A file that is right keeps its place."""
    directory = run(*SESSIONS)
    mended(directory)
    before = (directory / FAILED).stat().st_ino
    forget(directory, {"e": 2})
    assert (directory / FAILED).stat().st_ino == before


@pytest.mark.parametrize("call", ["create", "write", "sync", "rename"])
def test_a_disk_that_fails_leaves_the_rows_as_they_were(run: Run, disk: FaultyDisk, call: Any):
    """Rows are put in place whole or not at all, and no draft is left."""
    directory = run(*SESSIONS)
    mended(directory)
    path = directory / COMPLETED
    path.write_bytes(path.read_bytes() * 2)
    before = path.read_bytes()
    disk.fail(call, errno.EIO)
    with pytest.raises(OSError, match="Input/output"):
        mended(directory, disk=disk)
    assert path.read_bytes() == before
    assert sorted(path.name for path in directory.iterdir()) == sorted(
        ["journal", COMPLETED, FAILED]
    )
    mended(directory)
    assert rows_now(directory) == right_rows(directory)


def test_a_disk_that_fills_up_amid_a_row_leaves_what_can_be_mended(run: Run, disk: FaultyDisk):
    """The next time begins where this one was cut."""
    directory = run(*SESSIONS)
    disk.room = 2_000
    with pytest.raises(OSError, match="No space"):
        mended(directory, disk=disk)
    assert mended(directory) < 5
    assert rows_now(directory) == right_rows(directory)


def test_drafts_that_a_crash_left_behind_are_swept_away(run: Run):
    """And nothing else that begins with a dot."""
    directory = run(*SESSIONS)
    drafts = [".trajectories.jsonl.0123abcd", ".statistics.json.00000000", ".run.json.deadbeef"]
    for name in [*drafts, ".keep", ".run.json.zzzzzzzz"]:
        (directory / name).write_text("x")
    mended(directory)
    hidden = sorted(path.name for path in directory.iterdir() if path.name.startswith("."))
    assert hidden == [".keep", ".run.json.zzzzzzzz"]


def test_many_rows_are_written_anew_in_pieces(run: Run):
    """None is lost between two."""
    long: Any = (ModelReplied, {"text": "x" * 400_000})
    directory = run(*(history(str(number), long, DONE) for number in range(7)))
    mended(directory)
    path = directory / COMPLETED
    path.write_bytes(path.read_bytes() + b"{}\n")
    mended(directory)
    assert rows_now(directory) == right_rows(directory)
