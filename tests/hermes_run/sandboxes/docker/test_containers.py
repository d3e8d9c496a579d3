"""What an engine is asked for: one bounded container a session, one pull an image, none left."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import anyio
import msgspec
import pytest

from hermes_run.errors import SandboxError, UsageError
from hermes_run.sandboxes.docker import open_docker_wall, owner
from hermes_run.sandboxes.docker.body import Traits, person
from hermes_run.sandboxes.docker.owner import OWNER, WALL, labels, this_process
from hermes_run.sandboxes.mirror import Mirror
from hermes_run.sandboxes.probing import probe
from hermes_run.sandboxes.wall import Allowance, Site
from tests.hermes_run.sandboxes.docker.conftest import ALLOWANCE
from tests.hermes_run.sandboxes.docker.engine import Container, Fault
from tests.hermes_run.sandboxes.docker.machine import Machine
from tests.hermes_run.sandboxes.docker.running import run

CREATE = "POST /containers/create"


def mine() -> str:
    """Who runs commands with an engine of root's."""
    return person(Traits(), os.geteuid(), os.getegid()).user


def created(engine) -> dict:
    """Give the only container that was asked for."""
    (asked,) = engine.asked_for(CREATE)
    return asked.body


def standing(engine, tmp_path, of: str | None) -> str:
    """Let a container of somebody's be there; give its id."""
    name = f"other-{len(engine.containers)}"
    body = {
        "Image": "here",
        "Entrypoint": ["/bin/sh"],
        "Labels": {} if of is None else {OWNER: of},
    }
    engine.containers[name] = Container(name, name, body, Machine(body, tmp_path))
    return name


async def test_a_container_is_bounded_in_everything(engine, wall, site):
    """Memory, swap, processes, rights, network: as the engine's interface calls them."""
    async with wall.open(site):
        body = created(engine)
    host = body["HostConfig"]
    bounds = {"Memory": 2**30, "MemorySwap": 2**30, "PidsLimit": 100, "ShmSize": 2**28}
    rights = {"CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"], "Privileged": False}
    rest = {"NetworkMode": "none", "ReadonlyRootfs": True, "Init": True, "IpcMode": "private"}
    assert host.items() >= {**bounds, **rights, **rest, "CpuShares": 256}.items()
    assert {"Name": "fsize", "Soft": 2**29, "Hard": 2**29} in host["Ulimits"]
    assert {"Name": "core", "Soft": 0, "Hard": 0} in host["Ulimits"]
    assert body["NetworkDisabled"]
    assert body["User"] == mine() != "0:0"
    assert body["WorkingDir"] == "/workspace"
    assert body["Healthcheck"] == {"Test": ["NONE"]}
    assert all("size=" in options and "nosuid" in options for options in host["Tmpfs"].values())
    mounts = {mount["Target"]: mount["Source"] for mount in host["Mounts"]}
    assert mounts == {"/workspace": str(site.folder), "/tmp": str(site.scratch / "tmp")}
    assert "UsernsMode" not in host


async def test_a_network_is_there_only_if_it_is_allowed(engine, site):
    """It is the one that the engine gives by itself."""
    allowance = msgspec.structs.replace(ALLOWANCE, network=True)
    async with open_docker_wall(allowance, "here") as wall, wall.open(site):
        body = created(engine)
    assert (body["HostConfig"]["NetworkMode"], body["NetworkDisabled"]) == ("default", False)


async def test_a_volume_of_the_image_is_no_room_without_bounds(engine, wall, site):
    """What the image wants to be kept lies in memory, and is gone with the container."""
    engine.images["kept"] = {"Config": {"Volumes": {"/var/data/": {}, "/tmp": {}, "/": {}}}}
    async with wall.open(msgspec.structs.replace(site, image="kept")):
        assert set(created(engine)["HostConfig"]["Tmpfs"]) == {"/run", "/var/tmp", "/var/data"}


