"""What each prompt gets: its toolsets, drawn or named, and the tools in them."""

from __future__ import annotations

from typing import TypeAlias

from hermes_run.config import Settings
from hermes_run.errors import UsageError
from hermes_run.job import Job
from hermes_run.prompts import Prompt
from hermes_run.sandboxes.choosing import has_images
from hermes_run.tools.distributions import Draw
from hermes_run.tools.shelf import Shelf, choose, toolbox_of, whole
from hermes_run.tools.toolbox import Toolbox, make_toolbox

_Wanted: TypeAlias = tuple[tuple[str, ...] | None, tuple[str, ...] | None]
"""Names of toolsets and of tools; without the one it is all that the run has."""


class Fitting:
    """Gives each prompt what it gets: a job of its first sample, with its tools.

    Args:
        settings: the run's; ``sandbox`` is used.
        shelf: the tools that there are.
    """

    def __init__(self, settings: Settings, shelf: Shelf) -> None:
        self._settings = settings
        self._shelf = shelf
        self._whole = whole(shelf)
        self._boxes: dict[_Wanted, Toolbox] = {}

    def job(self, prompt: Prompt) -> Job:
        """Make the job of a prompt.

        Rows are read one by one, so what toolsets of its own a later row brings is not known: the
        tools that all results of the run count are those of the run and of the row itself.

        Raises:
            UsageError: the row can't be used; the text says why.
        """
        if prompt.image and not has_images(self._settings):
            said = f"`image` is for containers, not for --sandbox {self._settings.sandbox}"
            raise UsageError(f"{said}: type --sandbox docker, or leave it out")
        drawn = self._draw(prompt)
        toolbox = self._box(prompt, drawn)
        every = self._whole.tools.keys()
        others = () if toolbox.tools.keys() >= every else tuple(every)
        return Job(prompt, 0, toolbox, drawn.toolsets, draw_seed=drawn.seed, run_tools=others)

    def _draw(self, row: Prompt) -> Draw:
        """Give the toolsets of a row; nothing is drawn for one that names toolsets or tools."""
        if row.toolsets is not None:
            return Draw(row.toolsets)
        if row.tools is not None and self._shelf.distribution is not None:
            return Draw(())
        return choose(self._shelf, row.key)

    def _box(self, row: Prompt, drawn: Draw) -> Toolbox:
        """The tools a row asks for; one object for all rows that ask for the same."""
        is_set = row.toolsets is not None or drawn.seed is not None
        wanted = (drawn.toolsets if is_set else None, row.tools)
        if wanted not in self._boxes:
            self._boxes[wanted] = self._make_box(*wanted)
        return self._boxes[wanted]

    def _make_box(self, toolsets: tuple[str, ...] | None, tools: tuple[str, ...] | None) -> Toolbox:
        box = self._whole if toolsets is None else toolbox_of(self._shelf, toolsets)
        if tools is None:
            return box
        missing = [name for name in tools if name not in box.tools]
        if missing:
            raise UsageError(
                f"no tool is called {missing[0]!r} here; there are {', '.join(box.tools) or 'none'}"
            )
        return make_toolbox(box.tools[name] for name in tools)
