"""Where a run's replies come from."""

from __future__ import annotations

import msgspec

from hermes_run.brake import Brake
from hermes_run.models.protocol import Model
from hermes_run.throttle.door import OwnDoor


class Source(msgspec.Struct, frozen=True):
    """A model that answers, its name, and who provides it.

    ``brake`` stops the run that asks; ``door`` is where its requests wait for leave, if they do;
    ``warnings`` say which endpoints are left out.
    """

    model: Model
    name: str
    provider: str
    brake: Brake = msgspec.field(default_factory=Brake)
    door: OwnDoor | None = None
    warnings: tuple[str, ...] = ()
