"""Opening sandboxes, many at the same time."""

from __future__ import annotations

import fcntl
import os
import struct
import termios
from pathlib import Path

import anyio
import msgspec
import pytest

from hermes_run.sandboxes.launch import Launch
from hermes_run.sandboxes.machine import open_machine
from hermes_run.sandboxes.processes import OPENING, turn_to_open
from hermes_run.sandboxes.protocol import Command
from hermes_run.sandboxes.starting import start
from hermes_run.sandboxes.wall import Allowance, Site

WAITS = 'echo . >> "$0"; until [ -e "$0.open" ]; do sleep 0.01; done; exec "$@"'
"""Starts what follows when there is a certain file, and tells first that it waits for it."""


@pytest.fixture
def waiting(tmp_path: Path) -> Path:
    """Where those say so who wait for a file of this name that ends in ``.open``."""
    return tmp_path / "waiting"


@pytest.fixture
def held(launch: Launch, waiting: Path) -> Launch:
    """A launch that waits before it starts its supervisor."""
    return msgspec.structs.replace(launch, argv=("/bin/sh", "-c", WAITS, str(waiting)))


def let_in(waiting: Path) -> None:
    """Let those go on who wait."""
    waiting.with_suffix(".open").touch()


def lines(path: Path) -> list[str]:
    """Give the lines of a file that may not be there yet."""
    return path.read_text().splitlines() if path.exists() else []


def unread(pipe: int) -> int:
    """Give how many bytes wait in a pipe."""
    (size,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))
    return size


async def test_a_few_sandboxes_are_opened_at_once(held: Launch, waiting: Path, tmp_path: Path):
    """The others wait: hundreds that start together would leave the event loop no processor."""
    sessions = OPENING + 2

    async def open_and_run(number: int) -> None:
        folder = tmp_path / f"work{number}"
        scratch = tmp_path / f"scratch{number}"
        folder.mkdir()
        scratch.mkdir()
        mine = msgspec.structs.replace(
            held,
            root=str(folder),
            temporary=str(scratch / "tmp"),
            control=str(scratch / "control"),
        )
        async with open_machine(mine, Site(folder, scratch), Allowance()) as machine:
            assert (await machine.run(Command(":", timeout_s=60.0, limit=100))).exit_code == 0

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for number in range(sessions):
                tasks.start_soon(open_and_run, number)
            turn = turn_to_open()
            while turn.statistics().tasks_waiting < 2:  # noqa: ASYNC110  # nobody else tells
                await anyio.sleep(0.01)
            while len(lines(waiting)) < OPENING:  # noqa: ASYNC110
                await anyio.sleep(0.01)
            assert len(lines(waiting)) == OPENING
            let_in(waiting)
    assert len(lines(waiting)) == sessions


def test_a_supervisor_whose_host_was_killed_meanwhile_ends(held: Launch, waiting: Path):
    """Its FIFOs are there, and nobody will ever be at their other end."""
    control = Path(held.control)
    control.mkdir()
    for end in ("in", "out"):
        os.mkfifo(control / f"channel.{end}")
    supervisor, *pipes = start(held, Allowance(), "channel")
    for pipe in pipes:
        os.close(pipe)
    let_in(waiting)
    try:
        assert supervisor.wait(60) != 0
    finally:
        supervisor.kill()
        supervisor.wait()


async def test_what_is_ready_only_once_all_is_cancelled_is_ended(
    held: Launch, site: Site, waiting: Path
):
    """It can't be asked for anything any more, and a session may be slow about its own end."""
    command = Command(":", timeout_s=60.0, limit=100)
    with anyio.CancelScope() as everything:
        async with (
            open_machine(held, site, Allowance()) as machine,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(machine.run, command)
            while not lines(waiting):  # noqa: ASYNC110  # nobody else tells
                await anyio.sleep(0.01)
            life = machine._life
            assert life
            let_in(waiting)
            while unread(life._words) < len("begun\nready\n"):
                os.sched_yield()  # nothing may be heard of it before all is cancelled
            everything.cancel()
            with anyio.move_on_after(60, shield=True):
                await life.over.wait()
            assert life.over.is_set()
    opened = [each.readlink() for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    assert not [each for each in opened if each.is_relative_to(site.scratch)]
