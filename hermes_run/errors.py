"""Everything the runner raises, by whose fault it is.

::

    HermesRunError
    ├── UsageError            the caller's: options, settings or input files that can't be used
    ├── EndpointError         the endpoint's: an attempt gave no usable reply
    ├── SandboxError          the machine's: a workspace or a sandbox can't be had
    ├── WorkerError           the machine's: a process of the run can't be started, or broke
    ├── ToolError             a tool's: it raised what would have ended its caller
    └── NotAskedError         nobody's: the run is stopping, and nothing was sent
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from recorder.errors import JournalError, RecorderError

if TYPE_CHECKING:
    from hermes_run.failure import Failure


class HermesRunError(Exception):
    """Root of everything the runner raises."""


class UsageError(HermesRunError):
    """What was asked for can't be done as it was asked; the text says what to type."""


class SandboxError(HermesRunError):
    """A workspace or a sandbox can't be made, or broke."""


class WorkerError(HermesRunError):
    """A process that is to run sessions can't be started, or can't go on."""


class ToolError(HermesRunError):
    """A tool raised what is no ``Exception``, and would have ended its caller; the cause is it."""


class EndpointError(HermesRunError):
    """An attempt gave no usable reply; ``failure`` says what went wrong and what follows."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.error)
        self.failure = failure


class NotAskedError(HermesRunError):
    """The run is stopping: there was no attempt."""


def leaves(error: BaseException) -> list[BaseException]:
    """What an exception group holds, flat; an exception that is no group is its own only leaf."""
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    group = cast("BaseExceptionGroup[BaseException]", error)
    return [leaf for part in group.exceptions for leaf in leaves(part)]


@contextmanager
def ungrouped() -> Generator[None]:
    """Let a fault leave this block as it is, out of the exception groups that tasks put around it.

    Of several, the record's weighs most; a group of faults that nobody has documented stays whole.
    """
    try:
        yield
    except ExceptionGroup as group:
        fault = _foremost(leaves(group))
        if fault is None:
            raise
        raise fault from fault.__cause__ or fault.__context__


def _foremost(faults: list[BaseException]) -> BaseException | None:
    """Choose what to tell of *faults*, if one is known or there are no others."""
    for kind in (JournalError, HermesRunError | RecorderError):
        for fault in faults:
            if isinstance(fault, kind):
                return fault
    return faults[0] if len(set(map(id, faults))) == 1 else None