@pytest.mark.skipif(os.geteuid() == 0, reason="of an engine of one's own")
async def test_the_root_of_an_engine_without_root_is_its_user(engine, site):
    """Files that it leaves are ours."""
    engine.info["SecurityOptions"] = ["name=rootless"]
    async with open_docker_wall(ALLOWANCE, "here") as wall, wall.open(site):
        assert created(engine)["User"] == "0:0"


async def test_engines_that_differ_are_asked_differently(engine, site):
    """No weights, users that are others outside, folders that need a label."""
    engine.info.update(SecurityOptions=["name=userns", "name=selinux"], CPUShares=False)
    async with open_docker_wall(ALLOWANCE, "here") as wall:
        with pytest.raises(SandboxError, match="does not see the folder"):
            async with wall.open(site):
                pytest.fail("opened")  # the stand-in knows no such mounts
    host = created(engine)["HostConfig"]
    assert "CpuShares" not in host
    assert host["UsernsMode"] == "host"
    assert host["Binds"] == [f"{site.folder}:/workspace:Z", f"{site.scratch}/tmp:/tmp:Z"]
    assert engine.containers == {}


@pytest.mark.parametrize("missing", ["MemoryLimit", "PidsLimit"])
async def test_an_engine_that_can_hold_no_bounds_is_none(engine, missing):
    """It says what it lacks."""
    engine.info[missing] = False
    with pytest.raises(SandboxError, match="can't limit memory and processes"):
        async with open_docker_wall(ALLOWANCE, "here"):
            pytest.fail("opened")


async def test_the_wall_holds(wall, tmp_path, engine):
    """The test that every wall must pass finds nothing."""
    verdict = await probe(wall, tmp_path, networked=False)
    assert verdict.faults == ()
    assert engine.containers == {}


@pytest.mark.parametrize("image", [None, "", "Up/../down", "a?b", "-x", "a//b", "x" * 600])
async def test_a_session_needs_the_name_of_an_image(engine, site, image):
    """It says what to type."""
    async with open_docker_wall(ALLOWANCE, None) as wall:
        with pytest.raises(UsageError, match="image"):
            async with wall.open(msgspec.structs.replace(site, image=image)):
                pytest.fail("opened")
    assert engine.asked_for(CREATE) == []


async def test_the_row_names_its_own_image(engine, wall, site):
    """The setting is for those that name none."""
    engine.images["other:1"] = {}
    async with wall.open(msgspec.structs.replace(site, image="other:1")):
        assert created(engine)["Image"] == "other:1"


def sites(tmp_path: Path, count: int, image: str) -> list[Site]:
    """Make the folders of several sessions."""
    made = []
    for number in range(count):
        folder = tmp_path / str(number)
        (folder / "workspace").mkdir(parents=True)
        made.append(Site(folder / "workspace", folder / "scratch", image=image))
    return made


async def test_an_image_is_pulled_once_for_all_who_ask(engine, wall, tmp_path):
    """They wait for one pull, and one that is there is not pulled."""
    engine.registry["far:1"] = {"Config": {}}
    engine.pull_may_end.clear()
    pulls = "POST /images/create"

    async def open_one(site: Site) -> None:
        async with wall.open(site):
            pass

    async with anyio.create_task_group() as group:
        for site in sites(tmp_path, 6, "far:1"):
            group.start_soon(open_one, site)
        await engine.until_asked_for(pulls)
        engine.pull_may_end.set()
    (pull,) = engine.asked_for(pulls)
    assert pull.query == {"fromImage": "far:1"}
    assert len(engine.asked_for(CREATE)) == 6


