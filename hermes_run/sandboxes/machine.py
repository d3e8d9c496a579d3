"""A session's own small machine: processes that are started behind a wall and live as long as it.

The wall is a :class:`~hermes_run.sandboxes.launch.Launch`; all that is here is the same for every
wall. Commands run under a supervisor (``supervisor.sh``) inside, which is started with the first
of them. Whatever becomes of it, the next command finds a new one, and the files as they were.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import anyio
import anyio.abc
from anyio import to_thread

from hermes_run.errors import SandboxError, ungrouped
from hermes_run.sandboxes.beneath import Root
from hermes_run.sandboxes.call import Call, checked, discard
from hermes_run.sandboxes.control import Control
from hermes_run.sandboxes.folders import Folders
from hermes_run.sandboxes.launch import Launch
from hermes_run.sandboxes.life import Life
from hermes_run.sandboxes.mirror import Mirror, update_mirror
from hermes_run.sandboxes.processes import turn_to_open, turn_to_start
from hermes_run.sandboxes.protocol import Command, Finished
from hermes_run.sandboxes.wall import Allowance, Site
from hermes_run.sandboxes.workspaces import remove_tree

TEMPORARY, CONTROL = "tmp", "control"
"""What is made in a site's scratch folder."""

STARTS = 3
"""How often a supervisor is started before the sandbox counts as broken."""

