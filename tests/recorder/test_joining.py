"""Several processes record one run: each its own facts, and one of them all rows and counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.errors import MisuseError
from recorder.events import SessionStarted
from recorder.opening import join_record, open_record
from recorder.reader import fold_journal
from recorder.standing import Standing, Standings
from recorder.statistics import StatisticsFold

TS = "2026-11-22T17:00:00.000Z"


class Elsewhere:
    """Keeps the rows that another process would write."""

    paused = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[tuple[bytes, bool]] = []
        self.statistics: list[bytes] = []
        self.hurried = False

    def wait_no_more(self) -> None:
        """Take note."""
        self.hurried = True

    async def append(self, row: bytes, *, completed: bool) -> None:
        """Take a row."""
        self.rows.append((row, completed))

    async def write_statistics(self, content: bytes) -> None:
        """Take statistics."""
        self.statistics.append(content)


async def test_who_joins_a_run_records_in_a_segment_of_its_own(tmp_path: Path):
    """Rows go to who owns the run; nothing else in its directory is touched."""
    rows = Elsewhere(tmp_path)
    known = Standings("r", {}, StatisticsFold())
    async with open_record(tmp_path, "r"), join_record(rows, "r", known) as record:
        before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.is_file()}
        async with record.session("hello", id="a") as session:
            await session.model_replied(text="hi")
        record.wait_no_more()
        assert (record.directory, record.paused, rows.hurried) == (tmp_path, None, True)
        after = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.is_file()}
        assert after == before
    ((row, completed),) = rows.rows
    assert completed
    assert b'"id":"a"' in row
    assert rows.statistics == []
    assert len(list((tmp_path / "journal").iterdir())) == 2
    assert fold_journal(tmp_path / "journal").sessions["a"].ended


async def test_who_joins_learns_of_sessions_that_go_on_as_they_come(tmp_path: Path):
    """What one of them is called can't be the name of a new one."""
    known = Standings("r", {}, StatisticsFold())
    async with open_record(tmp_path, "r"), join_record(Elsewhere(tmp_path), "r", known) as record:
        known.sessions["a"] = Standing(prompt_key="a", row_hash="", sample=0)
        with pytest.raises(MisuseError, match="there is a session 'a' already"):
            await record.start([], id="a")


async def test_what_others_recorded_is_counted_and_told_and_not_written_again(tmp_path: Path):
    """The statistics are those of the whole run."""
    told: list[str] = []

    async def tell(event: object) -> None:
        told.append(type(event).__name__)

    async with open_record(tmp_path, "r") as record:
        record.send_also_to(tell)
        await record.note(SessionStarted(session="a", seq=0, ts=TS))
        assert record.statistics.value().started == 1
        with pytest.raises(MisuseError, match="there is a session 'a' already"):
            await record.start([], id="a")
    assert told == ["SessionStarted"]
    assert fold_journal(tmp_path / "journal").sessions == {}
