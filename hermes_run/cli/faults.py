"""What goes wrong, told to a person: what happened, what it cost, what to type."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path

import msgspec

from hermes_run.cli import output
from hermes_run.cli.broken import tell_broken, tell_where
from hermes_run.errors import EndpointError, UsageError, WorkerError, leaves
from hermes_run.failure import Failure
from hermes_run.run_json import RUN
from hermes_run.runlog import RUN_LOG, open_log
from hermes_run.words import clean
from recorder.errors import JournalError, RunDirectoryError
from recorder.run_directory import JOURNAL
from recorder.segment import segments

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
    for kind in (JournalError, EndpointError, UsageError, RunDirectoryError, WorkerError):
        for cause in causes:
            if isinstance(cause, kind):
                return _known(cause, directory)
    cause = causes[0]
    if isinstance(cause, OSError) and cause.errno in _DISK:
        return _known(JournalError(str(cause)), directory)
    return Fault(1, f"something broke: {type(cause).__name__}: {clean(str(cause), _TEXT)}", error)


def tell(fault: Fault, directory: Path) -> int:
    """Write *fault* to standard error, and its traceback where it can be found; gives the code."""
    if fault.cause is not None and not (directory / RUN_LOG).exists():
        return tell_broken(fault.cause)
    output.tell(f"hermes-run: {fault.text}")
    if fault.cause is not None:
        with open_log(directory) as log:
            log.error("the run broke", exc_info=fault.cause)
        tell_where(directory / RUN_LOG)
    return fault.code


def _known(error: BaseException, directory: Path) -> Fault:
    if isinstance(error, JournalError):
        return Fault(74, _unrecorded(error, directory))
    if isinstance(error, EndpointError):
        return Fault(4, _unreachable(error.failure))
    if isinstance(error, WorkerError):
        return Fault(1, f"{clean_lines(str(error))}\n{_recorded(directory)}")
    return Fault(2, clean_lines(str(error)))


def _unrecorded(error: JournalError, directory: Path) -> str:
    return (
        f"{clean(str(error), _TEXT)}\nThe record could not be written, so the run stopped. "
        f"{_kept(error, directory)}"
    )


def _kept(error: JournalError, directory: Path) -> str:
    journal = directory / JOURNAL
    if isinstance(error.__cause__, FileNotFoundError) and not journal.exists():
        return f"{journal} was removed meanwhile, and with it what was recorded until then."
    if not (directory / RUN).exists():  # written before anything is asked
        return "Nothing was asked and nothing was spent. Make room, or choose another --out."
    with suppress(OSError):
        if not segments(journal):
            return "Nothing was recorded. Make room, and type again what you typed."
    return _recorded(directory, "make room and ")


def _recorded(directory: Path, first: str = "") -> str:
    return (
        f"What was recorded until then is in {directory}; {first}go on with "
        f"`hermes-run resume {directory}`."
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