FIRST_ASK_S, LATER_ASK_S = 5.0, 60.0
"""When it is first asked after a command, and how often at least; in between ever less often."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Machine:
    """The processes and folders of a session.

    ``root`` is the workspace as commands see it, ``site`` says where all is on this machine.
    """

    def __init__(
        self, launch: Launch, site: Site, allowance: Allowance, tasks: anyio.abc.TaskGroup
    ) -> None:
        """Hold the folders open; no process is started yet, and all are looked after in *tasks*.

        Raises:
            OSError: a folder is not there or can't be made.
        """
        self.root = launch.root
        self.site = site
        self._launch = launch
        self._allowance = allowance
        self._tasks = tasks
        self._numbers, self._keepers = itertools.count(1), itertools.count(1)
        self._life: Life | None = None
        self._closed = False
        self._starting = anyio.Lock()
        with contextlib.ExitStack() as folders:
            remove_tree(site.scratch / CONTROL)  # where a killed host left it
            control = _made(folders, site.scratch / CONTROL)
            temporary = _made(folders, site.scratch / TEMPORARY)
            if launch.owner is not None:
                os.fchown(temporary, launch.owner, launch.owner)
                os.fchown(control, -1, launch.owner)
                os.fchmod(control, 0o750)
            place = Root(
                path=launch.root,
                descriptor=_opened(folders, site.folder),
                others=(Root(launch.temporary, temporary, owner=launch.owner),),
                owner=launch.owner,
            )
            self._files = Folders(place)
            self._control = Control(control, launch.owner)
            self._folders = folders.pop_all()

    @property
    def leader(self) -> int | None:
        """The id of the process that all others descend from, where there is one.

        It leads a session (in the system's sense), and a wall may have opened another one inside.
        """
        return self._life.leader if self._life and not self._life.over.is_set() else None

    def stop(self, reason: str) -> None:
        """Kill every process; commands that run end with ``stopped`` set to *reason*.

        The next command finds new processes and the same files.
        """
        if self._life:
            self._life.stop(reason)

    async def run(self, command: Command) -> Finished:
        """Run a command by ``bash -c``, or ``sh -c`` where there is no bash."""
        checked(command.line)
        folder = await self._files.find(command.directory)
        if command.alone:
            await self.end()
        life = await self._alive()
        call = Call(next(self._numbers), command)
        async with turn_to_start():  # many at once would hold up everybody else
            with _broken("a command can't be prepared"):
                call.open(self._control, folder, self._files.new_home() if command.alone else "")
        with contextlib.closing(call), life.calling(call):
            await self._follow(life, call)
        return call.finished()

    async def read(self, path: str, limit: int) -> bytes:
        """Give the first *limit* bytes of a file."""
        return await self._files.read(path, limit)

    async def write(self, path: str, content: bytes) -> None:
        """Write a file, making its folders."""
        await self._files.write(path, content)

    async def snapshot(self, mirror: Mirror, seq: int) -> bool:
        """Copy the workspace as it stands."""
        return await update_mirror(mirror, seq)

    async def end(self) -> None:
        """End every process; the next command finds new ones and the same files."""
        with anyio.CancelScope(shield=True):  # it has limits of its own
            if self._life:
                await self._life.leave()

    async def close(self) -> None:
        """End every process, and let go of the folders.

        Raises:
            SandboxError: the control folder can't be removed.
        """
        try:
            with anyio.CancelScope(shield=True), _broken("a folder can't be removed"):
                await self.end()
                if not self._closed:
                    await to_thread.run_sync(remove_tree, self.site.scratch / CONTROL)
        finally:
            self._closed = True
            self._folders.close()
            self._files = Folders(Root(self.root, -1))
            self._control = Control(-1)

    async def _alive(self) -> Life:
        """Give the life of the processes, a new one where the last has ended."""
        if self._life and self._life.goes_on and self._life.settled.is_set():
            return self._life
        async with self._starting:
            life = await self._begun()
            for _ in range(STARTS - 1):
                if await life.is_ready():
                    break
                life = await self._begun()
            if await life.is_ready():
                return life
        said = life.said.decode("utf-8", "replace").strip() or life.reason
        raise SandboxError(f"the processes of a session can't be started: {said}")

    async def _begun(self) -> Life:
        if self._closed:
            raise SandboxError("the sandbox is closed")
        if self._life and self._life.goes_on:
            return self._life
        if self._life:
            await self._life.over.wait()
        async with turn_to_open():
            async with turn_to_start():
                with _broken("the processes of a session can't be started"):
                    self._life = Life(self._launch, self._allowance, self._control, self._keepers)
                self._tasks.start_soon(self._life.live)
            await self._life.is_ready()
        return self._life

    async def _follow(self, life: Life, call: Call) -> None:
        """Read what a command writes, to its end or its bounds; then leave nothing of it."""
        whole = False
        try:
            await self._attend(life, call)
            whole = call.over and not call.flooded
        finally:
            # Each of the waits in there has a limit of its own.
            with anyio.CancelScope(shield=True):
                await self._settle(life, call, keep=whole and call.command.lasting)

    async def _attend(self, life: Life, call: Call) -> None:
        latest = anyio.current_time() + call.command.timeout_s
        pause = FIRST_ASK_S
        while True:
            await call.drain(min(latest, anyio.current_time() + pause))
            if call.over or call.flooded or anyio.current_time() >= latest:
                return
            life.ask(call)
            pause = min(2 * pause, LATER_ASK_S)

    async def _settle(self, life: Life, call: Call, *, keep: bool) -> None:
        if not call.over:
            await life.kill(call)
        if call.group and keep:
            life.keep_group(call.group)
            if not call.drained:
                self._tasks.start_soon(discard, call.leave())
        elif call.group:
            await life.end_group(call.group)
        if life.reason is not None:
            await life.over.wait()


@contextlib.asynccontextmanager
async def open_machine(launch: Launch, site: Site, allowance: Allowance) -> AsyncGenerator[Machine]:
    """Give the machine of a session behind the wall that *launch* starts.

    Its temporary folder is made in the scratch folder of *site*, and stays there; the control
    folder is, too, and does not.

    Raises:
        SandboxError: a folder is not there or can't be made.
    """
    with ungrouped():
        async with anyio.create_task_group() as tasks:
            with _broken("the folders of a session can't be opened"):
                machine = Machine(launch, site, allowance, tasks)
            try:
                yield machine
            finally:
                await machine.close()
                tasks.cancel_scope.cancel()


@contextlib.contextmanager
def _broken(what: str) -> Generator[None]:
    """Turn errors of the system that no caller can do anything about into a broken sandbox."""
    try:
        yield
    except OSError as error:
        raise SandboxError(f"{what}: {error.strerror or error}") from error


def _made(folders: contextlib.ExitStack, folder: Path) -> int:
    """Open a folder, which is made where it is missing."""
    folder.mkdir(mode=0o700, exist_ok=True)
    return _opened(folders, folder)


def _opened(folders: contextlib.ExitStack, folder: Path) -> int:
    descriptor = os.open(folder, _FOLDER)
    folders.callback(os.close, descriptor)
    return descriptor
