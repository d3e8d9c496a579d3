"""A run directory holds a run as soon as a session was begun in it, and not before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import recorder
from recorder import verifying
from recorder.errors import RunExistsError
from recorder.events import SegmentOpened, ToolsDeclared, Unknown, tools_hash
from recorder.framing import frame
from recorder.opening import reopen_record
from recorder.reader import Torn, read
from recorder.run_directory import own_existing, was_begun
from recorder.standing import stand

TS = "2026-11-22T17:00:00.000Z"
OPENED = frame(
    SegmentOpened(
        session="", seq=0, ts=TS, schema=1, run="lost", writer="w", sync="group", version="1"
    )
)
SCHEMAS = ({"name": "f"},)
DECLARED = frame(
    ToolsDeclared(session="", seq=1, ts=TS, tools_hash=tools_hash(SCHEMAS), tools=SCHEMAS)
)
STARTED = b'{"event":"session_started","session":"s","seq":0,"ts":"%b"' % TS.encode()
LATER = frame(Unknown(event="dreamt", session="s", seq=0, ts=TS, raw=STARTED))

LEFT = {
    "an empty segment": b"",
    "a torn heading": OPENED[:-20],
    "a heading": OPENED,
    "declared tools": OPENED + DECLARED,
    "a start that was never acknowledged": OPENED + DECLARED + STARTED,
}


@pytest.fixture
def leave(tmp_path: Path) -> Callable[..., Path]:
    """Leave a run directory as a process that died did; gives it."""

    def made(*segments: bytes) -> Path:
        (tmp_path / "journal").mkdir()
        for number, content in enumerate(segments):
            (tmp_path / "journal" / f"{number:05d}-w.jsonl").write_bytes(content)
        for name in ("trajectories.jsonl", "failed_trajectories.jsonl", "run.log"):
            (tmp_path / name).touch()
        (tmp_path / ".run.json.0123abcd").write_bytes(b"{")
        return tmp_path

    return made


async def record_one(directory: Path) -> None:
    """Record a session."""
    async with (
        recorder.open(directory, "new") as record,
        record.session("Hi", SCHEMAS, id="s") as session,
    ):
        await session.model_replied(text="Hello")


@pytest.mark.parametrize("content", LEFT.values(), ids=LEFT)
async def test_a_run_in_which_nothing_was_begun_may_be_begun_again(leave, content: bytes):
    """Nothing of what a process left that died at its beginning is in the new run."""
    directory = leave(content)
    assert not was_begun(directory)
    await record_one(directory)
    entries = [entry for entry in read(directory / "journal") if not isinstance(entry, Torn)]
    opened = [entry.event for entry in entries if isinstance(entry.event, SegmentOpened)]
    assert [event.run for event in opened] == ["new"]
    assert not (directory / ".run.json.0123abcd").exists()
    verdict = verifying.inspect(verifying.survey(directory))
    assert (verdict.faults, verdict.counts.sessions, verdict.torn) == ((), 1, ())


async def test_several_segments_may_be_left(leave):
    """Each of them is looked at."""
    directory = leave(OPENED, OPENED + DECLARED, OPENED[:9])
    await record_one(directory)
    assert stand(directory / "journal").run == "new"
    assert not was_begun(leave_nothing(directory / "other"))


def leave_nothing(directory: Path) -> Path:
    """Make a folder with a journal without segments."""
    (directory / "journal").mkdir(parents=True)
    return directory


@pytest.mark.parametrize(
    "segments",
    [
        [OPENED + LATER],
        [OPENED, OPENED + DECLARED + LATER],
        [OPENED[:9] + b"\n"],
        [OPENED + b"?" * 40 + b"\n"],
        [DECLARED],
    ],
    ids=["begun", "begun later", "damaged heading", "damaged line", "no heading"],
)
async def test_what_may_be_a_run_is_left_alone(leave, segments: list[bytes]):
    """A session was begun in it, or nobody can tell because it is damaged."""
    directory = leave(*segments)
    with pytest.raises(RunExistsError, match="hermes-run resume"):
        await record_one(directory)
    left = [path.read_bytes() for path in sorted((directory / "journal").iterdir())]
    assert left == segments
    assert (directory / ".run.json.0123abcd").exists()


async def test_a_run_that_ended_without_a_session_is_a_run(tmp_path: Path):
    """All of its rows may have been of no use."""
    async with recorder.open(tmp_path):
        pass
    with pytest.raises(RunExistsError, match="hermes-run resume"):
        await record_one(tmp_path)


async def test_a_record_that_lost_its_id_goes_on_under_another(leave):
    """There is no session that could say under which it was recorded."""
    directory = leave(OPENED[:-20])
    async with own_existing(directory):
        past = stand(directory / "journal")
        assert (past.run, past.sessions, len(past.torn)) == ("", {}, 1)
        async with reopen_record(directory, past) as record:
            assert record.run.startswith(f"{directory.name}-20")
    assert stand(directory / "journal").run == record.run
