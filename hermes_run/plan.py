"""What all sessions of a run share."""

from __future__ import annotations

from pathlib import Path

import msgspec
from structlog.typing import FilteringBoundLogger

from hermes_run.brake import Brake
from hermes_run.config import Settings
from hermes_run.models.protocol import Model
from recorder.messages import Message
from recorder.record import Record


class Plan(msgspec.Struct, frozen=True):
    """What all sessions of a run share; relative paths in its rows begin from ``folder``."""

    settings: Settings
    model: Model
    model_name: str
    provider: str
    record: Record
    brake: Brake
    log: FilteringBoundLogger
    prefill: tuple[Message, ...] = ()
    folder: Path = Path()
