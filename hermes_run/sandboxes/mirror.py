"""A copy of a workspace that is brought up to date before each call that may change it.

It is complete before the call is recorded as started, and not touched while the call runs: if the
process dies in between, the mirror holds the workspace as it was before, and the call can be run
again. It is not synced, so it means nothing once the machine has been started anew.

In its folder lie a *pack*, the contents of all files one after another, and a *mark*, which lists
the tree and tells where in the pack each content begins. Only files whose mode, size, times or
inode changed are added to the pack; one that is mostly of no use any more is made anew. A tree
that is too large to be listed at every call has no mirror.

What a call costs, in milliseconds on ext4, when one file of 5, 100, 1,000 has changed, and in
brackets the first copy of all of them (``python -m bench.mirror``)::

    full copy          1.7     61    783    (1.7   62  732)
    hard links         1.0    5.6     48    (0.6  4.6   24)
    content store      0.3    1.7    6.4    (1.1   57  658)
    mirror             0.4    1.7    7.0    (1.1  4.6   20)

Making a file is what costs, hence the pack. Hard links are no copy anyway: what appends to a file
in place, as tools do, changes it under both names.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
from pathlib import Path

import msgspec
import psutil
from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

from hermes_run.errors import SandboxError
from hermes_run.limiters import limiter_in
from hermes_run.sandboxes.pack import NEW, OLD, Copy, add, make
from hermes_run.sandboxes.tree import FOLDER, Bounds, File, Folder, Identity, dress, files, survey
from hermes_run.sandboxes.workspaces import opened, remove_tree

BOOT = Path("/proc/sys/kernel/random/boot_id")

MARK, PACK, RESTORED, BESIDE = "mark", "pack", "restored", "beside"

SPARE_BYTES = 1024 * 1024
"""A pack of more than twice what is needed, and this, is made anew."""

TRIES = 3
"""How often a workspace that changes while it is copied is looked at again."""

THREADS = 4
"""How many workspaces are copied at once: more would only wait for one disk."""

FINE_NS, COARSE_NS = 20_000_000, 2_000_000_000
"""How far apart two changes may be and leave one time: a clock's tick, or a coarse file system."""

_MOVED = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ESTALE}

_PACK = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC

_copies: RunVar[CapacityLimiter] = RunVar("hermes_run.sandboxes.mirror")
"""Keeps copies out of the threads that tools wait for."""


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """After which fact a mirror was made, on which boot of the machine, and what is in it.

    ``taken_ns`` is when the workspace was looked at, by the clock of its file system.
    """

    seq: int
    boot: str
    taken_ns: int
    tree: Folder
    places: dict[Identity, int]


