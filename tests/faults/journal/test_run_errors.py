"""A disk that fails once while a whole run is recorded: the run stops, and says why."""

from __future__ import annotations

import errno
from typing import get_args

import pytest

from hermes_run import attempt
from hermes_run.cli.faults import explain
from hermes_run.models.protocol import Reply
from hermes_run.models.scripted import Scripted
from recorder.faulty import Call, FaultyDisk
from recorder.messages import ToolCall
from recorder.reader import fold_journal
from recorder.run_directory import TRAJECTORIES

ROWS = [
    {"id": "a", "prompt": "x", "workspace": {"f": "1"}},
    {"nothing": 1},
    {"id": "b", "prompt": "y"},
]
CALL = Reply(
    calls=(ToolCall("c", "terminal", '{"command": "echo hello"}'),), finish_reason="tool_calls"
)
SCRIPT = [CALL, "done", CALL, "done"]
OPTIONS = {"toolsets": ("terminal",), "sync": "event", "concurrency": 1}
USAGE, RECORD = 2, 74
FAULTS = [(call, code) for call in get_args(Call) for code in (errno.EIO, errno.EMFILE)]
NAMES = [f"{call}-{errno.errorcode[code]}" for call, code in FAULTS]


async def end_of(start_run, directory, model, disk):
    """Run everything; gives the exit code of a run that could not be recorded, else None."""
    try:
        async with start_run(directory, ROWS, model, disk=disk, **OPTIONS) as run:
            report = await run.finish()
    except Exception as error:  # noqa: BLE001  # whatever it is, it is explained
        fault = explain(error, directory)
        assert fault.cause is None, fault
        return fault.code
    assert report.balanced
    return None


@pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
async def test_one_failure_anywhere_stops_the_run(tmp_path, disk, start_run, judge, fault):
    """Exit code 74, or 2 where there was no run directory yet: never a traceback.

    That is so for the journal, the rows, the rejects, run.json and the statistics. Nothing more is
    asked than is recorded, and every line checks.
    """
    codes = []
    for after in range(1000):
        directory, model = tmp_path / str(after), Scripted(SCRIPT)
        disk.fail(*fault, after=after, times=1)
        code = await end_of(start_run, directory, model, disk)
        assert disk.touched == []
        if (directory / "journal").exists():
            assert judge(directory).fault_counts.keys() <= {"rows"}
            sessions = fold_journal(directory / "journal").sessions.values()
            assert len(model.requests) <= 1 + sum(session.replies for session in sessions)
        if code is None:
            assert judge(directory).sound
            break
        codes.append(code)
    assert set(codes) <= {USAGE, RECORD}
    assert codes == sorted(codes), "once there is a directory it is the record that fails"


class FullForRows(FaultyDisk):
    """Has no room for the first row that comes, whatever else it takes."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: set[int] = set()

    def extend(self, path):
        """Remember what rows are appended to."""
        descriptor = super().extend(path)
        self._rows.add(descriptor)
        return descriptor

    def write(self, descriptor, content):
        """Refuse the first row."""
        if descriptor in self._rows:
            self._rows.clear()
            raise OSError(errno.ENOSPC, "full")
        return super().write(descriptor, content)


async def test_a_row_waits_for_room_for_as_long_as_it_takes(
    tmp_path, start_run, judge, monkeypatch
):
    """Only a session that was cancelled is in a hurry."""
    monkeypatch.setattr(attempt, "_END_S", 0.0)
    rows, model = [{"id": "a", "prompt": "x"}], Scripted(["done"])
    async with start_run(tmp_path / "run", rows, model, disk=FullForRows()) as run:
        report = await run.finish()
    assert report.statistics.outcomes == {"completed": 1}
    assert len((tmp_path / "run" / TRAJECTORIES).read_bytes().splitlines()) == 1
    assert judge(tmp_path / "run").sound
