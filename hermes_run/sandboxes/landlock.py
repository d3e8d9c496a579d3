"""The wall called ``landlock``: rules that processes put on themselves, without namespaces.

A session's processes may read the programs of this machine, and write to their workspace and to
their temporary folder. Whatever Landlock does not bound, a filter of system calls refuses
(:mod:`~hermes_run.sandboxes.landlock_rules`). This is weaker than namespaces:

- Paths are those of this machine: the workspace and the temporary folder have their own, there is
  no ``/tmp`` and no ``/dev/shm``, and of ``/proc`` hardly anything can be read. Whether a file is
  there, how large it is and whose, can be seen everywhere, and so can the ids of processes.
- Without a network there is no loopback either, and there are never sockets that are files: what
  one call serves, another can't connect to.
- Root's sessions get a uid of their own only where that can reach the workspace. Otherwise they
  stay root's, without a capability, and those of an ordinary user are that user's. Then somebody
  outside counts their processes, and changes permissions and times of files for them.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
from collections.abc import AsyncGenerator, Collection
from contextlib import AbstractAsyncContextManager
from functools import cached_property
from pathlib import Path

import anyio
from anyio import to_thread

from hermes_run.errors import SandboxError
from hermes_run.sandboxes.confined import kernel, start
from hermes_run.sandboxes.confined.spec import Spec
from hermes_run.sandboxes.landlock_rules import granted, rules
from hermes_run.sandboxes.launch import Launch
from hermes_run.sandboxes.machine import CONTROL, TEMPORARY, open_machine
from hermes_run.sandboxes.ownership import Uids, hand_over, is_reachable, may_change
from hermes_run.sandboxes.protocol import Sandbox
from hermes_run.sandboxes.seccomp import program
from hermes_run.sandboxes.syscalls import ARCHITECTURES
from hermes_run.sandboxes.sysroot import Sysroot, survey
from hermes_run.sandboxes.wall import Allowance, Site
from hermes_run.sandboxes.without import refuse_image

TRUNCATES, SIGNALS = 3, 6
"""The versions of Landlock that bound the cutting of files, and signals."""

ENDED_S = 15.0
"""How long the end of a session's processes may take."""

_FIFO = "over"

_DEVICES = tuple(f"/dev/{name}" for name in ("full", "null", "random", "urandom", "zero"))

