"""What the processes of a session have of the machine's memory is counted, however they hide it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from hermes_run.sandboxes.memory_watch import memory_left, threads_running
from hermes_run.sandboxes.usage import families_of, memory_of, threads_of, used_memory, used_names

MIB = 2**20
PATIENT = 60.0


def test_memory_is_counted_over_all_processes_of_a_session(hog):
    """The child of the leader is found, and what it has for itself is counted."""
    family = families_of([hog])[hog]
    assert (len(family.processes), family.threads) == (2, 2)
    found = memory_of(family.processes, PATIENT)
    assert found
    assert 100 * MIB < found < 200 * MIB


def test_a_process_that_is_gone_has_nothing():
    """It ended between the list and the look."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert used_memory(process.pid) == 0
    assert threads_of(process.pid) == []
    assert families_of([process.pid])[process.pid].threads == 0
    assert memory_of([process.pid], PATIENT) == 0


def test_what_takes_too_long_to_count_has_no_number(hog):
    """Who has no time left gives up before the next process."""
    assert memory_of([hog], 0) is None


def test_threads_count_as_processes_do(program):
    """They are what the system's own bound counts."""
    text = (
        "import threading, time\n"
        "for _ in range(20): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "print('ready', flush=True); input()"
    )
    leader = program(text)
    assert families_of([leader])[leader].threads == 21
    assert len(threads_of(leader)) == 21


def test_no_name_of_a_process_hides_it(program):
    """A name may look like the rest of what the system says of a process."""
    text = (
        "import os; child = os.fork()\n"
        "if not child:\n"
        "  open('/proc/self/comm', 'w').write(') R 1 1 (\\n')\n"
        "  print('ready', flush=True)\n"
        "input()"
    )
    leader = program(text)
    assert len(families_of([leader])[leader].processes) == 2


def test_memory_that_processes_share_is_counted(program):
    """Two of them that have the same pages count them once."""
    text = (
        "import mmap, os; x = mmap.mmap(-1, 64 << 20); x.write(bytes(64 << 20)); r, w = os.pipe(); "
        "child = os.fork(); y = x[:]; os.write(w, b'.'); os.close(w) if child else None; "
        "print('ready', flush=True) if child and os.read(r, 1) + os.read(r, 1) else None; input()"
    )
    leader = program(text)
    shared = 64 * MIB  # each has also a copy of its own, in y
    used = memory_of(families_of([leader])[leader].processes, PATIENT)
    assert used
    assert 3 * shared <= used < 3 * shared + 60 * MIB


def test_tables_of_pages_are_memory(program):
    """A page of zeros in every two MiB costs four KiB each that are on no other account."""
    text = (
        "import mmap; x = mmap.mmap(-1, 16 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS,"
        " mmap.PROT_READ)\n"
        "x.madvise(mmap.MADV_NOHUGEPAGE)\n"
        "for place in range(0, 16 << 30, 2 << 20): x[place]\n"
        "print('ready', flush=True); input()"
    )
    assert used_memory(program(text)) >= 32 * MIB


@pytest.mark.skipif(
    platform.machine() not in {"x86_64", "aarch64"}, reason="system calls have other numbers"
)
def test_memory_is_counted_where_the_first_thread_has_ended(program):
    """The process looks as if it were over, and its other threads have all it ever had."""
    end = {"x86_64": 60, "aarch64": 93}[platform.machine()]
    text = (
        "import ctypes, threading, time\n"
        "def work():\n"
        "  x = bytearray(b'x' * (64 << 20))\n"
        "  while ') Z ' not in open('/proc/self/stat').read(): time.sleep(0.001)\n"
        "  print('ready', flush=True); input()\n"
        "threading.Thread(target=work).start()\n"
        f"ctypes.CDLL(None).syscall({end}, 0)"
    )
    assert used_memory(program(text)) >= 64 * MIB


def test_the_machines_own_shared_memory_is_nobodys():
    """A session that sees the same /dev/shm as we do has no names of its own in there."""
    assert used_names(os.getpid()) == 0
    assert used_names(2**22 + 1) == 0


def test_the_machine_says_what_it_has_left():
    """There is some memory and at least this thread."""
    assert memory_left() > 0
    assert threads_running() > 0
