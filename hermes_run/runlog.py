"""The run's own log: what a person needs to find a fault, and never the screen."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

RUN_LOG = "run.log"


class _Lines:
    """The file of the log, as far as there is room for it: it is not the record."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, text: str) -> None:
        """Append *text*; it is lost where it can't be written."""
        with suppress(OSError):
            os.write(self._descriptor, text.encode("utf-8", "backslashreplace"))

    def flush(self) -> None:
        """Nothing is kept back."""


@contextmanager
def open_log(directory: Path) -> Generator[FilteringBoundLogger]:
    """Append to the run's log, one JSON object a line, tracebacks included.

    Raises:
        OSError: the file can't be opened.
    """
    import structlog  # noqa: PLC0415  # it brings all of rich, and most commands have no log

    descriptor = os.open(
        directory / RUN_LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
    )
    try:
        yield structlog.wrap_logger(
            structlog.WriteLogger(cast("TextIO", _Lines(descriptor))),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
            wrapper_class=structlog.make_filtering_bound_logger("info"),
        )
    finally:
        os.close(descriptor)