async def test_an_image_that_can_not_be_had_ends_those_who_need_it(engine, wall, tmp_path, site):
    """They learn what the engine says, from one pull; the others go on, and a later one tries."""
    engine.pull_may_end.clear()
    errors: list[str] = []

    async def fail_one(site: Site) -> None:
        with pytest.raises(SandboxError) as caught:
            async with wall.open(site):
                pytest.fail("opened")
        errors.append(str(caught.value))

    async with anyio.create_task_group() as group:
        for each in sites(tmp_path, 4, "nowhere:1"):
            group.start_soon(fail_one, each)
        await engine.until_asked_for("POST /images/create")
        engine.pull_may_end.set()
    assert len(errors) == 4
    assert all("pull access denied for nowhere:1" in error for error in errors)
    assert len(engine.asked_for("POST /images/create")) == 1
    async with wall.open(site) as sandbox:
        assert (await run(sandbox, "echo on")).output == b"on\n"
    engine.registry["nowhere:1"] = {}
    async with wall.open(msgspec.structs.replace(site, image="nowhere:1")):
        assert len(engine.asked_for("POST /images/create")) == 2


async def test_an_image_of_the_settings_that_can_not_be_had_is_said_at_once(engine):
    """Before any session is opened, and nothing is left."""
    with pytest.raises(SandboxError, match="pull access denied"):
        async with open_docker_wall(ALLOWANCE, "nowhere:1"):
            pytest.fail("opened")


async def test_nothing_is_left_of_a_session(engine, wall, site):
    """Its container is removed with its volumes, and its files can be removed by us."""
    async with wall.open(site) as sandbox:
        await run(sandbox, "mkdir -m 0 closed; touch file /tmp/file")
        (container,) = engine.containers.values()
        assert container.machine.running
    assert engine.containers == {}
    (removal,) = engine.asked_for("DELETE .*")
    assert removal.query == {"force": "1", "v": "1"}
    assert sorted(path.name for path in site.folder.iterdir()) == ["closed", "file"]


async def test_a_failed_session_leaves_no_container(engine, wall, site):
    """Whatever its end is."""
    with pytest.raises(ZeroDivisionError):
        async with wall.open(site):
            _ = 1 / 0
    assert engine.containers == {}


async def test_what_a_wall_left_is_removed_at_its_end(engine, site, monkeypatch):
    """A container that could not be removed with its session."""
    async with open_docker_wall(ALLOWANCE, "here") as wall:
        engine.faults += [fault("DELETE .*", 500)]
        async with wall.open(site):
            pass
        assert len(engine.containers) == 1
    assert engine.containers == {}


def fault(pattern: str, status: int):
    """Make a fault that happens once."""
    return Fault(pattern, status)


@pytest.fixture
def number(monkeypatch, tmp_path):
    """Give this machine a number."""
    (tmp_path / "machine-id").write_text("0123456789abcdef\n")
    monkeypatch.setattr(owner, "MACHINE", tmp_path / "machine-id")


@pytest.mark.usefixtures("number")
async def test_an_engine_that_others_may_have_too_is_not_looked_over(engine, tmp_path, monkeypatch):
    """Who speaks to it by the network may be anywhere."""
    gone = labels("w", msgspec.structs.replace(this_process(), started="1"))[OWNER]
    standing(engine, tmp_path, gone)
    monkeypatch.setenv("DOCKER_HOST", engine.address)
    async with open_docker_wall(ALLOWANCE, "here"):
        assert len(engine.containers) == 1
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    async with open_docker_wall(ALLOWANCE, "here"):
        assert engine.containers == {}


@pytest.mark.usefixtures("number")
async def test_containers_of_runs_that_are_gone_are_removed_and_no_others(engine, tmp_path):
    """Of a process that ended, of an earlier boot; not of one that is there, or elsewhere."""
    here = this_process()

    def of(**changes: object) -> str:
        return labels("w", msgspec.structs.replace(here, **changes))[OWNER]

    gone = [
        standing(engine, tmp_path, of(pid=2**22 + 1)),
        standing(engine, tmp_path, of(started="1")),
        standing(engine, tmp_path, of(boot="earlier")),
    ]
    kept = [
        standing(engine, tmp_path, of()),
        standing(engine, tmp_path, of(pid=1, started="")),
        standing(engine, tmp_path, of(machine="other", boot="other", pid=2**22 + 1)),
        standing(engine, tmp_path, of(number="other", boot="other")),
        standing(engine, tmp_path, of(space="other", pid=2**22 + 1)),
        standing(engine, tmp_path, "what is this?"),
        standing(engine, tmp_path, None),
    ]
    async with open_docker_wall(ALLOWANCE, "here"):
        assert sorted(engine.containers) == sorted(kept)
    assert sorted(engine.containers) == sorted(kept)
    assert gone


