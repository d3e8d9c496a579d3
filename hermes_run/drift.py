"""What may differ between a run and its resumption, and what may not. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from hermes_run.config import Settings, shown
from recorder.json_text import canonical
from recorder.messages import Json

SEMANTIC = (
    "model",
    "system",
    "ephemeral_system",
    "prefill",
    "toolsets",
    "sandbox",
    "sampling",
    "reasoning_effort",
    "seed",
)
"""Settings that decide what a session is: its rows would no longer be of one kind."""


def drift(recorded: Mapping[str, Json], settings: Settings) -> dict[str, tuple[Json, Json]]:
    """Name the semantic settings that are not those of the run, with both values.

    Args:
        recorded: the settings in the run's ``run.json``.
        settings: those it is to be resumed with.
    """
    now = shown(settings)
    return {
        name: (recorded.get(name), now[name])
        for name in SEMANTIC
        if canonical(recorded.get(name)) != canonical(now[name])
    }
