"""What may differ between a run and its resumption, and what may not. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

import msgspec

from hermes_run.config import Settings, shown
from recorder.json_text import canonical
from recorder.messages import Json, Message
from recorder.shapes import array_of, object_of, text_in

SEMANTIC = (
    "model",
    "system",
    "ephemeral_system",
    "toolsets",
    "distribution",
    "sandbox",
    "network",
    "image",
    "sampling",
    "reasoning_effort",
    "capture_tokens",
    "tool_dialect",
    "native_tools",
    "seed",
)
"""Settings that decide what a session is: its rows would no longer be of one kind."""


class Change(msgspec.Struct, frozen=True):
    """What something was when the run was asked last, and what it is now."""

    was: Json
    now: Json


class Meant(msgspec.Struct, frozen=True):
    """What decides what a session is: settings, and what is in the files that they name.

    ``odds`` are the percentage and the tools of each toolset that may be drawn.
    """

    settings: Settings
    tools: Sequence[Mapping[str, Json]]
    prefill: Sequence[Message] = ()
    odds: Mapping[str, Json] | None = None


def drift(document: Mapping[str, Json], meant: Meant) -> dict[str, Change]:
    """Name what is not as it was in the run, each with what it was and what it is.

    Tools and prefilled messages are compared by their content and named by its hash, the odds of a
    distribution by what they are.

    Args:
        document: the run's ``run.json``.
        meant: what the run is to be resumed with.
    """
    now, usual = shown(meant.settings), shown(Settings())
    before = object_of(document.get("settings"))
    changed = {name: Change(before.get(name, usual[name]), now[name]) for name in SEMANTIC}
    changed["prefill"] = Change(document.get("prefill"), prefill_hash(meant.prefill))
    changed["odds"] = _differing(object_of(document.get("odds")), meant.odds or {})
    changed["tools"] = _tools(array_of(document.get("tools")), meant.tools)
    return {
        name: change
        for name, change in changed.items()
        if canonical(change.was) != canonical(change.now)
    }


def earlier_drift(document: Mapping[str, Json], place: int) -> tuple[str, ...]:
    """Name what changed at resumptions after a session had started, as ``run.json`` says.

    A session that was in flight all the while never saw them, but goes on with all of it. No clock
    is asked, it may have been set back; a resumption that does not say when it was counts too.

    Args:
        document: the run's ``run.json``.
        place: how many sessions of the run had started before this one.
    """
    facts = [object_of(fact) for fact in array_of(document.get("resumed"))]
    later = [fact for fact in facts if _begun(fact.get("sessions_begun")) > place]
    return tuple(name for fact in later for name in object_of(fact.get("drift")))


def allowed_rows(document: Mapping[str, Json], kind: str) -> dict[str, str]:
    """Give what was allowed of rows at earlier resumptions, last: hashes by the keys of prompts.

    Args:
        document: the run's ``run.json``.
        kind: ``changed_rows``, hashes of rows, or ``retooled_rows``, hashes of their tools.
    """
    facts = [object_of(fact) for fact in array_of(document.get("resumed"))]
    return {
        key: text_in(object_of(change).get("is"))
        for fact in facts
        for key, change in object_of(fact.get(kind)).items()
    }


def _begun(count: Json) -> float:
    return count if isinstance(count, int) else math.inf


def prefill_hash(messages: Sequence[Message]) -> str | None:
    """Name prefilled messages by their content, which is not written down."""
    return _hash(list(messages)) if messages else None


def _tools(before: Sequence[Json], now: Sequence[Mapping[str, Json]]) -> Change:
    """Name the tools that are not in both lists with the same schema."""
    return _differing(_by_name(before), _by_name(now))


def _differing(was: Mapping[str, Json], is_now: Mapping[str, Json]) -> Change:
    """Leave out what is the same before and now."""
    names = [name for name in {**was, **is_now} if was.get(name) != is_now.get(name)]
    return Change(
        {name: was.get(name) for name in names}, {name: is_now.get(name) for name in names}
    )


def _by_name(tools: Sequence[Json]) -> dict[str, str]:
    functions = (object_of(object_of(tool).get("function")) for tool in tools)
    return {text_in(function.get("name")): _hash(function) for function in functions}


def _hash(value: Json) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()[:16]
