"""Where the engine listens is found as its own command finds it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from hermes_run.errors import UsageError
from hermes_run.sandboxes.docker.address import Address, find_address


def listen(path: Path) -> Path:
    """Make a socket that is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
    return path


@pytest.fixture
def places(short) -> dict[str, Path]:
    """Give empty folders in the places of the system, of the user's home and of the session."""
    return {name: short / name for name in ("system", "home", "runtime")}


def find(places: dict[str, Path], **environment: str) -> Address:
    """Find the engine there."""
    given = {"XDG_RUNTIME_DIR": str(places["runtime"]), **environment}
    return find_address(given, places["home"], places["system"])


@pytest.mark.parametrize("variable", ["DOCKER_HOST", "CONTAINER_HOST"])
def test_what_the_environment_says_comes_first(places, variable):
    """Whatever else is there."""
    listen(places["system"] / "run/docker.sock")
    found = find(places, **{variable: "unix:///x.sock", "DOCKER_CONTEXT": "other"})
    assert found == Address(url="unix:///x.sock")


def test_the_context_comes_next(places):
    """From the environment, or from what the command remembers."""
    listen(places["system"] / "run/docker.sock")
    assert find(places, DOCKER_CONTEXT="mine") == Address(context="mine")
    config = places["home"] / ".docker" / "config.json"
    config.parent.mkdir(parents=True)
    config.write_text('{"auths": {}, "currentContext": "desktop-linux"}')
    assert find(places) == Address(context="desktop-linux")
    assert (
        find(places, DOCKER_CONTEXT="default").url == f"unix://{places['system']}/run/docker.sock"
    )


@pytest.mark.parametrize("text", ["{}", "[]", "nonsense", '{"currentContext": 5}'])
def test_a_configuration_that_says_nothing_is_passed_over(places, text):
    """It is another program's, and may be anything."""
    (places["home"] / ".docker").mkdir(parents=True)
    (places["home"] / ".docker" / "config.json").write_text(text)
    path = listen(places["system"] / "var/run/docker.sock")
    assert find(places) == Address(url=f"unix://{path}")


def test_sockets_are_looked_for_in_the_usual_places(places):
    """Docker before podman; the user's own podman before the system's."""
    order = [
        places["system"] / "run/podman/podman.sock",
        places["runtime"] / "podman/podman.sock",
        places["home"] / ".docker/run/docker.sock",
        places["runtime"] / "docker.sock",
        places["system"] / "run/docker.sock",
        places["system"] / "var/run/docker.sock",
    ]
    for path in order:
        listen(path)
        assert find(places) == Address(url=f"unix://{path}")


def test_a_session_without_a_folder_of_its_own_has_fewer_places(places):
    """As where nobody has logged in."""
    listen(places["runtime"] / "docker.sock")
    with pytest.raises(UsageError, match="there is no container engine here: start Docker or"):
        find_address({}, places["home"], places["system"])


def test_a_file_is_no_engine(places):
    """It must be a socket."""
    path = places["system"] / "run/docker.sock"
    path.parent.mkdir(parents=True)
    path.write_text("")
    with pytest.raises(UsageError, match="DOCKER_HOST"):
        find(places)


def test_an_engine_that_is_closed_to_the_user_is_passed_over_or_said(places, monkeypatch):
    """Often the user is not in its group."""
    closed = listen(places["system"] / "run/docker.sock")
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != closed and access(path, mode))
    with pytest.raises(UsageError, match="may not use the container engine at"):
        find(places)
    open_one = listen(places["runtime"] / "podman/podman.sock")
    assert find(places) == Address(url=f"unix://{open_one}")
