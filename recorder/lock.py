"""One run, one owner: a lock on the run directory, held for the life of the run."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from recorder.errors import RunDirectoryError, RunLockedError

LOCK = "lock"
_TRIES = 5
_PAUSE_S = 0.02

_owned: dict[tuple[int, int], int] = {}
"""The descriptors of the locks that this process holds, by device and inode of their files."""


@contextmanager
def own(directory: Path) -> Generator[None]:
    """Own *directory* until the block ends; the kernel gives it up if the process dies.

    Blocks for a tenth of a second where somebody else owns it.

    Raises:
        RunLockedError: another process owns it; the text names that process.
        RunDirectoryError: *directory* can't be written to.
    """
    try:
        descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise RunDirectoryError(f"the run directory can't be locked: {error}") from error
    try:
        _take(descriptor, directory)
        with _known(descriptor):
            yield
    finally:
        os.close(descriptor)


def descriptor_of(directory: Path) -> int | None:
    """Give the descriptor by which this process owns *directory*, if it does.

    A process that inherits it holds the lock, too: nobody else owns *directory* before all have
    ended.

    Raises:
        OSError: the lock can't be looked at.
    """
    found = (directory / LOCK).stat()
    return _owned.get((found.st_dev, found.st_ino))


def holder(directory: Path) -> int | None:
    """The process that owns *directory* now, if any does; 0 if it can't be told which."""
    try:
        descriptor = os.open(directory / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _pid(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


@contextmanager
def _known(descriptor: int) -> Generator[None]:
    found = os.fstat(descriptor)
    name = found.st_dev, found.st_ino
    _owned[name] = descriptor
    try:
        yield
    finally:
        del _owned[name]


def _take(descriptor: int, directory: Path) -> None:
    try:
        if _locked(descriptor):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            return
    except OSError as error:
        raise RunDirectoryError(f"{directory} can't be locked: {error}") from error
    raise RunLockedError(
        f"{directory} is in use by process {_pid(descriptor) or 'unknown'}: "
        "wait for it to end, or stop it"
    )


def _locked(descriptor: int) -> bool:
    """Try a few times: somebody who only asks for the holder has it for an instant."""
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_PAUSE_S)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return True
    return False


def _pid(descriptor: int) -> int:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else 0
