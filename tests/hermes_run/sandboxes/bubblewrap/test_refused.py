"""The filter as the kernel has it: calls made inside, each with what came of it."""

from __future__ import annotations

import errno
import json
import os

import pytest

from hermes_run.sandboxes.syscalls import ARCHITECTURES, NUMBERS, REFUSED

CALLS = """
import ctypes, json, sys
libc = ctypes.CDLL(None, use_errno=True)
found = {}
for name, number, *arguments in json.load(open("calls.json")):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    found[name] = ctypes.get_errno() if result == -1 else 0
print(json.dumps(found))
"""

machine = os.uname().machine
if machine not in ARCHITECTURES:
    pytest.skip(f"no filter for {machine}", allow_module_level=True)


def made(host, calls):
    """Make calls inside, and give their errors by their names."""
    column = ARCHITECTURES[machine].column
    numbered = [(name, NUMBERS[call][column], *rest) for name, call, *rest in calls]
    known = [call for call in numbered if call[1] is not None]
    files = {"calls.py": CALLS, "calls.json": json.dumps(known)}
    return json.loads(host.output("python3 calls.py", files=files))


def test_every_call_on_the_list_is_refused(host):
    """With the error that stands beside it, not by chance with another."""
    found = made(host, [(name, name, 0, 0, 0, 0, 0, 0) for name in REFUSED])
    assert found == {name: REFUSED[name] for name in found}
    assert len(found) > 60


def test_what_depends_on_arguments_is_refused_by_them(host):
    """Namespaces, odd sockets, typing on terminals, personalities, large shared memory."""
    sockets = {
        "packet": (17, 3, 0),
        "vsock": (40, 1, 0),
        "alg": (38, 5, 0),
        "bluetooth": (31, 3, 0),
        "tipc": (30, 1, 0),
        "netlink of filters": (16, 3, 12),
        "sctp": (2, 1, 132),
        "mptcp": (2, 1, 262),
    }
    found = made(host, [(name, "socket", *rest) for name, rest in sockets.items()])
    assert found == dict.fromkeys(sockets, errno.EAFNOSUPPORT)
    found = made(
        host,
        [
            ("user", "unshare", 0x10000000),
            ("net", "unshare", 0x40000000),
            ("mount", "unshare", 0x20000),
            ("clone", "clone", 0x10000000 | 17, 0, 0, 0, 0),
            ("typing", "ioctl", 0, 0x5412, 0),
            ("upper half", "ioctl", 0, 0x100005412, 0),
            ("console", "ioctl", 0, 0x541C, 0),
            ("personality", "personality", 0x0400000),
            ("device", "mknodat", -100, 0, 0o020644, 0x103),
        ],
    )
    assert found == dict.fromkeys(found, errno.EPERM)
    large = [("segment", "shmget", 0, 65537, 0o600), ("set", "semget", 0, 32, 0o600)]
    assert made(host, large) == dict.fromkeys(("segment", "set"), errno.EINVAL)


DATABASE = """
import ctypes, json
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
segment = libc.shmget(5432001, 56, 0o3600)
again = libc.shmget(5432001, 56, 0o3600), ctypes.get_errno()
place = libc.shmat(segment, None, 0)
ctypes.memset(place, 7, 56)
semaphores = libc.semget(5432001, 20, 0o3600)
ended = [libc.shmdt(ctypes.c_void_p(place)), libc.shmctl(segment, 0, None)]
print(json.dumps([segment >= 0, again, semaphores >= 0, ended, libc.semctl(semaphores, 0, 0)]))
"""


def test_a_database_can_tell_by_a_small_segment_whether_another_one_runs(host):
    """As PostgreSQL does: a segment of 56 bytes that only one can make, and sets of semaphores."""
    assert host.python(DATABASE) == [True, [-1, errno.EEXIST], True, [0, 0], 0]


def test_what_programs_need_is_let_through(host):
    """Their sockets, threads and terminals."""
    found = made(
        host,
        [
            ("unix", "socket", 1, 1, 0),
            ("tcp", "socket", 2, 1, 6),
            ("udp over 6", "socket", 10, 2, 17),
            ("routes", "socket", 16, 3, 0),
            ("files apart", "unshare", 0x400),
            ("asking", "personality", 0xFFFFFFFF),
            ("small", "shmget", 0, 4096, 0o600),
        ],
    )
    assert found == dict.fromkeys(found, 0)


@pytest.mark.skipif(machine != "x86_64", reason="x32 is of x86_64")
def test_numbers_of_x32_and_of_calls_to_come_do_not_exist(host):
    """Whatever this kernel has."""
    program = """
import ctypes, json
libc = ctypes.CDLL(None, use_errno=True)
numbers = (39 | 0x40000000, 102 | 0x40000000, 470, 1000)
print(json.dumps([(libc.syscall(ctypes.c_long(n)), ctypes.get_errno()) for n in numbers]))
"""
    assert host.python(program) == [[-1, errno.ENOSYS]] * 4


@pytest.mark.skipif(machine != "x86_64", reason="i386 is of x86_64")
def test_a_call_of_i386_ends_the_process(host):
    """By the old gate, `int 0x80`, that a 64-bit program may take, too."""
    program = """
import ctypes, mmap
code = mmap.mmap(-1, 4096, prot=7)
code.write(bytes([0xB8, 20, 0, 0, 0, 0xCD, 0x80, 0xC3]))
address = ctypes.addressof(ctypes.c_char.from_buffer(code))
print(ctypes.CFUNCTYPE(ctypes.c_int)(address)())
"""
    (found,) = host.all("python3 program.py", files={"program.py": program})
    assert found.exit_code == 128 + 31


def test_no_namespaces_are_nested(host):
    """Neither by the filter nor by the count of them."""
    said = host.output("unshare -Ur true 2>&1; cat /proc/sys/user/max_user_namespaces")
    assert "Operation not permitted" in said
