"""Where progress goes: a terminal, lines on standard error, JSON for a program, nowhere.

Every screen has ``interval_s``, the seconds between two looks, and is called from a worker thread:
a terminal that does not take what is written must not hold up the run.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Protocol, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from hermes_run.progress.panel import panel
from hermes_run.progress.plain import is_due, json_line, line
from hermes_run.progress.snapshot import Snapshot
from recorder.json_text import encode

_LABEL = 12


class Screen(Protocol):
    """Shows snapshots, and says what has to be said at once."""

    interval_s: float

    def show(self, snapshot: Snapshot) -> None:
        """Show how the run stands; raises OSError where nobody looks any more."""
        ...

    def say(self, text: str) -> None:
        """Say one thing that happened."""
        ...


class Panel:
    """Redraws eleven lines; made by :func:`open_panel`."""

    interval_s = 0.5

    def __init__(self, live: Live, name: str) -> None:
        self._live = live
        self._name = name

    def show(self, snapshot: Snapshot) -> None:
        """Draw the panel anew; lines that are too long are cut, so that its height stays."""
        self._live.update(drawn(snapshot, self._name), refresh=True)

    def say(self, text: str) -> None:
        """Print a line above the panel."""
        self._live.console.print(text, markup=False, highlight=False, soft_wrap=True)


def drawn(snapshot: Snapshot, name: str) -> Text:
    """Text objects, never markup: what the lines hold came from outside."""
    lines = [
        Text.assemble((f"{label:<{_LABEL}}", "bold"), shown)
        for label, shown in panel(snapshot, name)
    ]
    return Text("\n", no_wrap=True, overflow="crop", end="").join(lines)


@contextmanager
def open_panel(name: str, file: TextIO | None = None) -> Generator[Panel]:
    """Draw a panel on *file*, standard error by default; it is wiped away at the end."""
    live = Live(
        console=Console(file=file or sys.stderr),
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        vertical_overflow="crop",
    )
    with suppress(OSError):  # a terminal that is gone takes nothing more, and stops nothing
        live.start()
    try:
        yield Panel(live, name)
    finally:
        with suppress(OSError):
            live.stop()


class Lines:
    """Writes a line now and then."""

    interval_s = 0.5

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = file or sys.stderr
        self._shown: Snapshot | None = None

    def show(self, snapshot: Snapshot) -> None:
        """Write a line if one is due."""
        if is_due(self._shown, snapshot):
            self._shown = snapshot
            self.say(line(snapshot))

    def say(self, text: str) -> None:
        """Write a line."""
        self._file.write(f"{text}\n")
        self._file.flush()


class JsonLines(Lines):
    """Writes one JSON object a second; what is said becomes ``{"notice": ...}``."""

    interval_s = 1.0

    def show(self, snapshot: Snapshot) -> None:
        """Write the snapshot."""
        super().say(json_line(snapshot))

    def say(self, text: str) -> None:
        """Write a notice."""
        super().say(encode({"notice": text}).decode())


class Quiet(Lines):
    """Shows nothing, and still says what has to be said."""

    interval_s = 3600.0

    def show(self, snapshot: Snapshot) -> None:
        """Show nothing."""
