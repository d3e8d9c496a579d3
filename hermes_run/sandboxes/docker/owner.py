"""Whose a container is: it is removed by another run only if its own is surely gone.

A process is known by its id, when it started, the space of ids it lives in, the boot of the
machine, and that machine's name and number: of two machines of one name, neither knows what runs on
the other. A run in a container of its own that shares the engine has another space of ids: whether
it is still there can't be seen from here, so what it has is left alone.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

import msgspec
import psutil

from hermes_run.sandboxes.mirror import boot_id

WALL, OWNER = "hermes-run.wall", "hermes-run.owner"
"""The labels of a container: which wall it belongs to, and which process holds that."""

MACHINE = Path("/etc/machine-id")


class Owner(msgspec.Struct, frozen=True):
    """A process, told apart from all others.

    ``number`` is the machine's, as in machine-id(5), and empty where it has none; ``space`` and
    ``started`` are as the system says.
    """

    machine: str
    number: str
    boot: str
    space: str
    pid: int
    started: str


def this_process() -> Owner:
    """Name the process that asks."""
    return Owner(
        machine=platform.node(),
        number=_number(),
        boot=boot_id(),
        space=_space(),
        pid=os.getpid(),
        started=_started(os.getpid()) or "",
    )


def labels(wall: str, owner: Owner) -> dict[str, str]:
    """Give the labels of the containers of a wall."""
    return {WALL: wall, OWNER: msgspec.json.encode(owner).decode()}


def is_gone(label: str | None, here: Owner) -> bool:
    """Tell whether the process that a label names is surely gone; a label of another form is not.

    Args:
        label: the text of the label :data:`OWNER`.
        here: the process that asks.
    """
    try:
        owner = msgspec.json.decode(label or "", type=Owner)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return False
    if (owner.machine, owner.number) != (here.machine, here.number):
        return False
    if owner.boot != here.boot:
        return bool(here.number)
    return owner.space == here.space and not _is_there(owner)


def _number() -> str:
    try:
        return MACHINE.read_text("ascii", "replace").strip()
    except OSError:
        return ""


def _is_there(owner: Owner) -> bool:
    started = _started(owner.pid)
    if started is None or not owner.started:
        return psutil.pid_exists(owner.pid)
    return started == owner.started


def _space() -> str:
    """Name the space of process ids, where the system has several."""
    try:
        return Path("/proc/self/ns/pid").readlink().name
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """Tell when a process started; by the clock that nobody sets, where the system shows it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        pass
    try:
        return str(psutil.Process(pid).create_time())
    except (psutil.Error, ValueError):
        return None
