"""A job: one session that is to be run, from the start or from where it stands."""

from __future__ import annotations

import msgspec

from hermes_run.prompts import Prompt
from hermes_run.tools.toolbox import Toolbox
from recorder.session import Session


class Going(msgspec.Struct, frozen=True):
    """A session that goes on.

    ``anew`` begins it again with the turns it was started with, ``settle`` goes on after a call
    whose effect outside is not known, ``drift`` names the settings that changed.
    """

    session: Session
    anew: bool = False
    settle: bool = False
    drift: tuple[str, ...] = ()


class Job(msgspec.Struct, frozen=True):
    """A prompt, which sample of it, the tools it gets, and its past if it has one.

    ``draw_seed`` is what its toolsets were drawn from. ``run_tools`` names the tools that others of
    the run may get, where they are not the same.
    """

    prompt: Prompt
    sample: int
    toolbox: Toolbox
    toolsets: tuple[str, ...]
    going: Going | None = None
    draw_seed: str | None = None
    run_tools: tuple[str, ...] = ()

    @property
    def session_id(self) -> str:
        """The session's id: the prompt's key and the sample."""
        return f"{self.prompt.key}-{self.sample}"
