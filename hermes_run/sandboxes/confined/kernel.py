"""The system calls that Python has no functions for, of Linux on x86_64 and aarch64.

Numbers and structures are those of ``linux/prctl.h``, ``linux/capability.h``, ``linux/landlock.h``
and ``linux/seccomp.h``.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct

LIBC = ctypes.CDLL(None, use_errno=True)

_SECCOMP = {"x86_64": 317, "aarch64": 277}
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_BENEATH = 1

_SET_NO_NEW_PRIVS, _SET_CHILD_SUBREAPER, _SET_SECUREBITS = 38, 36, 28
_BOUNDING_DROP, _AMBIENT, _AMBIENT_CLEAR = 24, 47, 4

_SECUREBITS = 0b11101011
"""No capability for uid 0, none kept and none raised, each for ever; but uids still clear them."""

_CAPABILITIES = 64
_CAPABILITY_VERSION = 0x20080522

_SET_MODE_FILTER = 1
_LISTEN = 1 << 3 | 1 << 5
"""With a new listener; and who waits for its answer is not interrupted by signals."""


def prctl(option: int, value: int = 0, more: int = 0) -> None:
    """Call ``prctl``.

    Raises:
        OSError: the kernel refuses.
    """
    words = [ctypes.c_ulong(word) for word in (value, more, 0, 0)]
    _checked(LIBC.prctl(option, *words))


def landlock_abi() -> int:
    """Give the version of Landlock that this kernel has; zero is none."""
    found: int = LIBC.syscall(ctypes.c_long(_CREATE_RULESET), None, ctypes.c_size_t(0), _VERSION)
    return max(found, 0)


def create_ruleset(files: int, network: int, scopes: int) -> int:
    """Give a descriptor of a set of rules that forbids what is named and has no exception yet.

    Raises:
        OSError: this kernel does not know one of them.
    """
    attributes = struct.pack("=QQQ", files, network, scopes)
    # An older kernel takes what it knows, and of what it does not only zeros.
    size = ctypes.c_size_t(len(attributes))
    return _checked(LIBC.syscall(ctypes.c_long(_CREATE_RULESET), attributes, size, 0))


def allow_beneath(ruleset: int, rights: int, descriptor: int) -> None:
    """Allow rights to a file, or to all that lies beneath a folder.

    Raises:
        OSError: these are no rights to such a file.
    """
    rule = struct.pack("=Qi", rights, descriptor)
    _checked(LIBC.syscall(ctypes.c_long(_ADD_RULE), ruleset, _BENEATH, rule, 0))


def restrict_self(ruleset: int) -> None:
    """Live under a set of rules from now on.

    Raises:
        OSError: the kernel refuses.
    """
    _checked(LIBC.syscall(ctypes.c_long(_RESTRICT_SELF), ruleset, 0))


def filter_calls(program: bytes, *, listen: bool) -> int:
    """Live under a filter of system calls from now on.

    Returns:
        A descriptor on which calls arrive that the filter leaves to somebody else, if there is to
        be one, else zero.

    Raises:
        OSError: the kernel refuses.
    """
    code = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    flags = _LISTEN if listen else 0
    number = ctypes.c_long(_SECCOMP[os.uname().machine])
    return _checked(LIBC.syscall(number, _SET_MODE_FILTER, flags, described))


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    prctl(_SET_CHILD_SUBREAPER, 1)


def gain_nothing() -> None:
    """Let no program that is started have more rights than who starts it."""
    prctl(_SET_NO_NEW_PRIVS, 1)


def forget_capabilities() -> None:
    """Make sure that no program started later has a capability, as far as we may."""
    for number in range(_CAPABILITIES):
        with contextlib.suppress(OSError):
            prctl(_BOUNDING_DROP, number)
    for option, value in ((_SET_SECUREBITS, _SECUREBITS), (_AMBIENT, _AMBIENT_CLEAR)):
        with contextlib.suppress(OSError):
            prctl(option, value)


def drop_capabilities() -> None:
    """Have no capability any more.

    Raises:
        OSError: one is still there.
    """
    header = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    _checked(LIBC.capset(header, bytes(24)))
    left = ctypes.create_string_buffer(24)
    _checked(LIBC.capget(header, left))
    if any(left.raw):
        raise OSError(errno.EPERM, "capabilities can't be dropped")


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
