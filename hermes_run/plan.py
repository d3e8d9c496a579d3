"""What all sessions of a run share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
from structlog.typing import FilteringBoundLogger

from hermes_run.brake import Brake
from hermes_run.config import Settings
from hermes_run.models.protocol import Model
from hermes_run.prices import Price
from hermes_run.sandboxes.wall import Wall
from hermes_run.sandboxes.watch import Watch
from recorder.messages import Message
from recorder.record import Record


class Plan(msgspec.Struct, frozen=True):
    """What all sessions of a run share; relative paths in its rows begin from ``folder``.

    ``wall`` is what the sessions' tools run behind, ``watch`` holds them to what they may take.
    ``prices`` are what models cost, by their names.
    """

    settings: Settings
    model: Model
    model_name: str
    provider: str
    record: Record
    wall: Wall
    watch: Watch
    brake: Brake
    log: FilteringBoundLogger
    prices: Mapping[str, Price] = {}
    prefill: tuple[Message, ...] = ()
    folder: Path = Path()
