"""Rows of ends that the journal does not know: acknowledged facts are gone, and it is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import recorder
from recorder.archive import Archive
from recorder.errors import CorruptJournalError
from recorder.json_text import decode
from recorder.mending import mend, sift
from recorder.messages import Outcome
from recorder.opening import reopen_record
from recorder.run_directory import FAILED, LOST, TRAJECTORIES, own_existing
from recorder.segment import segments
from recorder.settings import JournalSettings, Sync
from recorder.standing import stand
from recorder.verifying import inspect, survey

Tree = dict[str, bytes]


async def begin(directory: Path, sync: Sync) -> None:
    """Record a session that completes and two that do not."""
    async with recorder.open(directory, settings=JournalSettings(sync=sync)) as record:
        for name in "abc":
            async with record.session("x", id=name) as session:
                await session.end("completed" if name == "a" else "model_error")


async def go_on(directory: Path, outcome: Outcome, new: str, sync: Sync) -> None:
    """Let "b" go on and end with *outcome*, and begin the session *new*."""
    async with own_existing(directory):
        past = stand(directory / "journal")
        archive = Archive(directory / "journal", ["b"])
        settings = JournalSettings(sync=sync)
        async with reopen_record(directory, past, settings) as record:
            recording = await record.resume(archive.fold("b"))
            await recording.end(outcome)
            await record.finish(recording.session)
            async with record.session("x", id=new):
                pass


@pytest.fixture
async def run(tmp_path: Path) -> Path:
    """A run of three segments: begun, and gone on with twice."""
    directory = tmp_path / "run"
    await begin(directory, "group")
    await go_on(directory, "model_error", "d", "group")
    await go_on(directory, "completed", "e", "group")
    assert inspect(survey(directory)).sound
    return directory


def tree(directory: Path) -> Tree:
    """Read every file."""
    paths = [path for path in directory.rglob("*") if path.is_file()]
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


def ids(path: Path) -> list[str]:
    """Name the sessions that have a row in a file."""
    return [decode(line)["id"] for line in path.read_bytes().splitlines()] if path.exists() else []


def cut_lines(directory: Path) -> None:
    """Take the last two lines off the newest segment."""
    path = segments(directory / "journal")[-1]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))


def drop(number: int) -> Callable[[Path], None]:
    """Remove one segment."""
    return lambda directory: segments(directory / "journal")[number].unlink()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut_lines, "1 session has a row and no end in the journal: 'e'"),
        (drop(2), "2 sessions have rows and no end in the journal: 'b', 'e'"),
        (drop(1), "seq"),
    ],
)
async def test_acknowledged_facts_that_are_missing_are_refused(
    run: Path, damage: Callable[[Path], None], said: str
):
    """Whatever is gone of them, before anything is changed; verifying finds it, too."""
    damage(run)
    before = tree(run)
    with pytest.raises(CorruptJournalError, match=said):
        mend(run, stand(run / "journal"))
    async with own_existing(run):
        with pytest.raises(CorruptJournalError, match=said):
            async with reopen_record(run, stand(run / "journal")):
                pass
    assert tree(run) == before
    assert not inspect(survey(run)).sound


async def test_a_segment_amid_others_that_nobody_went_on_after_is_missed_too(tmp_path: Path):
    """Its sessions are in no other: only their rows tell that there was one."""
    directory = tmp_path / "run"
    await begin(directory, "group")
    for name in ("d", "e"):
        async with own_existing(directory):
            past = stand(directory / "journal")
            async with reopen_record(directory, past) as record, record.session("x", id=name):
                pass
    drop(1)(directory)
    with pytest.raises(CorruptJournalError, match=r"1 session has a row .*: 'd'"):
        sift(directory, stand(directory / "journal"))


async def test_of_many_that_are_lost_the_first_are_named(run: Path):
    """The others are counted."""
    path = run / TRAJECTORIES
    row = path.read_bytes().splitlines(keepends=True)[0]
    more = [row.replace(b'"a"', b'"%d"' % number) for number in range(8)]
    path.write_bytes(path.read_bytes() + b"".join(more))
    with pytest.raises(CorruptJournalError, match=r"8 sessions .*: '0', .*'4' and 3 more"):
        sift(run, stand(run / "journal"))


async def test_rows_of_earlier_attempts_prove_nothing(run: Path):
    """They are what a crash amid a resumption leaves behind."""
    path = run / FAILED
    row = next(line for line in path.read_bytes().splitlines(keepends=True) if b'"c"' in line)
    path.write_bytes(path.read_bytes() + row.replace(b'"c"', b'"b"'))
    sifted = sift(run, stand(run / "journal"))
    assert (sifted.untrue, sifted.lost, sifted.missing) == ((FAILED,), (), ())
    mend(run, stand(run / "journal"))
    assert inspect(survey(run)).sound


@pytest.mark.parametrize("sync", ["none", "group"])
async def test_rows_of_what_a_power_cut_took_are_kept_aside(tmp_path: Path, sync: Sync):
    """A run that waited for no disk may lose facts; what they came to is not thrown away."""
    directory = tmp_path / "run"
    await begin(directory, "none")
    await go_on(directory, "completed", "d", sync)
    drop(-1)(directory)
    lost = (directory / TRAJECTORIES).read_bytes().splitlines(keepends=True)[1:]
    standings = stand(directory / "journal")
    sifted = sift(directory, standings)
    assert (sifted.lost, sifted.missing) == (("b", "d"), ("b",))
    assert mend(directory, standings, sifted=sifted) == 1
    assert (directory / LOST).read_bytes() == b"".join(lost)
    assert (ids(directory / TRAJECTORIES), ids(directory / FAILED)) == (["a"], ["c", "b"])
    assert inspect(survey(directory)).counts.equal == 3
    await go_on(directory, "completed", "d", "none")
    drop(-1)(directory)
    mend(directory, stand(directory / "journal"))
    assert ids(directory / LOST) == ["b", "d", "b", "d"]


async def test_a_row_of_another_outcome_is_written_anew(run: Path):
    """Also where its session and attempt are right; so is one that can't be read any more."""
    path = run / FAILED
    whole = path.read_bytes()
    for damaged in (
        whole.replace(b'"outcome":"model_error"', b'"outcome":"tool_error"'),
        whole[:60] + b"\x00" + whole[61:],
    ):
        assert damaged != whole
        path.write_bytes(damaged)
        assert mend(run, stand(run / "journal")) == 1
        assert path.read_bytes() == whole