class Mirror(msgspec.Struct, frozen=True):
    """The mirror of *workspace* in *folder*, which lies on the same file system.

    The folder *beside* it, for temporary files, is mirrored too, if it can be: what runs in the
    background may not let it hold still. Every method blocks; on an event loop use the functions
    below.
    """

    folder: Path
    workspace: Path
    bounds: Bounds = Bounds()
    beside: Path | None = None

    def update(self, seq: int) -> bool:
        """Bring the mirror to what the workspace is now, after fact number *seq*.

        Gives whether there is a mirror now. There is none of a workspace that is beyond the
        bounds, can't be read or does not hold still, nor where there is no room for a copy.

        Raises:
            SandboxError: what there was of a mirror can't be removed.
        """
        try:
            self._update(seq)
        except OSError:
            self.remove()
            return False
        if inner := self._inner():
            inner.update(seq)
        return True

    def stands_before(self, seq: int) -> bool:
        """Tell whether the mirror holds the workspace as it was after fact number *seq*."""
        mark = self._mark()
        return mark is not None and mark.seq == seq

    def restore(self) -> None:
        """Make the workspace what the mirror holds; nobody may have it open.

        The mirror stays: where this was cut short it can be done again.

        Raises:
            SandboxError: there is no complete mirror, or the workspace can't be made. Where the
                mirror can't be read the workspace has not been touched.
        """
        mark = self._mark()
        if mark is None:
            raise SandboxError(f"{self.folder} holds no complete copy of a workspace")
        remove_tree(self.folder / RESTORED)
        try:
            self._restore(mark)
        except OSError as error:
            raise SandboxError(
                f"the workspace {self.workspace} can't be restored: {error}"
            ) from error
        if (inner := self._inner()) and inner.stands_before(mark.seq):
            inner.restore()

    def remove(self) -> None:
        """Remove the mirror.

        Raises:
            SandboxError: it can't be removed.
        """
        remove_tree(self.folder)

    def _inner(self) -> Mirror | None:
        return Mirror(self.folder / BESIDE, self.beside, self.bounds) if self.beside else None

    def _update(self, seq: int) -> None:
        before = self._usable()
        if before is None:
            self.remove()
            self.folder.parent.mkdir(mode=0o700, exist_ok=True)  # not open to others
            self.folder.mkdir(mode=0o700)
        # The mark is empty while the copy is made, and an empty mark stands for nothing. Its time
        # is what the clock of the file system says.
        with (
            opened(os.open(self.folder, FOLDER)) as folder,
            opened(os.open(PACK, _PACK, 0o600, dir_fd=folder)) as pack,
            open(_new(MARK, folder), "wb") as file,
        ):
            taken_ns = os.fstat(file.fileno()).st_mtime_ns
            copies = _settled(before) if before else {}
            tree = self._copy(pack, copies)
            places = {each.identity: copies[each.identity].place for each in files(tree)}
            file.write(msgspec.msgpack.encode(Mark(seq, boot_id(), taken_ns, tree, places)))

    def _usable(self) -> Mark | None:
        """Give what the mirror holds, unless it is mostly what nobody needs any more."""
        mark = self._mark()
        if mark is None:
            return None
        needed = sum(file.size for file in files(mark.tree))
        return mark if (self.folder / PACK).stat().st_size <= 2 * needed + SPARE_BYTES else None

    def _copy(self, pack: int, copies: dict[Identity, Copy]) -> Folder:
        """Add what *copies* lacks, until nothing changed meanwhile."""
        for _ in range(TRIES):
            try:
                return self._catch_up(pack, copies)
            except OSError as error:
                if error.errno not in _MOVED:
                    raise
        raise OSError(errno.ESTALE, "the workspace does not hold still", str(self.workspace))

    def _catch_up(self, pack: int, copies: dict[Identity, Copy]) -> Folder:
        with opened(os.open(self.workspace, FOLDER)) as root:
            tree = survey(root, self.bounds)
            add(pack, root, tree, copies)
        return tree

    def _restore(self, mark: Mark) -> None:
        with (
            opened(os.open(self.folder, FOLDER)) as folder,
            opened(os.open(PACK, OLD, dir_fd=folder)) as pack,
        ):
            os.mkdir(RESTORED, 0o700, dir_fd=folder)
            with opened(os.open(RESTORED, FOLDER, dir_fd=folder)) as root:
                make(pack, root, mark.tree, mark.places)
                remove_tree(self.workspace)
                os.rename(RESTORED, self.workspace, src_dir_fd=folder)
                # Only now: a folder that can't be written can't be moved.
                dress(root, mark.tree)

    def _mark(self) -> Mark | None:
        """Read the mark; one of another boot counts for nothing, what it says may not be there."""
        try:
            mark = msgspec.msgpack.decode((self.folder / MARK).read_bytes(), type=Mark)
        except (OSError, msgspec.DecodeError):
            return None
        return mark if mark.boot == boot_id() else None


async def update_mirror(mirror: Mirror, seq: int) -> bool:
    """Do what :meth:`Mirror.update` does, in a thread, unless it was done already.

    A call that runs again after a crash has its mirror. To make it anew would leave a moment
    without any, and a second crash in that moment could not be undone.
    """
    return await to_thread.run_sync(_update_once, mirror, seq, limiter=limiter_in(_copies, THREADS))


async def restore_mirror(mirror: Mirror, seq: int) -> bool:
    """Restore the workspace if its mirror was made after fact number *seq*; tell whether.

    Raises:
        SandboxError: see :meth:`Mirror.restore`.
    """
    return await to_thread.run_sync(
        _restore_before, mirror, seq, limiter=limiter_in(_copies, THREADS)
    )


@functools.cache
def boot_id() -> str:
    """Name this boot of the machine."""
    try:
        return BOOT.read_text().strip()
    except OSError:
        return str(psutil.boot_time())


def _update_once(mirror: Mirror, seq: int) -> bool:
    return mirror.stands_before(seq) or mirror.update(seq)


def _restore_before(mirror: Mirror, seq: int) -> bool:
    if not mirror.stands_before(seq):
        return False
    mirror.restore()
    return True


def _settled(mark: Mark) -> dict[Identity, Copy]:
    """Give the copies of files that can't have changed since without leaving another time.

    A file changed just before the workspace was looked at may have been changed again within the
    same tick of the clock, and look the same.
    """
    return {
        file.identity: Copy(file, mark.places[file.identity])
        for file in files(mark.tree)
        if file.ctime_ns < mark.taken_ns - _tick_ns(file)
    }


def _tick_ns(file: File) -> int:
    return FINE_NS if file.ctime_ns % 1_000_000 else COARSE_NS


def _new(name: str, folder: int) -> int:
    """Open a new file in the place of one that may be there.

    Writing over the old one, or renaming over it, makes ext4 write the new one to disk at once.
    """
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
    return os.open(name, NEW, 0o600, dir_fd=folder)
