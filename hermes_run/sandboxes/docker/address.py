"""Where the container engine of this machine listens."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from hermes_run.errors import UsageError

ADVICE = (
    "start Docker or podman (systemctl --user start podman.socket), or name its socket in "
    "DOCKER_HOST (unix:///path/to/docker.sock)"
)

SYSTEM = Path("/")


class Address(msgspec.Struct, frozen=True):
    """An engine's address, or the name of the docker context that holds it."""

    url: str | None = None
    context: str | None = None


class _Config(msgspec.Struct):
    current: str | None = msgspec.field(default=None, name="currentContext")


def find_address(environment: Mapping[str, str], home: Path, system: Path = SYSTEM) -> Address:
    """Find the engine as its own command does: what the environment says, the context, a socket.

    Args:
        environment: the variables of this process.
        home: the user's home folder, which may hold the configuration of the docker command.
        system: the folder that the sockets of the system are searched in.

    Raises:
        UsageError: there is none, or it is closed to this user.
    """
    for variable in ("DOCKER_HOST", "CONTAINER_HOST"):
        if url := environment.get(variable):
            return Address(url=url)
    context = environment.get("DOCKER_CONTEXT") or _current_context(home)
    if context and context != "default":
        return Address(context=context)
    there = [path for path in _sockets(environment, home, system) if path.is_socket()]
    for path in there:
        if os.access(path, os.R_OK | os.W_OK):
            return Address(url=f"unix://{path}")
    if there:
        raise UsageError(
            f"this user may not use the container engine at {there[0]}: {ADVICE}, "
            "or let the user into the group that owns the socket"
        )
    raise UsageError(f"there is no container engine here: {ADVICE}")


def _current_context(home: Path) -> str | None:
    try:
        text = (home / ".docker" / "config.json").read_bytes()
        return msgspec.json.decode(text, type=_Config).current
    except (OSError, msgspec.DecodeError):
        return None


def _sockets(environment: Mapping[str, str], home: Path, system: Path) -> Iterator[Path]:
    """The usual places, Docker's before podman's and the system's before the user's."""
    runtime = environment.get("XDG_RUNTIME_DIR")
    yield system / "var/run/docker.sock"
    yield system / "run/docker.sock"
    if runtime:
        yield Path(runtime, "docker.sock")
    yield home / ".docker/run/docker.sock"
    if runtime:
        yield Path(runtime, "podman/podman.sock")
    yield system / "run/podman/podman.sock"
