"""The run's own log: what a person needs to find a fault, and never the screen."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import structlog
from structlog.typing import FilteringBoundLogger

RUN_LOG = "run.log"


@contextmanager
def open_log(directory: Path) -> Generator[FilteringBoundLogger]:
    """Append to the run's log, one JSON object a line, tracebacks included.

    Raises:
        OSError: the file can't be opened.
    """
    descriptor = os.open(
        directory / RUN_LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
    )
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        yield structlog.wrap_logger(
            structlog.WriteLogger(file),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
            wrapper_class=structlog.make_filtering_bound_logger("info"),
        )
