"""All that a session is driven with."""

from __future__ import annotations

from collections.abc import Mapping

import anyio
import msgspec

from hermes_run.brake import Brake
from hermes_run.limits import Limits, Worked
from hermes_run.models.dialects.reading import NONE
from hermes_run.models.estimating import Tally
from hermes_run.models.protocol import Model
from hermes_run.models.tokens import Prompts
from hermes_run.models.wire import Transcript
from hermes_run.prices import Price
from hermes_run.refusals import Repeats
from hermes_run.retry import Backoff
from hermes_run.sandboxes.mirror import Mirror
from hermes_run.tools.tool import Context
from hermes_run.tools.toolbox import Toolbox
from recorder.messages import Json


class Limited(msgspec.Struct, frozen=True):
    """How a session's time is bounded: by *clock*, which cancels it and nothing else.

    ``held`` is set where the session is cancelled after it mostly waited for leave to ask.
    """

    clock: anyio.CancelScope
    held: anyio.Event

    @property
    def is_over(self) -> bool:
        """Whether the session is cut because its time is over, and for no other reason known."""
        return self.clock.cancel_called


class Agent(msgspec.Struct, frozen=True):
    """All that a session is driven with; ``verify`` is a command that scores the workspace.

    ``mirror`` holds the workspace as it was before a call that may change it, ``dialect`` says how
    the model writes calls where the server leaves them in the text.
    """

    model: Model
    model_name: str
    toolbox: Toolbox
    tools: bytes
    context: Context
    transcript: Transcript
    brake: Brake
    limits: Limits = Limits()
    backoff: Backoff = Backoff()
    prices: Mapping[str, Price] = {}
    sampling: dict[str, Json] = {}
    verify: str | None = None
    mirror: Mirror | None = None
    tally: Tally = msgspec.field(default_factory=Tally)
    prompts: Prompts = msgspec.field(default_factory=Prompts)
    repeats: Repeats = msgspec.field(default_factory=Repeats)
    worked: Worked = msgspec.field(default_factory=Worked)
    dialect: str = NONE
    limited: Limited | None = None
