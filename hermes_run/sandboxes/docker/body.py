"""What the engine is asked for when a container is made. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from hermes_run.sandboxes.ownership import NOBODY
from hermes_run.sandboxes.wall import WORKSPACE, Allowance

TEMPORARY = "/tmp"  # noqa: S108 - a path in there, and of one session alone

CPU_WEIGHT = 256
"""A quarter of what everything else on the machine has, when all of it wants to run."""

SHARED_BYTES = 256 * 2**20
"""The size of /dev/shm, which counts as memory."""

SPARE_BYTES = 64 * 2**20
"""The size of every other folder that can be written besides the workspace and /tmp."""

KEEP = "while :; do sleep 3600; done"
"""What runs in a container between commands: nothing."""

_SPARE = ("/run", "/var/tmp")  # noqa: S108 - as above


class Traits(msgspec.Struct, frozen=True):
    """What an engine is like.

    ``rootless``: its root is the user who runs it. ``remapped``: its users are others outside.
    ``labelled``: folders must be labelled for a container (SELinux). ``weighs``: it can share the
    processors by weight.
    """

    rootless: bool = False
    remapped: bool = False
    labelled: bool = False
    weighs: bool = True


class Person(msgspec.Struct, frozen=True):
    """Who runs commands: as the engine is told, and as whom to leave files where we are another."""

    user: str
    owner: int | None = None


class Plan(msgspec.Struct, frozen=True):
    """A container to be made; ``volumes`` are the folders that its image wants to be volumes."""

    image: str
    person: Person
    folder: Path
    temporary: Path
    labels: Mapping[str, str]
    marks: Mapping[str, str] = {}
    volumes: tuple[str, ...] = ()


def person(traits: Traits, uid: int, gid: int) -> Person:
    """Choose who runs commands, so that what they leave in the workspace can be removed by us.

    Args:
        traits: of the engine.
        uid: of the runner.
        gid: of the runner.
    """
    if traits.rootless:
        return Person("0:0")
    if uid == 0:
        return Person(f"{NOBODY}:{NOBODY}", NOBODY)
    return Person(f"{uid}:{gid}")


def body(plan: Plan, traits: Traits, allowance: Allowance) -> dict[str, Any]:
    """Write down the container: https://docs.docker.com/reference/api/engine/, ContainerCreate."""
    return {
        "Image": plan.image,
        "Entrypoint": ["/bin/sh"],
        "Cmd": ["-c", KEEP],
        "User": plan.person.user,
        "WorkingDir": WORKSPACE,
        "Env": [f"{name}={text}" for name, text in environment(plan.marks).items()],
        "Labels": dict(plan.labels),
        "Hostname": "sandbox",
        "NetworkDisabled": not allowance.network,
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": _host(plan, traits, allowance),
    }


def environment(marks: Mapping[str, str]) -> dict[str, str]:
    """Give what commands find in their environment besides what the image puts there."""
    return {
        "HOME": WORKSPACE,
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "TMPDIR": TEMPORARY,
        **marks,
    }


def _host(plan: Plan, traits: Traits, allowance: Allowance) -> dict[str, Any]:
    shared = min(SHARED_BYTES, allowance.memory)
    folders = {WORKSPACE: plan.folder, TEMPORARY: plan.temporary}
    host: dict[str, Any] = {
        "NetworkMode": "default" if allowance.network else "none",
        "IpcMode": "private",
        "Init": True,
        "Privileged": False,
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "Memory": allowance.memory,
        "MemorySwap": allowance.memory,
        "PidsLimit": allowance.processes,
        "ShmSize": shared,
        "Tmpfs": {path: _spare(allowance) for path in _spare_folders(plan)},
        "Ulimits": [
            {"Name": "core", "Soft": 0, "Hard": 0},
            {"Name": "fsize", "Soft": allowance.disk, "Hard": allowance.disk},
        ],
        "LogConfig": {"Type": "none"},
    }
    if traits.weighs:
        host["CpuShares"] = CPU_WEIGHT
    if traits.remapped:
        host["UsernsMode"] = "host"
    if traits.labelled:
        host["Binds"] = [f"{outside}:{inside}:Z" for inside, outside in folders.items()]
    else:
        host["Mounts"] = [
            {"Type": "bind", "Source": str(outside), "Target": inside}
            for inside, outside in folders.items()
        ]
    return host


def _spare(allowance: Allowance) -> str:
    size = min(SPARE_BYTES, allowance.memory)
    return f"rw,nosuid,nodev,noexec,size={size},mode=1777"


def _spare_folders(plan: Plan) -> list[str]:
    """A volume of the image would be room on the machine that nobody bounds."""
    taken = {WORKSPACE, TEMPORARY, "/"}
    wanted = [*_SPARE, *(path.rstrip("/") or "/" for path in plan.volumes)]
    return list(dict.fromkeys(path for path in wanted if path not in taken))