async def test_two_walls_leave_each_other_alone(engine, tmp_path):
    """Each removes its own."""
    first, second = sites(tmp_path, 2, "here")
    async with open_docker_wall(ALLOWANCE, "here") as one, one.open(first) as sandbox:
        async with open_docker_wall(ALLOWANCE, "here") as two, two.open(second):
            walls = {c.body["Labels"][WALL] for c in engine.containers.values()}
            assert len(walls) == 2
        assert (await run(sandbox, "echo still there")).output == b"still there\n"


async def test_a_workspace_that_is_not_empty_is_handed_over(wall, site):
    """Commands can change what was in it, and what tools write meanwhile."""
    (site.folder / "sub").mkdir(mode=0o700)
    (site.folder / "sub" / "old").write_text("old")
    (site.folder / "sub" / "old").chmod(0o600)
    (site.folder / "link").symlink_to("/etc/passwd")
    before = Path("/etc/passwd").stat()
    async with wall.open(site) as sandbox:
        await sandbox.write("sub/deep/new", b"new")
        finished = await run(
            sandbox, "echo more >> sub/old; echo more >> sub/deep/new; cat sub/old"
        )
        assert finished.output == b"oldmore\n"
        assert await sandbox.read("sub/deep/new", 100) == b"newmore\n"
    assert Path("/etc/passwd").stat() == before


async def test_a_workspace_is_mirrored_as_it_stands(wall, site, tmp_path):
    """From this side, as everywhere."""
    mirror = Mirror(tmp_path / "mirror", site.folder)
    async with wall.open(site) as sandbox:
        await run(sandbox, "echo one > file")
        assert await sandbox.snapshot(mirror, 1)
    assert mirror.stands_before(1)


async def test_a_session_without_folders_is_refused(wall, tmp_path):
    """Nothing is asked of the engine."""
    with pytest.raises(SandboxError, match="folders"):
        async with wall.open(Site(tmp_path / "none", tmp_path / "scratch")):
            pytest.fail("opened")


async def test_the_temporary_folder_is_closed_to_others(wall, site):
    """It lies beside the workspace on this machine."""
    async with wall.open(site):
        assert stat.S_IMODE((site.scratch / "tmp").stat().st_mode) == 0o700


async def test_a_workspace_that_can_not_be_written_is_said(engine, wall, site, monkeypatch):
    """The folder is somebody else's inside."""
    monkeypatch.setattr("hermes_run.sandboxes.docker.wall.hand_over", lambda *_: None)
    site.folder.chmod(0o500)
    with pytest.raises(SandboxError, match=r"can't write|does not see"):
        async with wall.open(site):
            pytest.fail("opened")


async def test_there_is_no_wall_without_the_client(monkeypatch):
    """It says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "aiodocker", None)
    monkeypatch.delitem(__import__("sys").modules, "hermes_run.sandboxes.docker.engine", False)
    monkeypatch.delitem(__import__("sys").modules, "hermes_run.sandboxes.docker.wall", False)
    with pytest.raises(UsageError, match=r"pip install 'hermes-run\[docker\]'"):
        async with open_docker_wall(Allowance(), None):
            pytest.fail("opened")


async def test_any_other_module_that_is_missing_is_no_matter_of_the_client(monkeypatch):
    """It is a fault of ours, and not hidden behind advice."""
    modules = __import__("sys").modules
    monkeypatch.delitem(modules, "hermes_run.sandboxes.docker.wall", False)
    monkeypatch.setitem(modules, "hermes_run.sandboxes.docker.engine", None)
    with pytest.raises(ModuleNotFoundError):
        async with open_docker_wall(Allowance(), None):
            pytest.fail("opened")
