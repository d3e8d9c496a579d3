"""What a session has of the disk is counted, however it is hidden."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from math import inf
from pathlib import Path

import pytest

from hermes_run.sandboxes.disk_usage import BLOCK, disk_of, held, used_disk
from hermes_run.sandboxes.usage import families_of
from hermes_run.sandboxes.wall import Site

MIB = 2**20
PATIENT = 60.0
ROOT = os.geteuid() == 0

EXTENTS = 16 * BLOCK
"""What a file system may take for a file beside its content, to know where that lies."""


def is_about(found: int, wanted: int, files: int = 1) -> bool:
    """Tell whether so much was counted for so many files: all they hold, and hardly more."""
    return wanted <= found <= wanted + files * EXTENTS


def test_small_files_count_a_block_each(tmp_path):
    """A hundred thousand names are a burden, too."""
    for number in range(100):
        (tmp_path / str(number)).touch()
    assert used_disk(tmp_path, 2**30, inf) == 101 * BLOCK


def test_counting_ends_at_enough(tmp_path):
    """Nobody counts a million files to know that it is too many."""
    for number in range(100):
        (tmp_path / str(number)).touch()
    assert used_disk(tmp_path, 10 * BLOCK, inf) == 11 * BLOCK


def test_counting_ends_in_time(tmp_path):
    """Whoever has no time left has no number; the first entry is looked at all the same."""
    for number in range(100):
        (tmp_path / str(number)).touch()
    assert used_disk(tmp_path, 2**30, 0) == 2 * BLOCK
    assert disk_of(Site(tmp_path, tmp_path), (), 2**30, 0) is None


def test_both_folders_of_a_session_count(tmp_path):
    """What it has as temporary files is no less."""
    site = Site(tmp_path / "workspace", tmp_path / "scratch")
    assert disk_of(site, (), 2**30, PATIENT) == 0
    for folder in (site.folder, site.scratch):
        folder.mkdir()
        (folder / "file").write_bytes(b"x" * MIB)
    assert is_about(disk_of(site, (), 2**30, PATIENT) or 0, 2 * BLOCK + 2 * MIB, files=2)


def test_no_link_is_followed(tmp_path):
    """Neither out of the folder nor in a circle."""
    (tmp_path / "large").write_bytes(b"x" * MIB)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "out").symlink_to(tmp_path)
    (folder / "round").symlink_to(folder)
    assert used_disk(folder, 2**30, inf) == 3 * BLOCK


def test_a_tree_deeper_than_anybody_works_is_too_much(tmp_path):
    """It can't be used to hide what it holds."""
    here = tmp_path / "top"
    for _ in range(210):
        here.mkdir()
        here /= "d"
    assert used_disk(tmp_path, 2**30, inf) > 2**30


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    """A session may not have one of its folders yet."""
    assert used_disk(tmp_path / "missing", 2**30, inf) == 0


LOCKED = """\
import math, os, sys
from pathlib import Path
from hermes_run.sandboxes.disk_usage import used_disk
os.setuid(65534)
folder = Path(sys.argv[1]) / "locked"
folder.mkdir()
(folder / "large").write_bytes(b"x" * (1 << 20))
folder.chmod(0)
print(used_disk(folder.parent, 1 << 30, math.inf) > 1 << 20, oct(folder.stat().st_mode & 0o777))
folder.chmod(0o700)
"""


@pytest.mark.root
def test_a_locked_folder_is_counted_and_stays_locked():
    """An ordinary user's own folder is opened, looked at and locked again."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        found = subprocess.run(
            [sys.executable, "-c", LOCKED, folder],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[4],
        )
    assert found.stdout == "True 0o0\n", found.stderr


OPEN = """\
import os, sys
f = open(sys.argv[1], 'w+b'); f.write(b'x' * (1 << 20)); f.flush(); os.remove(sys.argv[1])
"""
WAIT = "print('ready', flush=True); input()\n"


def test_a_file_without_a_name_counts_as_long_as_it_is_open(program, tmp_path):
    """It takes its room although no folder lists it; on another disk it is not a session's."""
    process = program(OPEN + WAIT, str(tmp_path / "gone"))
    device = tmp_path.stat().st_dev
    assert is_about(held([process], device, inf), MIB)
    assert held([process], device + 1, inf) == 0


def test_a_file_without_a_name_counts_once(program, tmp_path):
    """Two descriptors, a mapping and another process are no more of it."""
    more = (
        "import mmap; x = mmap.mmap(f.fileno(), 0); g = os.dup(f.fileno())\n"
        "if not os.fork(): input()\n"
    )
    family = families_of([leader := program(OPEN + more + WAIT, str(tmp_path / "gone"))])[leader]
    assert len(family.processes) == 2
    assert is_about(held(family.processes, tmp_path.stat().st_dev, inf), MIB)


MAP = """\
import ctypes; libc = ctypes.CDLL(None); libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
libc.mmap(None, 65536, 1, 1, f.fileno(), 0); device = os.fstat(f.fileno()).st_dev; f.close()
"""


def test_a_file_that_is_only_mapped_counts(program, tmp_path):
    """Root sees all of it, others as much as is mapped."""
    process = program(OPEN + MAP + WAIT, str(tmp_path / "gone"))
    device = tmp_path.stat().st_dev
    assert is_about(held([process], device, inf), MIB if ROOT else 65536)
    assert held([process], device + 1, inf) == 0


@pytest.mark.root
def test_an_ordinary_user_counts_what_is_mapped():
    """How large the file is, is not for everybody to see."""
    demoted = (
        "import ctypes, math, os; from hermes_run.sandboxes.disk_usage import held\n"
        "os.setuid(65534)\n"
    )
    count = "print(held([os.getpid()], device, math.inf))"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        found = subprocess.run(
            [sys.executable, "-c", demoted + OPEN + MAP + count, f"{folder}/gone"],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[4],
        )
    assert found.stdout == "65536\n", found.stderr


def test_a_thread_may_have_descriptors_of_its_own(program, tmp_path):
    """They are not among those of its process."""
    text = (
        "import ctypes, threading\n"
        "def work():\n"
        "  ctypes.CDLL(None).unshare(0x400)\n"
        f"  {OPEN.replace(chr(10), chr(10) + '  ')}{WAIT}"
        "threading.Thread(target=work).start()"
    )
    process = program(text, str(tmp_path / "gone"))
    assert is_about(held([process], tmp_path.stat().st_dev, inf), MIB)


def test_counting_what_is_held_ends_in_time(program, tmp_path):
    """Twenty thousand descriptors in each of a hundred processes are not looked at to the end."""
    process = program(OPEN + WAIT, str(tmp_path / "gone"))
    assert held([process], tmp_path.stat().st_dev, 0) == 0
