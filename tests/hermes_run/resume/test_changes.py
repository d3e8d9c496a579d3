"""What is not as it was when a run goes on: refused by its name, or recorded."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from hermes_run.config import Settings
from hermes_run.drift import Change, Meant, drift
from hermes_run.errors import UsageError
from hermes_run.failure import Failure
from hermes_run.resume import Rows, refuse_drift
from hermes_run.run_json import read_run_json
from hermes_run.tools.schema import tool
from recorder.events import SessionResumed
from recorder.reader import Entry, read

ROWS: tuple[dict[str, Any], ...] = tuple({"id": name, "prompt": name} for name in "abc")
BROKEN = Failure("server", "HTTP 500")


@tool(effect="external")
async def send(text: str) -> str:
    """Send something."""
    return text


async def test_what_changed_stands_in_the_record_and_in_the_rows(
    begin, resume, rows_of, tmp_path: Path
):
    """Of every session that goes on, and of no other."""
    await begin(ROWS, ["1", BROKEN, BROKEN])
    changed = [ROWS[0], {"id": "b", "prompt": "other"}, ROWS[2]]
    await resume(changed, ["2", BROKEN], [send], model="n")
    entries = [e.event for e in read(tmp_path / "run" / "journal") if isinstance(e, Entry)]
    resumed = {e.session: e.drift for e in entries if isinstance(e, SessionResumed)}
    assert resumed == {"b-0": ("model", "tools", "row"), "c-0": ("model", "tools")}
    assert rows_of()["a-0"]["flags"] == []
    assert rows_of()["b-0"]["flags"] == ["drift:model", "drift:tools", "drift:row"]
    document: Any = read_run_json(tmp_path / "run")
    assert document["model"] == "n"
    (fact,) = document["resumed"]
    assert fact["drift"]["model"] == {"was": "m", "is": "n"}
    assert fact["rows_changed"] == 1
    assert list(fact["changed_rows"]) == ["b"]


async def test_a_row_whose_change_was_allowed_is_not_asked_about_again(
    begin, resume, compared, rows_of, tmp_path: Path
):
    """One that changes once more is, unless back; a session that sat it out still learns of it."""
    await begin(ROWS, ["1", BROKEN, BROKEN])
    changed = [ROWS[0], {"id": "b", "prompt": "other"}, ROWS[2]]
    with_a_wrong_key = [Failure("key", "HTTP 401")]
    await resume([changed[0], changed[2], changed[1]], with_a_wrong_key)
    document: Any = read_run_json(tmp_path / "run")
    assert (await compared(changed, document=document)).changed == {}
    assert (await compared(ROWS, document=document)).changed == {}
    third = [ROWS[0], {"id": "b", "prompt": "third"}, ROWS[2]]
    (change,) = (await compared(third, document=document)).changed.values()
    assert change.was == document["resumed"][0]["changed_rows"]["b"]["is"]
    await resume(changed, ["2", "3"])
    assert rows_of()["b-0"]["flags"] == ["drift:row"]
    assert read_run_json(tmp_path / "run")["resumed"][-1]["rows_changed"] == 0


async def test_what_was_accepted_before_is_what_the_next_resumption_compares_with(
    begin, resume, rows_of, tmp_path: Path
):
    """A session that sat it out still learns of it."""
    await begin(ROWS[:2], [BROKEN, BROKEN])
    with_a_wrong_key = [Failure("key", "HTTP 401")]
    await resume(ROWS[:2], with_a_wrong_key, model="n")
    settings = Settings(model="n", toolsets=(), attempts=1, concurrency=1, sandbox="none")
    assert drift(read_run_json(tmp_path / "run"), Meant(settings, ())) == {}
    await resume([*ROWS[:2], {"id": "new", "prompt": "x"}], ["1", "2", "3"], model="n")
    assert rows_of()["a-0"]["flags"] == ["drift:model"]
    assert rows_of()["b-0"]["flags"] == ["drift:model"]
    assert rows_of()["new-0"]["flags"] == []


async def test_a_clock_that_was_set_back_hides_no_change(
    begin, resume, rows_of, monkeypatch: pytest.MonkeyPatch
):
    """Sessions began in what is the future now; what changed since is named all the same."""
    tomorrow = time.time() + 86_400
    with monkeypatch.context() as clock:
        clock.setattr(time, "time", lambda: tomorrow)
        await begin(ROWS[:2], [BROKEN, BROKEN])
    await resume(ROWS[:2], [Failure("key", "HTTP 401")], model="n")
    await resume(ROWS, ["1", "2", "3"], model="n")
    flags = {name: row["flags"] for name, row in rows_of().items()}
    assert flags == {"a-0": ["drift:model"], "b-0": ["drift:model"], "c-0": []}


def test_all_that_changed_is_named_in_one_error():
    """With what it was and what it is, and what to do."""
    changed = {"model": Change("m", "n"), "sampling": Change({}, {"top_p": 1})}
    change = Change("1", "2")
    keys = [f"row-{number}" for number in range(7)]
    rows = Rows(changed=dict.fromkeys(keys, change), retooled={"x": change})
    with pytest.raises(UsageError) as caught:
        refuse_drift(changed, rows)
    said = str(caught.value)
    assert "model: 'm' is now 'n'" in said
    assert "sampling: {} is now {'top_p': 1}" in said
    assert "row 'row-4' has another content" in said
    assert "row-5" not in said
    assert "with 2 more rows" in said
    assert "row 'x' has other tools" in said
    assert "--allow-drift" in said


def test_nothing_is_refused_where_nothing_changed():
    """Rows that are gone are no reason."""
    refuse_drift({}, Rows(gone=("a-0",)))
