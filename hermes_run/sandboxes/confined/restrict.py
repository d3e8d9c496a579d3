"""Put the walls around this process, for good; what it starts has them, too."""

from __future__ import annotations

import contextlib
import os
import resource
import stat

from hermes_run.sandboxes.confined import kernel

TYPE_CHECKING = False  # `typing` takes longer to load than all of this
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hermes_run.sandboxes.confined.spec import Spec

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_BLOCK = 1 << 6, 1 << 11
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15

ALL_FILES = (1 << 15) - 1
"""Every right to files of version 3 of Landlock."""

ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
"""The rights that make sense for what is no folder."""

BOTH_NETWORK = 0b11
"""To bind and to connect TCP."""

BOTH_SCOPES = 0b11
"""Abstract sockets and signals: only among those behind the same wall."""

RIGHTS: Mapping[str, int] = {
    "read": _EXECUTE | _READ_FILE | _READ_DIR,
    "write": ALL_FILES & ~(_MAKE_CHAR | _MAKE_BLOCK),
    "talk": _EXECUTE | _READ_FILE | _READ_DIR | _WRITE_FILE | _TRUNCATE,
}
"""What may be done beneath paths: see what is there, do everything, or write to what is there."""


def restrict(spec: Spec) -> int:
    """Do what *spec* says; there is no way back.

    Returns:
        The descriptor on which calls arrive for the keeper, or zero.

    Raises:
        OSError: the kernel refuses something.
    """
    ruleset = _ruleset(spec)
    os.chdir(spec["folder"])
    os.umask(0o022)
    _limit(spec["limits"])
    kernel.forget_capabilities()
    _become(spec["uid"])
    kernel.drop_capabilities()
    kernel.gain_nothing()
    kernel.restrict_self(ruleset)
    os.close(ruleset)
    return kernel.filter_calls(bytes.fromhex(spec["filter"]), listen=bool(spec["calls"]))


def _ruleset(spec: Spec) -> int:
    abi = spec["abi"]
    ruleset = kernel.create_ruleset(
        ALL_FILES | (_IOCTL_DEV if abi >= 5 else 0),
        BOTH_NETWORK if abi >= 4 and not spec["network"] else 0,
        BOTH_SCOPES if abi >= 6 else 0,
    )
    for name, paths in spec["paths"].items():
        _allow(ruleset, RIGHTS[name], paths)
    return ruleset


def _allow(ruleset: int, rights: int, paths: Iterable[str]) -> None:
    for path in paths:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:  # not on this machine, or not for us
            continue
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        kernel.allow_beneath(ruleset, rights if is_folder else rights & ON_FILES, descriptor)
        os.close(descriptor)


def _limit(limits: Mapping[str, int]) -> None:
    """Lower limits; what is lower already stays."""
    for number, value in limits.items():
        _, hard = resource.getrlimit(int(number))
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(int(number), (bound, bound))
    # Where memory runs out, commands go before the host does.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123 - pathlib takes longer to load than all of this
        file.write("500")


def _become(uid: int | None) -> None:
    if uid is None:
        return
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
