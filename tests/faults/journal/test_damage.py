"""Whatever was done to a journal: all who read it agree about it, and nobody changes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import recorder
from hermes_run.cli.status import read_status
from recorder.archive import Archive
from recorder.errors import CorruptJournalError
from recorder.following import Follower
from recorder.reader import Torn, fold_journal
from recorder.standing import stand
from recorder.verifying import inspect, survey

LINES = "lines", "order", "tools"
"""What verify calls the faults that keep everybody else from reading on."""


@pytest.fixture
def segment(tmp_path) -> Path:
    """Record a short session with hostile text; give its segment."""
    with (
        recorder.open_sync(tmp_path / "run", "the-run") as record,
        record.session("\x00", id="s", metadata={"m": "\u2028\u0085\x0b"}) as session,
    ):
        session.user_spoke("\x00\x1c")
        session.model_replied(text="\u00e9\u2028\U0001f600\n\r")
    for file in (tmp_path / "run").glob("*.json*"):
        file.unlink()
    (path,) = (tmp_path / "run" / "journal").iterdir()
    *whole, _, _ = path.read_bytes().split(b"\n")  # without the end, it was still in flight
    path.write_bytes(b"\n".join([*whole, b""]))
    return path


def all_files(directory: Path) -> dict[Path, tuple[bytes, int]]:
    """Everything in a directory, with the time it was changed."""
    files = [path for path in directory.rglob("*") if path.is_file()]
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def told(directory: Path) -> Iterator[tuple[list[str], tuple[Torn, ...]]]:
    """Give what each reader has to say: the sessions with their number of events, and tails."""
    journal = directory / "journal"
    folded, standings, status = fold_journal(journal), stand(journal), read_status(directory)
    names = [f"{name} {session.seq}" for name, session in folded.sessions.items()]
    yield names, folded.torn
    archive = Archive(journal, standings.sessions)
    yield [f"{name} {archive.fold(name).seq}" for name in standings.sessions], standings.torn
    assert status.statistics == standings.statistics.value()
    yield names[: status.statistics.started], status.torn
    follower = Follower(journal)
    newest = {entry.event.session: entry.event.seq + 1 for entry in follower.news()}
    followed = [f"{name} {seq}" for name, seq in newest.items() if name]
    # Whoever follows waits for the end of the last line, even where only its newline is missing.
    assert names[: len(followed)] == followed or len(names) == len(followed)


def judged(directory: Path) -> tuple[list[str], tuple[Torn, ...]] | None:
    """Say what all readers agree on, None where all say it is corrupt; nothing is changed."""
    before = all_files(directory)
    verdict = inspect(survey(directory))
    unreadable = verdict.fault_counts.keys() & set(LINES)
    try:
        one, *others = told(directory)
    except CorruptJournalError:
        assert unreadable
        one = None
    else:
        assert all(other == one for other in others)
        assert not unreadable
        assert verdict.torn == one[1]
    assert all_files(directory) == before
    return one


def test_cut_at_any_byte(segment):
    """A prefix of the facts, and at most one torn tail; never an error."""
    whole = segment.read_bytes()
    ends = [place for place, byte in enumerate(whole) if byte == 0x0A]
    assert judged(segment.parent.parent) == (["s 3"], ())
    for size in range(len(whole)):
        segment.write_bytes(whole[:size])
        lines = sum(end <= size for end in ends)  # a line that only lacks its newline counts
        tail = size - (ends[lines - 1] + 1 if lines else 0)
        torn = (Torn(segment.name, lines + 1, tail),) if tail > 0 else ()
        assert judged(segment.parent.parent) == ([f"s {lines - 1}"] if lines > 1 else [], torn)


@pytest.mark.parametrize("bit", [0, 5, 7])
def test_a_bit_flipped_in_any_byte(segment, bit):
    """Corruption; only without the last newline the last line is one that was being written."""
    whole = segment.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << bit
        segment.write_bytes(damaged)
        found = judged(segment.parent.parent)
        if place == len(whole) - 1:
            assert found == (["s 2"], (Torn(segment.name, 4, len(whole) - last),))
        else:
            assert found is None


TORN = {
    "zero tail": lambda whole: whole + bytes(4096),
    "zeros in place of the end": lambda whole: whole[:-30] + bytes(30),
    "garbage tail": lambda whole: whole + b'{"event":"scored","session":"s"',
    "bytes that are no text": lambda whole: whole + b"\xff\xfe\x80",
    "the beginning of a character": lambda whole: whole + "\u00e9".encode()[:1],
    "cut inside a character": lambda whole: whole[: whole.rindex("\U0001f600".encode()) + 2],
    "cut behind U+2028": lambda whole: whole[: whole.rindex("\u2028".encode()) + 3],
    "a valid line without the last brace": lambda whole: whole[:-2],
}

CORRUPT = {
    "zero block in the middle": lambda whole: whole[:250] + bytes(64) + whole[314:],
    "zero block with the newlines": lambda whole: whole[:100] + bytes(400) + whole[500:],
    "zero line": lambda whole: whole + bytes(64) + b"\n",
    "empty line": lambda whole: whole + b"\n",
    "garbage line": lambda whole: whole + b"garbage\n",
    "split at U+2028": lambda whole: whole.replace("\u2028".encode(), b"\n"),
    "carriage returns": lambda whole: whole.replace(b"\n", b"\r\n"),
    "a line twice in one": lambda whole: whole[:-1] + whole[whole.rindex(b"\n", 0, -1) + 1 :],
}


@pytest.mark.parametrize("damage", TORN.values(), ids=TORN)
def test_what_was_being_written_is_skipped_and_counted(segment, damage):
    """It was never acknowledged; the facts before it are all there."""
    whole = segment.read_bytes()
    segment.write_bytes(damage(whole))
    found = judged(segment.parent.parent)
    assert found
    sessions, (torn,) = found
    assert sessions == [f"s {torn.line - 2}"]
    assert torn.size == len(segment.read_bytes()) - segment.read_bytes().rfind(b"\n") - 1


@pytest.mark.parametrize("damage", CORRUPT.values(), ids=CORRUPT)
def test_anything_else_is_reported_and_never_skipped(segment, damage):
    """By everybody who reads it."""
    segment.write_bytes(damage(segment.read_bytes()))
    assert judged(segment.parent.parent) is None


def test_a_valid_line_without_its_newline_counts(segment):
    """All of it was written; nothing is torn."""
    segment.write_bytes(segment.read_bytes()[:-1])
    assert judged(segment.parent.parent) == (["s 3"], ())
