"""What goes wrong, told to a person: what happened, what it cost, what to type."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import traceback
from pathlib import Path

import msgspec

from hermes_run.attempt import leaves
from hermes_run.errors import EndpointError, UsageError
from hermes_run.failure import Failure
from hermes_run.progress.words import clean
from hermes_run.runlog import RUN_LOG, open_log
from recorder.errors import JournalError, RunDirectoryError

_DISK = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
)
_TEXT = 500
_ADVICE = {
    "connection": "Start the server, or name another one with --base-url http://HOST:PORT/v1; "
    "--model simulated needs none.",
    "key": "Set OPENAI_API_KEY to a key that this endpoint takes, or name your own server with "
    "--base-url.",
}


class Fault(msgspec.Struct, frozen=True):
    """An exit code and what to tell; ``cause`` is set where only a traceback can explain."""

    code: int
    text: str
    cause: BaseException | None = None


def explain(error: BaseException, directory: Path) -> Fault:
    """Find the one sentence for *error*; of several, the record's fault weighs most.

    Args:
        error: what ended the command; it may be a group.
        directory: the run directory, which may not be there.
    """
    causes = leaves(error)
    for kind in (JournalError, EndpointError, UsageError, RunDirectoryError):
        for cause in causes:
            if isinstance(cause, kind):
                return _known(cause, directory)
    cause = causes[0]
    if isinstance(cause, OSError) and cause.errno in _DISK:
        return _known(JournalError(str(cause)), directory)
    return Fault(1, f"something broke: {type(cause).__name__}: {clean(str(cause), _TEXT)}", error)


def tell(fault: Fault, directory: Path) -> int:
    """Write *fault* to standard error, and its traceback where it can be found; gives the code."""
    print(f"hermes-run: {fault.text}", file=sys.stderr)
    if fault.cause is not None:
        place = _keep_traceback(fault.cause, directory)
        print(f"The traceback is in {place}; this is a fault of hermes-run.", file=sys.stderr)
    return fault.code


def _known(error: BaseException, directory: Path) -> Fault:
    if isinstance(error, JournalError):
        return Fault(74, _unrecorded(error, directory))
    if isinstance(error, EndpointError):
        return Fault(4, _unreachable(error.failure))
    return Fault(2, clean_lines(str(error)))


def _unrecorded(error: JournalError, directory: Path) -> str:
    kept = (
        f"What was recorded until then is in {directory}; make room and go on with "
        f"`hermes-run resume {directory}`."
        if (directory / "journal").exists()
        else "Nothing was asked and nothing was spent. Make room, or choose another --out."
    )
    return (
        f"{clean(str(error), _TEXT)}\nThe record could not be written, so the run stopped. {kept}"
    )


def _unreachable(failure: Failure) -> str:
    advice = _ADVICE.get(failure.kind, "Look at --model, --base-url and the key.")
    return (
        f"the endpoint can't be used: {clean(failure.error, _TEXT)}\n"
        f"No model was asked, nothing was spent and nothing was written. {advice}"
    )


def clean_lines(text: str) -> str:
    """Make a text of several lines harmless, keeping its lines."""
    return "\n".join(clean(line, _TEXT) for line in text.splitlines())


def _keep_traceback(error: BaseException, directory: Path) -> Path:
    """Write the traceback to the run's log, or to a file of its own where there is no run."""
    if (directory / RUN_LOG).exists():
        with open_log(directory) as log:
            log.error("the run broke", exc_info=error)
        return directory / RUN_LOG
    descriptor, path = tempfile.mkstemp(prefix="hermes-run-", suffix=".log")
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(traceback.format_exception(error))
    return Path(path)
