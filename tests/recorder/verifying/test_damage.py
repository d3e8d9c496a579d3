"""Whatever happens to a journal: verify sees it, raises nothing, and what is sound can be saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recorder.errors import CorruptJournalError
from recorder.reader import fold_journal

Damage = Callable[[bytes], bytes]


def sessions_of(directory: Path) -> dict[str, Any]:
    """What a journal means."""
    return fold_journal(directory / "journal").sessions


def test_every_byte_that_flips_is_seen(run, journal, judge):
    """One bit of each byte in turn: a fault, a torn tail, or the same meaning as before."""
    path, meaning = journal(run), sessions_of(run)
    sound = path.read_bytes()
    for place in range(len(sound)):
        damaged = bytearray(sound)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        verdict = judge(run)
        assert not verdict.sound or verdict.torn or sessions_of(run) == meaning


def test_a_journal_cut_at_any_byte_is_seen(run, journal, judge):
    """The rows give it away, or nothing is lost but the last newline."""
    path, meaning = journal(run), sessions_of(run)
    sound = path.read_bytes()
    for size in range(len(sound)):
        path.write_bytes(sound[:size])
        verdict = judge(run)
        assert not verdict.fault_counts.keys() & {"lines", "order", "tools", "calls"}
        assert not verdict.sound or sessions_of(run) == meaning


def test_a_cut_journal_alone_is_a_run_that_was_killed(run, journal, judge):
    """Without rows and statistics any prefix is sound, or lacks a row that was never written."""
    path = journal(run)
    for name in ("trajectories.jsonl", "failed_trajectories.jsonl", "statistics.json"):
        (run / name).unlink()
    sound = path.read_bytes()
    for size in range(len(sound)):
        path.write_bytes(sound[:size])
        verdict = judge(run)
        assert verdict.counts.not_ended or not verdict.counts.sessions or verdict.fault_counts
        assert verdict.fault_counts.keys() <= {"rows"}
        at_boundary = size == 0 or sound[size - 1] == 10
        assert [torn.size for torn in verdict.torn] == (
            [] if at_boundary or sound[size] == 10 else [size - sound.rfind(b"\n", 0, size) - 1]
        )


def swap(content: bytes) -> bytes:
    """Swap the last two lines of one session."""
    lines = content.split(b"\n")
    mine = [n for n, line in enumerate(lines) if b'"one"' in line]
    a, b = mine[-2:]
    lines[a], lines[b] = lines[b], lines[a]
    return b"\n".join(lines)


def without(number: int) -> Damage:
    """Remove one line."""

    def remove(content: bytes) -> bytes:
        lines = content.split(b"\n")
        del lines[number]
        return b"\n".join(lines)

    return remove


def zero_block(content: bytes) -> bytes:
    """Zero a block in the middle, newlines included."""
    half = len(content) // 2
    return content[:half] + bytes(300) + content[half + 300 :]


def cut_in_a_character(content: bytes) -> bytes:
    """End in the middle of a UTF-8 sequence."""
    return content[: content.index("\u00e9".encode()) + 1]


DAMAGES: dict[str, Damage] = {
    "zero tail": lambda content: content[:-20] + bytes(20),
    "zeros behind": lambda content: content + bytes(4096),
    "zero block": zero_block,
    "garbage tail": lambda content: content + b'{"event":"model_rep',
    "garbage line": lambda content: content + b"\xff\xfe garbage\n",
    "empty line": lambda content: content + b"\n",
    "cut in a character": cut_in_a_character,
    "split at U+2028": lambda content: content.replace("\u2028".encode(), b"\n"),
    "carriage returns": lambda content: content.replace(b"\n", b"\r\n"),
    "swapped lines": swap,
    "first line removed": without(0),
    "tools removed": without(1),
    "start removed": without(2),
    "fact removed": without(7),
    "nothing left": lambda _: b"",
    "a changed fact": lambda content: content.replace(b"too long", b"too short"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_sound_of_a_damaged_run_can_be_saved(run, journal, judge, save, damage):
    """The damage is told; what is saved is sound, can be read, and the run is not touched."""
    path = journal(run)
    path.write_bytes(damage(path.read_bytes()))
    before = {file: file.read_bytes() for file in sorted(run.rglob("*")) if file.is_file()}
    verdict = judge(run)
    assert not verdict.sound or verdict.torn
    report, after = save(run)
    assert after.sound
    assert after.statistics == "equal"
    saved = sessions_of(Path(report.directory))
    assert len(saved) == report.sessions
    assert {file: file.read_bytes() for file in sorted(run.rglob("*")) if file.is_file()} == before


@pytest.mark.parametrize("place", range(40, 2600, 67))
def test_what_is_saved_after_a_flipped_byte_is_sound(run, journal, save, place):
    """Each session is a prefix of what it was."""
    path, meaning = journal(run), sessions_of(run)
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 4
    path.write_bytes(content)
    report, after = save(run)
    assert after.sound
    for name, session in sessions_of(Path(report.directory)).items():
        whole = len(session.turns) - 1
        assert session.turns[:whole] == meaning[name].turns[:whole]
        assert session.seq <= meaning[name].seq


def test_a_damaged_line_is_located_and_the_rest_is_still_checked(run, journal, judge):
    """Two bad lines give two places, with line and byte."""
    path = journal(run)
    lines = path.read_bytes().split(b"\n")
    lines[3] = b"?" + lines[3][1:]
    lines[6] = b"?" + lines[6][1:]
    path.write_bytes(b"\n".join(lines))
    faults = [fault for fault in judge(run).faults if fault.check == "lines"]
    assert [fault.place.line for fault in faults] == [4, 7]
    assert faults[0].place.offset == len(b"\n".join(lines[:3])) + 1
    assert "checksum" in faults[0].what


def test_many_faults_are_counted_and_the_first_are_kept(run, journal, judge):
    """Memory has a bound however much is broken."""
    path = journal(run)
    path.write_bytes(path.read_bytes() + b"garbage\n" * 250)
    verdict = judge(run)
    assert verdict.fault_counts == {"lines": 250}
    assert len(verdict.faults) == 100


def test_an_event_that_stands_twice_is_counted_and_no_fault(run, journal, judge):
    """So they do after a disk was full."""
    path = journal(run)
    lines = path.read_bytes().split(b"\n")
    again = lines[4]
    path.write_bytes(b"\n".join([*lines[:-1], again, b""]))
    verdict = judge(run)
    assert verdict.sound
    assert verdict.counts.repeated == 1


def test_a_reader_refuses_what_verify_reports(run, journal, judge):
    """Nothing that everybody else could not read is called sound."""
    path = journal(run)
    path.write_bytes(swap(path.read_bytes()))
    with pytest.raises(CorruptJournalError):
        sessions_of(run)
    assert judge(run).fault_counts["order"] == 1
