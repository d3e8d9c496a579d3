"""The control folder of a session: scripts and FIFOs between the host and what runs inside.

It is opened beneath a descriptor, and where no wall protects it, what stands in it is hostile.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

import msgspec

_READ, _WRITE = 0o400, 0o200

_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Control(msgspec.Struct, frozen=True):
    """The folder by its descriptor; what is made in it is for *owner* to use.

    It stays ours: what is in it can be used in one way, and its mode be changed by nobody inside.
    """

    descriptor: int
    owner: int | None = None


def make_script(undo: contextlib.ExitStack, control: Control, name: str, content: bytes) -> None:
    """Write a file, to be removed at the end.

    Raises:
        OSError: it can't be made.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS
    descriptor = os.open(name, flags, 0o600, dir_fd=control.descriptor)
    undo.callback(remove, control, name)
    with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123 - a descriptor, no path
        file.write(content)
        _hand_over(descriptor, control, _READ)


def make_fifo(undo: contextlib.ExitStack, control: Control, name: str, access: int) -> int:
    """Make a FIFO, to be removed at the end, and open it.

    With O_RDONLY it is for those inside to write, with O_RDWR to read, and for nothing else.

    Raises:
        OSError: it can't be made, or something else stands there already.
    """
    os.mkfifo(name, 0o600, dir_fd=control.descriptor)
    undo.callback(remove, control, name)
    descriptor = os.open(name, access | _FLAGS, dir_fd=control.descriptor)
    undo.callback(os.close, descriptor)
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        raise OSError(errno.EINVAL, "something else stands where a FIFO was made")
    _hand_over(descriptor, control, _WRITE if access == os.O_RDONLY else _READ)
    return descriptor


def open_to_write(control: Control, name: str) -> int:
    """Open a FIFO that is open to read.

    Raises:
        OSError: it is not there any more.
    """
    return os.open(name, os.O_WRONLY | _FLAGS, dir_fd=control.descriptor)


def remove(control: Control, name: str) -> None:
    """Remove what was made, if it is there."""
    with contextlib.suppress(OSError):  # commands may have removed it, or made a folder of it
        os.unlink(name, dir_fd=control.descriptor)


def _hand_over(descriptor: int, control: Control, mode: int) -> None:
    """Let those inside use it as *mode* says: as the same user, or as a group of their own."""
    if control.owner is None:
        os.fchmod(descriptor, mode)
    else:
        os.fchown(descriptor, -1, control.owner)
        os.fchmod(descriptor, mode | mode >> 3)
