"""A session's container."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from pathlib import Path

import anyio

from hermes_run.errors import SandboxError
from hermes_run.sandboxes.beneath import Root
from hermes_run.sandboxes.call import checked
from hermes_run.sandboxes.clip import render
from hermes_run.sandboxes.docker.body import TEMPORARY, Person
from hermes_run.sandboxes.docker.engine import Engine, RefusedError
from hermes_run.sandboxes.docker.running import Output, Said, ask, exit_code, follow
from hermes_run.sandboxes.docker.scripts import END, NAME, RUN, Header, read_header, read_kills
from hermes_run.sandboxes.folders import Folders
from hermes_run.sandboxes.mirror import Mirror, update_mirror
from hermes_run.sandboxes.protocol import Command, Finished
from hermes_run.sandboxes.wall import WORKSPACE, Site

START_S = 60.0
"""How long a command may take until it begins."""

END_S = 30.0
"""How long it may take to kill what a command has started."""

OUT_OF_MEMORY = "the memory that this sandbox may use was full, and the command was killed"

KILLED = 137
"""The exit code of what was killed by a signal that can't be caught."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Container:
    """A container that is there: ``name`` for the engine, ``person`` runs the commands in it.

    ``leader`` is its first process, as this machine numbers it, where it is known.
    """

    root = WORKSPACE
    leader: int | None = None

    def __init__(self, engine: Engine, name: str, person: Person, site: Site) -> None:
        """Hold the folders of *site* open, which must be there."""
        self.site = site
        self.shell = "/bin/sh"
        self._engine = engine
        self._name = name
        self._user = person.user
        self._files = Folders(_hold(site, person.owner))
        self._broken: str | None = None
        self._life = 0
        self._stopped: dict[int, str] = {}
        self._alarm = anyio.Event()
        self._restarting = anyio.Lock()

    async def run(self, command: Command) -> Finished:
        """Run a command by ``bash -c``, or ``sh -c`` where the image has no bash."""
        line = checked(command.line).decode()
        folder = await self._files.find(command.directory)
        self._check()
        home = await self._begin_alone() if command.alone else ""
        lasting = "lasting" if command.lasting else ""
        argv = _script(RUN, line, folder, self.shell, lasting, home)
        finished = await self._try(argv, command)
        if isinstance(finished, str):
            # All its processes were killed, or there is no room for another one.
            await self._restart()
            finished = await self._try(argv, command)
        if isinstance(finished, str):
            raise SandboxError(f"a container starts no command any more: {finished}")
        self._check()
        return finished

    async def ask(self, script: str, *arguments: str) -> Said:
        """Run one of our own scripts.

        Raises:
            SandboxError: it does not run, or comes to no end.
        """
        argv = _script(script, *arguments)
        with anyio.move_on_after(END_S):
            async with self._engine.executing(self._name, argv, self._user) as execution:
                return await ask(execution)
        raise SandboxError("a container did not answer in time")

    async def meet(self) -> None:
        """Find out which process of this machine is the container's first, if it is one of ours."""
        self.leader = None
        with suppress(SandboxError):  # it is only looked after less closely then
            pid = (await self._engine.state(self._name)).pid
            # An engine may number the processes of another machine, or of another space.
            self.leader = pid if _sees(pid, self._files.place) else None

    def stop(self, reason: str) -> None:
        """End all its processes soon; a call that runs says *reason*."""
        self._stopped[self._life] = reason
        self._alarm.set()

    async def stand_by(self) -> None:
        """End all processes whenever they are to be stopped; for ever."""
        while True:
            await self._alarm.wait()
            self._alarm = anyio.Event()
            await self._give_up()

    async def read(self, path: str, limit: int) -> bytes:
        """Give the first *limit* bytes of a file."""
        return await self._files.read(path, limit)

    async def write(self, path: str, content: bytes) -> None:
        """Write a file, making its folders."""
        await self._files.write(path, content)

    async def snapshot(self, mirror: Mirror, seq: int) -> bool:
        """Copy the workspace as it stands."""
        return await update_mirror(mirror, seq)

    async def close(self) -> None:
        """Remove the container; one that can't be removed now is left to the end of the run."""
        self.leader = None
        place, self._files = self._files.place, Folders(Root(WORKSPACE, -1))
        for root in (place, *place.others):
            if root.descriptor >= 0:
                os.close(root.descriptor)
        with anyio.move_on_after(END_S, shield=True), suppress(SandboxError):
            await self._engine.remove(self._name)

    def _check(self) -> None:
        if self._broken:
            raise SandboxError(self._broken)

    async def _try(self, argv: tuple[str, ...], command: Command) -> Finished | str:
        """Run a command; where it was not started, give what was said about that."""
        try:
            async with self._engine.executing(self._name, argv, self._user) as execution:
                return await self._follow(Output(execution, command.limit), command)
        except RefusedError as error:
            return str(error)

    async def _follow(self, output: Output, command: Command) -> Finished | str:
        life = self._life
        header = code = None
        try:
            line = await _first_line(output)
            header = read_header(line)
            code = await (follow(output, command) if header else exit_code(output))
        finally:
            full = await self._settle(header, code, life, lasting=command.lasting)
        if header is None:
            return line.decode("utf-8", "replace") or f"it ended with {code}"
        stopped = self._stopped.get(life) or (OUT_OF_MEMORY if full else None)
        return Finished(
            output=render(output.clip),
            size=output.clip.size,
            exit_code=None if stopped else code,
            timed_out=code is None and not (output.flooded or stopped),
            flooded=output.flooded,
            stopped=stopped,
        )

    async def _settle(
        self, header: Header | None, code: int | None, life: int, *, lasting: bool
    ) -> bool:
        """End what a command left where it could not do so itself; tell whether memory ran out.

        A command that was killed says nothing of what it has started, and one of which not even
        the beginning is known can only be ended with all others.
        """
        if code not in {None, KILLED} or (header is None and code is not None):
            return False
        full = False
        with anyio.CancelScope(shield=True):
            async with self._restarting:
                is_over = life != self._life
            if not is_over:
                group = "" if header is None or (lasting and code) else header.group
                full = await self._end(header, group) and code is not None
        return full

    async def _end(self, header: Header | None, group: str) -> bool:
        if header is not None:
            with suppress(SandboxError):
                said = await self.ask(END, group)
                if said.code == 0:
                    return read_kills(said.line) > header.kills
        return await self._give_up()

    async def _give_up(self) -> bool:
        """Start the container anew; tell whether it had come to its end for want of memory."""
        full = False
        try:
            full = (await self._engine.state(self._name)).out_of_memory
            await self._restart()
        except SandboxError as error:
            self._broken = f"what a session started can't be ended: {error}"
        return full

    async def _restart(self) -> None:
        async with self._restarting:
            self._life += 1
            await self._engine.restart(self._name)
            await self.meet()

    async def _begin_alone(self) -> str:
        """End all processes; make a home that none of them knew of, and give its path inside."""
        await self._restart()
        try:
            return self._files.new_home()
        except OSError as error:
            raise SandboxError(f"a command can't be prepared: {error.strerror}") from error


def _sees(pid: int, place: Root) -> bool:
    """Tell whether a process of this machine has the very workspace *place*."""
    with suppress(OSError):
        seen = Path(f"/proc/{pid}/root{WORKSPACE}").stat()
        return os.path.samestat(seen, os.fstat(place.descriptor))
    return False


def _hold(site: Site, owner: int | None) -> Root:
    with ExitStack() as undo:
        folder = _opened(undo, site.folder)
        temporary = _opened(undo, site.scratch / "tmp")
        undo.pop_all()
    return Root(WORKSPACE, folder, (Root(TEMPORARY, temporary, owner=owner),), owner)


def _opened(undo: ExitStack, folder: Path) -> int:
    descriptor = os.open(folder, _FOLDER)
    undo.callback(os.close, descriptor)
    return descriptor


def _script(script: str, *arguments: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", script, NAME, *arguments)


async def _first_line(output: Output) -> bytes:
    with anyio.move_on_after(START_S):
        return await output.line()
    raise SandboxError("a container did not begin a command in time")
