"""run.json says what was asked, last and before, and holds no secret."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hermes_run.config import Settings
from hermes_run.drift import Change, Meant, allowed_rows, drift, prefill_hash
from hermes_run.models.scripted import Scripted
from hermes_run.models.source import Source
from hermes_run.plan import Plan
from hermes_run.prompts import read_prompts
from hermes_run.resume import Past, Rows
from hermes_run.run import open_run
from hermes_run.run_json import (
    GONE,
    LISTED,
    asked,
    asked_again,
    folder_of,
    idle_of,
    read_run_json,
    settings_of,
    write_run_json,
)
from hermes_run.tools.shelf import Shelf, whole
from hermes_run.tools.toolsets import load_shelf
from recorder.errors import RunDirectoryError
from recorder.events import SessionEnded, timestamp
from recorder.json_text import decode, encode
from recorder.messages import Message
from recorder.standing import Standings
from recorder.statistics import StatisticsFold

PREFILL = (Message("user", "PREFILLED"),)
SETTINGS = Settings(
    model="m",
    api_key="SECRETKEY",
    prefill=Path("prefill.json"),
    sampling={"temperature": 0.5},
    toolsets=("file",),
    sandbox="none",
)


@pytest.fixture
async def plan(tmp_path: Path) -> Plan:
    """Give what the sessions of a run shared."""
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("{}\n")
    source = Source(Scripted([]), "m", "test")
    settings = Settings(model="m", sandbox="none")
    opening = open_run(tmp_path / "run", read_prompts(prompts), settings, source, Shelf({}))
    async with opening as run:
        return Plan(
            settings=SETTINGS,
            model=source.model,
            model_name="m",
            provider="test",
            record=run.record,
            brake=run.brake,
            log=run.plan.log,
            wall=run.plan.wall,
            watch=run.plan.watch,
            prefill=PREFILL,
            folder=tmp_path,
        )


def written(document: Any) -> Any:
    """Give a document as it is read back."""
    return decode(encode(document))


def past(document: Any, rows: Rows, changed: dict[str, Change]) -> Past:
    """Make what a run was."""
    standings = Standings("r", {}, StatisticsFold())
    return Past(document, standings, rows, changed, {"path": "/p", "rows": rows.rows}, Path("x"))


async def test_a_run_can_be_resumed_from_what_it_says(plan: Plan):
    """Read back, it has drifted in nothing; no key and no prefilled text is in it."""
    shelf = load_shelf(plan.settings)
    document = written(asked(plan, shelf, {"path": "/p", "rows": 3}))
    assert drift(document, Meant(plan.settings, whole(shelf).schemas, PREFILL)) == {}
    assert document["prompts"] == {"path": "/p", "rows": 3}
    assert document["prefill"] == prefill_hash(PREFILL)
    for secret in ("SECRETKEY", "PREFILLED"):
        assert secret not in str(document)


async def test_paths_mean_the_same_in_every_folder(plan: Plan, tmp_path: Path):
    """The run may go on from elsewhere."""
    document = written(asked(plan, Shelf({}), {}))
    settings = settings_of(document)
    assert settings["prefill"] == str(Path.cwd() / "prefill.json")
    assert settings["out"] == str(Path.cwd() / "runs")
    assert folder_of(document) == tmp_path
    assert folder_of({}) == Path.cwd()
    without = msgspec.structs.replace(plan, settings=replace(SETTINGS, prefill=None))
    assert settings_of(asked(without, Shelf({}), {}))["prefill"] is None


async def test_going_on_adds_what_is_different_to_what_was_asked(plan: Plan):
    """The settings are those of now; what they were, and whatever else stood there, is kept."""
    before = written(asked(plan, Shelf({}), {"path": "/old", "rows": 3}))
    before |= {"note": "mine", "settings": before["settings"] | {"concurrency": 3, "model": "k"}}
    gone = tuple(f"a-{number}" for number in range(GONE + 1))
    changed = {f"row-{number}": Change("old", "new") for number in range(LISTED + 1)}
    rows = Rows(rows=5, gone=gone, changed=changed, retooled={"c": Change("x", "y")})
    first = written(asked_again(plan, Shelf({}), past(before, rows, {"model": Change("k", "m")})))
    assert (first["run"], first["created"], first["note"]) == (
        before["run"],
        before["created"],
        "mine",
    )
    assert first["prompts"] == {"path": "/p", "rows": 5}
    assert settings_of(first)["model"] == "m"
    (fact,) = first["resumed"]
    assert fact["drift"] == {"model": {"was": "k", "is": "m"}}
    assert fact["settings"] == {"concurrency": {"was": 3, "is": 16}}
    assert (fact["rows"], fact["samples"]) == (5, 1)
    assert (fact["sessions_of_rows_gone"], fact["gone"]) == (GONE + 1, list(gone[:GONE]))
    assert (fact["rows_changed"], len(fact["changed_rows"])) == (LISTED + 1, LISTED)
    assert fact["changed_rows"]["row-0"] == {"was": "old", "is": "new"}
    assert (fact["rows_retooled"], fact["retooled_rows"]) == (1, {"c": {"was": "x", "is": "y"}})
    assert allowed_rows(first, "retooled_rows") == {"c": "y"}
    second = written(asked_again(plan, Shelf({}), past(first, rows, {})))
    assert second["resumed"][0] == fact
    assert second["resumed"][1]["settings"] == {}
    assert "SECRETKEY" not in str(second)


async def test_when_the_attempt_before_came_to_its_end_is_written_down(plan: Plan):
    """So that nobody counts the night between them."""
    fold = StatisticsFold()
    last = "2026-11-22T17:00:00.000Z"
    fold.add(SessionEnded(session="a", seq=0, ts=last, outcome="completed"))
    standings = Standings("r", {}, fold)
    stopped = msgspec.structs.replace(past({}, Rows(), {}), standings=standings)
    document = written(asked_again(plan, Shelf({}), stopped))
    assert document["resumed"][-1]["last_fact"] == last


@pytest.mark.parametrize(
    ("gaps", "last", "idle_s"),
    [
        ([], 90, 0),
        ([(10, 30)], 90, 20),
        ([(10, 30), (50, 60)], 90, 30),
        ([(10, 30)], 10, 0),
        ([(10, 30), (10, 40)], 90, 30),
        ([(30, 10)], 90, 0),
    ],
)
def test_idle_time_is_what_lies_between_facts_and_no_more(
    gaps: list[tuple[int, int]], last: int, idle_s: float
):
    """An attempt that brought nothing ends no pause, and a clock that was set back makes none."""
    facts = [{"last_fact": timestamp(begin), "at": timestamp(end)} for begin, end in gaps]
    assert idle_of({"resumed": facts}, timestamp(last)) == idle_s


def test_idle_time_is_none_where_nobody_can_tell():
    """An earlier version wrote no time of the last fact; somebody may have written anything."""
    facts: list[Any] = ["?", {"at": timestamp(9)}, {"last_fact": "x", "at": 5}, {"last_fact": ""}]
    assert idle_of({"resumed": facts}, timestamp(90)) == 0
    assert idle_of({}, "") == 0


async def test_it_is_replaced_in_one_piece(tmp_path: Path):
    """What is read is what was written."""
    await write_run_json(tmp_path, {"settings": {"a": 1}})
    await write_run_json(tmp_path, {"settings": {"a": 2}})
    assert settings_of(read_run_json(tmp_path)) == {"a": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize("content", [None, b"{half", b"\xff"])
def test_a_folder_without_one_is_no_run(tmp_path: Path, content: bytes | None):
    """The text names the folder and the file."""
    if content is not None:
        (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(RunDirectoryError, match=r"holds no run of hermes-run: its run\.json"):
        read_run_json(tmp_path)


def test_one_that_is_no_object_says_nothing(tmp_path: Path):
    """Nor do settings that are none."""
    (tmp_path / "run.json").write_text("[1]")
    assert read_run_json(tmp_path) == {}
    assert settings_of({"settings": 5}) == {}
