"""What libraries log and Python complains about goes to the run's log, never to the screen."""

from __future__ import annotations

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager

from structlog.typing import FilteringBoundLogger


class Complaints(logging.Handler):
    """Takes what would end up on standard error; made by :func:`kept_from_the_screen`."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._log: FilteringBoundLogger | None = None

    @contextmanager
    def written_to(self, log: FilteringBoundLogger) -> Generator[None]:
        """Write to *log* while the block runs; there is none before a run and after it."""
        self._log = log
        try:
            yield
        finally:
            self._log = None

    def emit(self, record: logging.LogRecord) -> None:
        """Take what was logged."""
        if self._log:
            self._log.warning(record.getMessage(), logger=record.name, exc_info=record.exc_info)

    def take(self, what: sys.UnraisableHookArgs) -> None:
        """Take what could not be raised."""
        if self._log:
            self._log.warning("ignored", where=repr(what.object), exc_info=what.exc_value)


@contextmanager
def kept_from_the_screen() -> Generator[Complaints]:
    """Take what would end up on standard error while the block runs."""
    root, complaints, before = logging.getLogger(), Complaints(), sys.unraisablehook
    root.addHandler(complaints)
    logging.captureWarnings(capture=True)
    sys.unraisablehook = complaints.take
    try:
        yield complaints
    finally:
        sys.unraisablehook = before
        logging.captureWarnings(capture=False)
        root.removeHandler(complaints)
