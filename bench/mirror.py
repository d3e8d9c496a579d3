"""What a copy of a workspace before each step costs, by the kind of copy.

Trees of small files, of which one is appended to before each step. Compared are a full copy, a
copy of hard links (which does not protect: what appends in place changes both names), a store of
contents by hash with a listing as git has it, and the mirror. In milliseconds: *first* of a whole
tree, *changed* with one file changed since, and what else a mirror does. The kinds take turns.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TypeAlias

import msgspec

from bench.answer import Answer, Curve, Figure, arguments, at_most, parsed, ratios, tell
from hermes_run.sandboxes.mirror import FINE_NS, Mirror
from hermes_run.sandboxes.tree import FOLDER, Bounds, Folder, survey
from hermes_run.sandboxes.workspaces import opened, remove_tree

SIZES, QUICK_SIZES = (5, 100, 1_000), (5, 40)
STEPS, FILE_BYTES, FOLDER_FILES = 3, 1_500, 20

_Snapshot: TypeAlias = Callable[[Path, Path], None]
_Times: TypeAlias = dict[str, dict[str, list[float]]]
"""Milliseconds by the kind of copy and by what was done."""


def full_copy(workspace: Path, folder: Path) -> None:
    """Copy the whole tree, then remove the copy before it."""
    _replace(folder, lambda new: shutil.copytree(workspace, new, symlinks=True))


def hard_links(workspace: Path, folder: Path) -> None:
    """Link the whole tree, then remove the links before it."""
    _replace(
        folder,
        lambda new: shutil.copytree(workspace, new, symlinks=True, copy_function=os.link),
    )


def content_store(workspace: Path, folder: Path) -> None:
    """Store what changed by its hash, and list the tree; an index tells what changed."""
    blobs = folder / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    index = folder / "index"
    before = msgspec.msgpack.decode(index.read_bytes(), type=Folder) if index.exists() else None
    with opened(os.open(workspace, FOLDER)) as root:
        tree = survey(root, Bounds())
    _store(workspace, tree, before, blobs)
    index.unlink(missing_ok=True)
    index.write_bytes(msgspec.msgpack.encode(tree))


def mirror(workspace: Path, folder: Path) -> None:
    """Bring the mirror up to date."""
    if not Mirror(folder, workspace).update(0):
        raise RuntimeError("there is no mirror to measure")


KINDS: tuple[_Snapshot, ...] = (full_copy, hard_links, content_store, mirror)


def measure(place: Path, size: int, repeats: int) -> _Times:
    """Measure every kind on a tree of *size* files; they take turns."""
    times: _Times = {}
    workspaces = {kind: _grow(place / kind.__name__ / "workspace", size) for kind in KINDS}
    for repeat in range(repeats):
        for kind, workspace in workspaces.items():
            _measure_kind(times, kind, workspace, repeat % size)
    return times


def _measure_kind(times: _Times, kind: _Snapshot, workspace: Path, number: int) -> None:
    copy = workspace.parent / "copy"
    remove_tree(copy)
    settle_s = 2 * FINE_NS / 1e9  # what changed just now is copied again
    time.sleep(settle_s)
    found = times.setdefault(_said(kind), {})
    found.setdefault("first", []).append(_timed(kind, workspace, copy))
    for _ in range(STEPS):
        _append(workspace, number)
        found.setdefault("changed", []).append(_timed(kind, workspace, copy))
    if kind is mirror:
        time.sleep(settle_s)
        mirror(workspace, copy)
        for _ in range(STEPS):
            found.setdefault("unchanged", []).append(_timed(kind, workspace, copy))
        found.setdefault("restore", []).append(_timed(_restore, workspace, copy))


def _restore(workspace: Path, copy: Path) -> None:
    Mirror(copy, workspace).restore()


def _timed(kind: _Snapshot, workspace: Path, copy: Path) -> float:
    started = time.perf_counter()
    kind(workspace, copy)
    return (time.perf_counter() - started) * 1e3


def _said(kind: _Snapshot) -> str:
    return kind.__name__.replace("_", " ")


def _grow(workspace: Path, size: int) -> Path:
    for number in range(size):
        path = _path(workspace, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(number.to_bytes(4, "big") * (FILE_BYTES // 4))
    return workspace


def _append(workspace: Path, number: int) -> None:
    with _path(workspace, number).open("ab") as file:
        file.write(b"one more line\n")


def _path(workspace: Path, number: int) -> Path:
    return workspace / f"folder{number // FOLDER_FILES}" / f"file{number}.txt"


def _replace(folder: Path, make: Callable[[Path], object]) -> None:
    new = folder.with_name(folder.name + ".new")
    make(new)
    remove_tree(folder)
    new.rename(folder)


def _store(workspace: Path, tree: Folder, before: Folder | None, blobs: Path) -> None:
    for name, file in tree.files.items():
        if before is None or before.files.get(name) != file:
            content = (workspace / os.fsdecode(name)).read_bytes()
            blob = blobs / hashlib.sha256(content).hexdigest()
            if not blob.exists():
                blob.write_bytes(content)
    for name, inner in tree.folders.items():
        known = None if before is None else before.folders.get(name)
        _store(workspace / os.fsdecode(name), inner, known, blobs)


def figures(size: int, times: _Times) -> list[Figure]:
    """Tell what the kinds took on a tree of *size* files, and the mirror beside a full copy."""
    mine, theirs = times["mirror"]["changed"], times["full copy"]["changed"]
    return [
        at_most(f"mirror / full copy, changed, {size:,} files", "", ratios(mine, theirs)),
        *(
            at_most(f"{kind}, {name}, {size:,} files", "ms", values)
            for kind, by_name in times.items()
            for name, values in by_name.items()
        ),
    ]


def curves(by_size: dict[int, _Times]) -> tuple[Curve, ...]:
    """Draw what each kind takes, by the files of the tree, when one of them has changed."""
    return tuple(
        Curve(
            name=_said(kind),
            x="files",
            y="ms, one of them changed",
            points=tuple(
                (size, median(times[_said(kind)]["changed"])) for size, times in by_size.items()
            ),
        )
        for kind in KINDS
    )


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__, repeats=5)
    parser.add_argument("folder", nargs="?", help="what file system to work in")
    asked = parsed(parser)
    sizes = QUICK_SIZES if asked.quick else SIZES
    with tempfile.TemporaryDirectory(dir=asked.folder) as place:
        by_size = {size: measure(Path(place, str(size)), size, asked.repeats) for size in sizes}
    found = (figure for size, times in by_size.items() for figure in figures(size, times))
    tell(Answer("mirror", asked.repeats, {"files": sizes}, tuple(found), curves(by_size)))


if __name__ == "__main__":
    main()