_MACHINE = tuple(
    f"/proc/{name}"
    for name in ("cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "uptime", "version")
)


class Landlock:
    """Opens sandboxes that may take what *allowance* says; made by :func:`landlock_wall`."""

    name = "landlock"

    def __init__(self, allowance: Allowance, abi: int) -> None:
        self._allowance = allowance
        self._abi = abi
        self._uids = Uids()

    def open(self, site: Site) -> AbstractAsyncContextManager[Sandbox]:
        """Open a session's sandbox.

        Raises:
            SandboxError: it can't be opened.
            UsageError: the row asks for an image.
        """
        refuse_image(self.name, site)
        return self._open(site)

    @contextlib.asynccontextmanager
    async def _open(self, site: Site) -> AsyncGenerator[Sandbox]:
        with contextlib.ExitStack() as stack:
            uid = await to_thread.run_sync(self._uid, site, stack)
            async with _awaiting_the_end(site.scratch / _FIFO):
                launch = await to_thread.run_sync(self._launch, site, uid)
                async with open_machine(launch, site, self._allowance) as sandbox:
                    yield sandbox

    def _uid(self, site: Site, stack: contextlib.ExitStack) -> int | None:
        """Choose whom a session runs as; nobody else, unless we are root and that one gets there.

        Raises:
            SandboxError: it would be ours, and this kernel does not keep its signals from us.
        """
        paths = (site.folder, site.scratch)
        if may_change() and all(map(is_reachable, paths)):
            return stack.enter_context(self._uids.lent())
        if self._abi < SIGNALS:
            raise SandboxError(
                f"Landlock of version {self._abi} does not keep a session's signals from other "
                f"processes of the same user, which takes {SIGNALS} (Linux 6.12)"
            )
        return None

    def _launch(self, site: Site, uid: int | None) -> Launch:
        root, scratch = os.path.realpath(site.folder), os.path.realpath(site.scratch)
        temporary, control = f"{scratch}/{TEMPORARY}", f"{scratch}/{CONTROL}"
        try:
            for path in (temporary, control):
                Path(path).mkdir(mode=0o700, exist_ok=True)
            if uid is not None:
                Path(scratch).chmod(0o711)
                for path in (root, temporary, control):
                    hand_over(path, uid)
        except OSError as error:
            raise SandboxError(f"the folders of a session can't be prepared: {error}") from error
        spec = self._spec([root, temporary], control, uid)
        # A program by its path, in a Python that reads nothing but itself, and writes nothing.
        argv = (sys.executable, "-I", "-S", "-B", start.__file__, json.dumps(spec))
        return Launch(
            argv=argv,
            environment={},
            descriptors=(),
            root=root,
            temporary=temporary,
            control=control,
            commands=self._commands(root, temporary, site),
            owner=uid,
            counted=uid is not None,
        )

    def _spec(self, roots: list[str], control: str, uid: int | None) -> Spec:
        machine, networked = os.uname().machine, self._allowance.network
        filtering = rules(networked=networked, shared=uid is None)
        paths = {
            "read": [*_readable(self._sysroot), *_MACHINE],
            "talk": [control, *_DEVICES],
            "write": roots,
        }
        calls = granted(machine) if uid is None else {}
        return Spec(
            abi=self._abi,
            paths=paths,
            network=networked,
            uid=uid,
            limits=self._limits(),
            folder=roots[0],
            filter=program(machine, filtering).hex(),
            calls={str(number): name for number, name in calls.items()},
            roots=roots,
            processes=self._allowance.processes,
            over=str(Path(control).with_name(_FIFO)),
        )

    def _limits(self) -> dict[str, int]:
        limits = {
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_MEMLOCK: 64 * 1024,
            resource.RLIMIT_MSGQUEUE: 0,
            resource.RLIMIT_NOFILE: 4096,
        }
        return {str(number): value for number, value in limits.items()}

    def _commands(self, root: str, temporary: str, site: Site) -> dict[str, str]:
        return {
            "PATH": ":".join(self._sysroot.path),
            "HOME": root,
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "TMPDIR": temporary,
            "USER": "sandbox",
            # Git takes a file that it may not read for a reason to stop.
            "GIT_CONFIG_NOSYSTEM": "1",
            **site.marks,
        }

    @cached_property
    def _sysroot(self) -> Sysroot:
        return survey(networked=self._allowance.network)


def landlock_wall(allowance: Allowance) -> Landlock:
    """Give a wall of Landlock, if this kernel has it.

    Raises:
        SandboxError: it has not, or only one that leaves too much open.
    """
    abi = kernel.landlock_abi()
    check_kernel(abi, os.uname().machine)
    return Landlock(allowance, abi)


def check_kernel(abi: int, machine: str) -> None:
    """Refuse a kernel by its version of Landlock and by the machine that it is for.

    Raises:
        SandboxError: it will not do.
    """
    if abi < TRUNCATES:
        found = f"Landlock of version {abi}" if abi else "no Landlock"
        raise SandboxError(f"this kernel has {found}, and it takes {TRUNCATES} (Linux 6.2)")
    if machine not in ARCHITECTURES:
        known = " and ".join(ARCHITECTURES)
        raise SandboxError(f"the filter of system calls knows {known}, this is {machine}")


def _readable(sysroot: Sysroot) -> list[str]:
    """Give what may be read: folders without those in them that shall seem empty, and settings."""
    folders = [inner for name in sysroot.folders for inner in _without(name, sysroot.hidden)]
    settings = [f"/etc/{name}" for name in (*sysroot.files, *sysroot.file_links)]
    return [*folders, *settings]


def _without(folder: str, hidden: Collection[str]) -> list[str]:
    if not any(name == folder or name.startswith(f"{folder}/") for name in hidden):
        return [folder]
    if folder in hidden:
        return []
    inner = sorted(str(path) for path in Path(folder).iterdir())
    return [part for name in inner for part in _without(name, hidden)]


@contextlib.asynccontextmanager
async def _awaiting_the_end(path: Path) -> AsyncGenerator[None]:
    """Make a FIFO, and wait at the end until no keeper of the session holds it open any more."""
    reading = _opened(path)
    try:
        yield
    finally:
        with anyio.move_on_after(ENDED_S, shield=True) as scope:
            await _read_to_the_end(reading)
        os.close(reading)
        if scope.cancelled_caught:
            raise SandboxError("processes of a session can't be ended")


def _opened(fifo: Path) -> int:
    try:
        fifo.unlink(missing_ok=True)
        os.mkfifo(fifo, 0o600)
        return os.open(fifo, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise SandboxError(f"the folders of a session can't be prepared: {error}") from error


async def _read_to_the_end(reading: int) -> None:
    while True:
        with contextlib.suppress(BlockingIOError):
            if not os.read(reading, 1):
                return
        await anyio.wait_readable(reading)
