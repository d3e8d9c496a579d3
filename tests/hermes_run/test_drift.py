"""What decides what a session is may not change unnoticed; everything else may."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from hermes_run.config import Settings, shown
from hermes_run.drift import (
    SEMANTIC,
    Change,
    Meant,
    allowed_rows,
    drift,
    earlier_drift,
    prefill_hash,
)
from recorder.json_text import decode, encode
from recorder.messages import Message

SETTINGS = Settings(
    model="m", system="be brief", sampling={"temperature": 0.5, "stop": ["a"]}, toolsets=("file",)
)
TOOLS = ({"type": "function", "function": {"name": "f", "parameters": {"a": 1, "b": 2}}},)
PREFILL = (Message("user", "before"),)

OTHER: dict[str, Any] = {
    "model": "n",
    "system": "be long",
    "ephemeral_system": "now",
    "toolsets": ("file", "search"),
    "distribution": "safe",
    "sandbox": "another",
    "network": "host",
    "image": "python:3.13",
    "sampling": {"temperature": 0.6, "stop": ["a"]},
    "reasoning_effort": "high",
    "capture_tokens": "vllm",
    "tool_dialect": "kimi",
    "native_tools": True,
    "seed": 1,
}


def document(settings: Settings = SETTINGS, **more: Any) -> Any:
    """Give what a run.json says, as it is read back."""
    asked = {"settings": shown(settings), "tools": TOOLS, "prefill": prefill_hash(PREFILL)}
    return decode(encode({**asked, **more}))


def test_nothing_has_changed_where_everything_is_as_it_was():
    """Lists and tables come back from the file as other types, and in another order."""
    sampling = {"stop": ["a"], "temperature": 0.5}
    meant = Meant(replace(SETTINGS, sampling=sampling), TOOLS, PREFILL)
    assert drift(document(), meant) == {}


@pytest.mark.parametrize("name", SEMANTIC)
def test_a_semantic_setting_that_changed_is_named(name: str):
    """With what it was and what it is."""
    now = replace(SETTINGS, **{name: OTHER[name]})
    found = drift(document(), Meant(now, TOOLS, PREFILL))
    change = Change(shown(SETTINGS)[name], OTHER[name])
    assert decode(encode(found)) == decode(encode({name: change}))


def test_every_setting_is_either_semantic_or_free_to_change():
    """Whoever adds one decides; prefilled messages are compared by their content."""
    free = {item.name for item in fields(Settings)} - set(SEMANTIC)
    others: dict[str, Any] = {name: Path("x") if name == "prefill" else 3 for name in free}
    assert drift(document(), Meant(replace(SETTINGS, **others), TOOLS, PREFILL)) == {}


def test_a_setting_that_the_run_did_not_know_yet_has_its_default():
    """A run of an earlier version goes on."""
    before = document()
    del before["settings"]["seed"]
    assert drift(before, Meant(SETTINGS, TOOLS, PREFILL)) == {}
    assert list(drift(before, Meant(replace(SETTINGS, seed=1), TOOLS, PREFILL))) == ["seed"]


def test_prefilled_messages_are_compared_by_content():
    """The file may have moved; what is in it may not change, come or go."""
    moved = replace(SETTINGS, prefill=Path("elsewhere.json"))
    assert drift(document(), Meant(moved, TOOLS, PREFILL)) == {}
    for now in ((Message("user", "after"),), ()):
        assert list(drift(document(), Meant(SETTINGS, TOOLS, now))) == ["prefill"]
    assert list(drift(document(prefill=None), Meant(SETTINGS, TOOLS, PREFILL))) == ["prefill"]
    assert "before" not in str(drift(document(prefill=None), Meant(SETTINGS, TOOLS, PREFILL)))


def test_tools_are_compared_by_their_schemas():
    """Each one that changed, came or went is named; their order says nothing."""
    g: dict[str, Any] = {"type": "function", "function": {"name": "g"}}
    changed: dict[str, Any] = {"type": "function", "function": {"name": "f", "parameters": {}}}
    before = document(tools=[*TOOLS, g])
    assert drift(before, Meant(SETTINGS, (g, *TOOLS), PREFILL)) == {}
    found = drift(before, Meant(SETTINGS, (changed,), PREFILL))["tools"]
    assert list(found.was) == ["f", "g"]
    assert found.now["g"] is None
    assert found.was["f"] != found.now["f"]


@pytest.mark.parametrize("odd", [{}, {"settings": 5, "tools": "?", "prefill": []}])
def test_a_run_json_of_another_shape_has_drifted_in_everything(odd: dict[str, Any]):
    """It raises nothing, whatever somebody has written into it."""
    assert {"model", "system", "prefill", "tools"} <= set(
        drift(odd, Meant(SETTINGS, TOOLS, PREFILL))
    )


def test_what_changed_while_a_session_was_in_flight_is_known_later():
    """Only resumptions after its start count, whatever the clock said at either."""
    facts = [
        {"at": "2026-11-23T17:00:00.000Z", "sessions_begun": 2, "drift": {"model": {}}},
        {"at": "2026-11-22T17:00:00.000Z", "sessions_begun": 5, "drift": {"seed": {}, "system": 1}},
    ]
    for place, names in [
        (0, ("model", "seed", "system")),
        (1, ("model", "seed", "system")),
        (2, ("seed", "system")),
        (4, ("seed", "system")),
        (5, ()),
    ]:
        assert earlier_drift({"resumed": facts}, place) == names


def test_what_was_allowed_of_a_row_last_is_what_counts():
    """Whatever somebody has written there raises nothing."""
    facts: list[Any] = [
        {"changed_rows": {"a": {"was": "1", "is": "2"}, "b": {"was": "1", "is": "2"}}},
        {"changed_rows": {"a": {"was": "2", "is": "3"}, "c": 5}},
        {"changed_rows": 7},
        "?",
    ]
    found = allowed_rows({"resumed": facts}, "changed_rows")
    assert (found["a"], found["b"]) == ("3", "2")
    assert allowed_rows({"resumed": facts}, "retooled_rows") == {}


@pytest.mark.parametrize(
    "odd", [{"drift": {"model": {}}}, {"sessions_begun": "?", "drift": {"model": 1}}]
)
def test_a_resumption_that_does_not_say_when_it_was_counts_too(odd: dict[str, Any]):
    """Rather one name too many than one too few."""
    assert earlier_drift({"resumed": ["?", odd, {"drift": 5}]}, 1000) == ("model",)
    assert earlier_drift({}, 0) == ()
