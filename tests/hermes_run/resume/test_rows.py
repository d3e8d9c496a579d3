"""Rows that are others when a run goes on: none runs twice, none is left out, the sum balances."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hermes_run.errors import UsageError
from hermes_run.failure import Failure
from hermes_run.models.protocol import Reply
from hermes_run.resume import Rows, refuse_drift
from hermes_run.run_json import read_run_json
from recorder.messages import Usage
from recorder.reader import Entry, read
from recorder.standing import Standing, stand

ROWS: tuple[dict[str, Any], ...] = tuple({"id": name, "prompt": name} for name in "abc")
BROKEN = Failure("server", "HTTP 500")


async def test_rows_may_be_put_in_another_order_and_added(crash, resume, sessions, rows_of):
    """No prompt runs twice and none is left out; equal rows are told apart by their number."""
    twin: dict[str, Any] = {"prompt": "twin"}
    await crash([*ROWS, twin, twin], ["1", "2", "3", "4"])
    before = set(sessions())
    assert len(before) == 5
    more = [twin, {"id": "d", "prompt": "d"}, ROWS[2], twin, twin, ROWS[0], ROWS[1]]
    report = await resume(more, ["5", "6", "7"])
    assert report.balanced
    assert (report.counts.sessions, report.counts.recorded, report.others) == (7, 5, 0)
    assert report.statistics.outcomes == {"completed": 7}
    assert before < set(rows_of("trajectories.jsonl"))


async def test_sessions_of_rows_that_are_gone_are_kept(crash, resume, rows_of, tmp_path: Path):
    """What was in flight of them gets an end; it goes on should its row come back."""
    await crash(ROWS, ["1"])
    report = await resume(ROWS[2:], ["3"])
    assert (report.balanced, report.others, report.not_started) == (True, 2, 0)
    assert report.statistics.outcomes == {"completed": 2, "interrupted": 1}
    (ended,) = [row for row in rows_of().values() if row["outcome"] == "interrupted"]
    assert ended["exit_reason"] == "row_gone"
    fact = read_run_json(tmp_path / "run")["resumed"][-1]
    assert (fact["rows"], fact["sessions_of_rows_gone"]) == (1, 2)
    again = await resume(ROWS, ["2"])
    assert (again.balanced, again.others) == (True, 0)
    assert again.statistics.outcomes == {"completed": 3}


@pytest.mark.parametrize(("samples", "others"), [(3, 0), (1, 3)])
async def test_samples_may_change(begin, resume, rows_of, samples: int, others: int):
    """More are begun; those beyond fewer are kept, and the sum says so."""
    await begin(ROWS, ["x"] * 6, samples=2)
    report = await resume(ROWS, ["x"] * 3, samples=samples)
    assert (report.balanced, report.others, report.not_started) == (True, others, 0)
    assert len(rows_of()) == max(6, 3 * samples)


async def test_a_smaller_limit_keeps_what_is_beyond_it(begin, resume, rows_of):
    """Like samples."""
    await begin(ROWS, ["1", "2", "3"])
    report = await resume(ROWS, [], limit=1)
    assert (report.balanced, report.others, report.counts.rows) == (True, 2, 1)
    assert len(rows_of()) == 3


async def test_rejects_are_listed_once_however_often_a_run_goes_on(begin, resume, tmp_path: Path):
    """They are those of the rows as they are now."""
    bad: list[Any] = [b"bad", ROWS[0], b"{}"]
    await begin(bad, ["1"])
    for more in ([], [b"worse"]):
        report = await resume([*bad, *more], [])
        lines = (tmp_path / "run" / "rejects.jsonl").read_bytes().splitlines()
        assert len(lines) == report.counts.rejected == 2 + len(more)
        assert report.balanced


async def test_a_run_that_stops_before_all_went_on_still_balances(crash, resume, sessions):
    """What a crash cut off and nobody got to is counted as such, and goes on later."""
    rows = [{**row, "workspace": {}} for row in ROWS]  # so that all begin before one asks
    await crash(rows, [], concurrency=3)
    with_a_wrong_key = [Failure("key", "HTTP 401")]
    report = await resume(rows, with_a_wrong_key)
    assert (report.cause, report.waiting, report.not_started) == ("endpoint", 2, 0)
    assert report.balanced
    assert sum(session.ended is None for session in sessions().values()) == 2
    report = await resume(rows, ["1", "2", "3"])
    assert (report.balanced, report.waiting) == (True, 0)
    assert report.statistics.outcomes == {"completed": 3}


async def test_a_budget_that_is_used_up_lets_nothing_go_on(begin, resume):
    """What was spent before counts; more is spent only when it is allowed."""
    dear = Reply(text="ok", finish_reason="stop", usage=Usage(1, 1, cost_usd=1.0))
    await begin(ROWS, [dear], max_cost_usd=1.0)
    report = await resume(ROWS, [], max_cost_usd=1.0)
    assert (report.cause, report.not_started, report.balanced) == ("budget", 2, True)
    report = await resume(ROWS, [dear, dear], max_cost_usd=9.0)
    assert report.statistics.usage.cost_usd == 3.0


async def test_rows_are_compared_before_anything_is_spent(begin, compared):
    """Keys of rows with another content, sessions without a row, and what there is to do."""
    await begin(ROWS, ["1", BROKEN, "3"])
    rows = [{"id": "b", "prompt": "other"}, ROWS[0], {"id": "d", "prompt": "d"}, b"bad"]
    found = await compared(rows)
    assert list(found.changed) == ["b"]
    assert found == Rows(rows=4, rejected=1, begun=1, going=1, changed=found.changed, gone=("c-0",))


async def test_rows_with_one_id_that_changed_places_are_told_from_others(begin, compared):
    """They are told apart by their order only, and so seem to have another content."""
    twins: list[dict[str, Any]] = [{"id": "x", "prompt": name} for name in "12"]
    own: dict[str, Any] = {"id": "a#7", "prompt": "own"}
    await begin([*ROWS, *twins, own], [str(number) for number in range(6)])
    other = [{"id": name, "prompt": "other"} for name in ("b", "a#7")]
    found = await compared([*other, *reversed(twins)])
    assert sorted(found.changed) == ["a#7", "b", "x", "x#2"]
    assert found.shared == {"x", "x#2", "a#7"}
    with pytest.raises(UsageError) as refused:
        refuse_drift({}, found)
    said = str(refused.value).splitlines()
    assert "  row 'b' has another content" in said
    assert [line for line in said if "'x#2' has another content; its id is not unique" in line]


async def test_rows_that_name_tools_of_their_own_are_held_to_them(begin, tmp_path: Path, compared):
    """Those of sessions that are over may change: they are not called any more."""
    rows: list[dict[str, Any]] = [
        {"id": "a", "prompt": "a", "toolsets": ["file"]},
        {"id": "b", "prompt": "b", "toolsets": []},
        {"id": "c", "prompt": "c", "toolsets": ["file"]},
        {"id": "d", "prompt": "d"},
    ]
    await begin(rows, [BROKEN, BROKEN, "3", BROKEN])
    assert (await compared(rows)).retooled == {}
    path = next((tmp_path / "run" / "journal").iterdir())
    events = [entry for entry in read(path.parent) if isinstance(entry, Entry)]
    hashes = {getattr(entry.event, "tools_hash", "") for entry in events} - {""}
    assert len(hashes) == 1
    standings = stand(path.parent)
    for name, each in standings.sessions.items():
        standings.sessions[name] = Standing(
            each.prompt_key, each.row_hash, 0, "other", each.ended, each.reason
        )
    assert list((await compared(rows, standings)).retooled) == ["a", "b"]


async def test_a_strict_resumption_stops_at_a_bad_row(begin, compared):
    """Before anything is spent, with its line."""
    await begin(ROWS, ["1", "2", "3"])
    with pytest.raises(UsageError, match="line 4"):
        await compared([*ROWS, b"bad"], strict=True)
