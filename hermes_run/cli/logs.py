"""What libraries log and Python complains about goes to the run's log, never to the screen."""

from __future__ import annotations

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager

from structlog.typing import FilteringBoundLogger


class _ToRunLog(logging.Handler):
    """Passes records of the standard library's logging on."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        self._log.warning(record.getMessage(), logger=record.name, exc_info=record.exc_info)


@contextmanager
def kept_from_the_screen(log: FilteringBoundLogger) -> Generator[None]:
    """Send to *log* what would end up on standard error."""

    def unraisable(what: sys.UnraisableHookArgs) -> None:
        log.warning("ignored", where=repr(what.object), exc_info=what.exc_value)

    root, to_log, before = logging.getLogger(), _ToRunLog(log), sys.unraisablehook
    root.addHandler(to_log)
    logging.captureWarnings(capture=True)
    sys.unraisablehook = unraisable
    try:
        yield
    finally:
        sys.unraisablehook = before
        logging.captureWarnings(capture=False)
        root.removeHandler(to_log)
