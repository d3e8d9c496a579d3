"""The filter of system calls, run by a small interpreter of the programs that seccomp takes."""

from __future__ import annotations

import errno
import random
import re
import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

from hermes_run.sandboxes.seccomp import (
    AF_INET,
    AF_INET6,
    AF_NETLINK,
    AF_UNIX,
    ALLOW,
    KILL,
    LOCAL_SOCKETS,
    RULES,
    TIOCLINUX,
    TIOCSETD,
    TIOCSTI,
    WORD,
    Rule,
    program,
    refused,
)
from hermes_run.sandboxes.syscalls import ARCHITECTURES, LAST, NUMBERS, REFUSED

MACHINES = sorted(ARCHITECTURES)
FORBIDDEN, MISSING = refused(errno.EPERM), refused(errno.ENOSYS)
UNKNOWN_FAMILY = refused(errno.EAFNOSUPPORT)
UPPER = 0xDEADBEEF << 32
"""What is put into the upper half of an argument that the kernel takes as 32 bits."""

NEWUSER, NEWNET, NEWTIME = 0x10000000, 0x40000000, 0x80
THREAD, SIGCHLD = 0x3D0F00, 17
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


def interpret(content: bytes, number: int, arguments: tuple[int, ...] = (), audit: int = 0) -> int:
    """Run a program as the kernel does, and give what it returns."""
    filled = (*arguments, *[0] * (6 - len(arguments)))
    seen = struct.pack("=IIQ6Q", number, audit, 0, *filled)
    code = list(struct.iter_unpack("=HBBI", content))
    at = loaded = 0
    while True:
        kind, if_true, if_false, value = code[at]
        at += 1
        match kind:
            case 0x20:
                assert value % 4 == 0
                loaded = struct.unpack_from("=I", seen, value)[0]
            case 0x54:
                loaded &= value
            case 0x15:
                at += if_true if loaded == value else if_false
            case 0x35:
                at += if_true if loaded >= value else if_false
            case 0x05:
                at += value
            case 0x06:
                return value
            case _:
                pytest.fail(f"no such instruction: {kind:#x}")


class Filter:
    """A program for one machine, asked by the names of calls."""

    def __init__(self, machine: str, rules: Mapping[str, Rule] = RULES) -> None:
        self.machine = machine
        self.content = program(machine, rules)

    def __call__(self, call: str | int, *arguments: int) -> int:
        """Say what becomes of a call, by its name or its number."""
        architecture = ARCHITECTURES[self.machine]
        number = numbers_of(self.machine)[call] if isinstance(call, str) else call
        return interpret(self.content, number, arguments, architecture.audit)


@pytest.fixture(params=MACHINES)
def verdict(request):
    """Give the filter of each kind of machine."""
    return Filter(request.param)


def numbers_of(machine: str) -> dict[str, int]:
    """Give the calls that a machine has."""
    column = ARCHITECTURES[machine].column
    numbers = {name: both[column] for name, both in NUMBERS.items()}
    return {name: number for name, number in numbers.items() if number is not None}


def test_what_is_refused_is_refused_whatever_its_arguments_are(verdict):
    """By the error that is written beside it."""
    draw = random.Random(6)
    for name in numbers_of(verdict.machine).keys() & REFUSED.keys():
        arguments = [draw.getrandbits(64) for _ in range(6)]
        assert verdict(name, *arguments) == refused(REFUSED[name]), name


def test_every_other_call_is_let_through_and_none_that_came_later(verdict):
    """Unknown numbers do not exist, as in an older kernel."""
    known = {number for name, number in numbers_of(verdict.machine).items() if name in RULES}
    for number in range(LAST + 1):
        if number not in known:
            assert verdict(number, WORD, WORD, WORD) == ALLOW, number
    draw = random.Random(6)
    for _ in range(2000):
        assert verdict(draw.randrange(LAST + 1, 2**32)) == MISSING


def test_the_numbers_of_x32_do_not_exist(verdict):
    """The same calls, by numbers with another bit: no way around a filter."""
    for number in (0, 1, 41, 59, 512, 547):
        assert verdict(number | 0x40000000) == MISSING


def test_a_call_by_another_architecture_is_the_end(verdict):
    """Numbers mean something else there: i386, arm, x86_64 on aarch64 and the other way round."""
    own = ARCHITECTURES[verdict.machine].audit
    for audit in {0x40000003, 0x40000028, 0xC000003E, 0xC00000B7, 0, own ^ 1} - {own}:
        assert interpret(verdict.content, 1, audit=audit) == KILL


@pytest.mark.parametrize("call", ["clone", "unshare"])
def test_threads_and_processes_are_made_but_no_namespaces(verdict, call):
    """Whatever else is asked for with them."""
    assert verdict(call, THREAD) == ALLOW
    for flag in (0x00020000, 0x02000000, 0x04000000, 0x08000000, NEWUSER, 0x20000000, NEWNET):
        assert verdict(call, flag | SIGCHLD) == FORBIDDEN
        assert verdict(call, flag | THREAD | UPPER) == FORBIDDEN


def test_a_namespace_of_time_is_refused_where_the_flag_means_it(verdict):
    """In `clone` the same bit is part of a signal's number."""
    assert verdict("unshare", NEWTIME) == FORBIDDEN
    assert verdict("clone", NEWTIME) == ALLOW


def test_nobody_types_on_a_terminal_or_loads_its_drivers(verdict):
    """Other requests go through, and the upper half does not matter."""
    for request in (TIOCSTI, TIOCLINUX, TIOCSETD):
        assert verdict("ioctl", 0, request) == FORBIDDEN
        assert verdict("ioctl", 0, request | UPPER) == FORBIDDEN
    assert verdict("ioctl", TIOCSTI, 0x5413) == ALLOW


@pytest.mark.parametrize(
    ("family", "protocol", "expected"),
    [
        (AF_UNIX, 0, ALLOW),
        (AF_UNIX, 77, ALLOW),
        (AF_INET, 0, ALLOW),
        (AF_INET, 6, ALLOW),
        (AF_INET6, 17, ALLOW),
        (AF_INET6, 58, ALLOW),
        (AF_INET, 262, UNKNOWN_FAMILY),
        (AF_INET, 132, UNKNOWN_FAMILY),
        (AF_INET6, 255, UNKNOWN_FAMILY),
        (AF_NETLINK, 0, ALLOW),
        (AF_NETLINK, 12, UNKNOWN_FAMILY),
        (AF_NETLINK, 15, UNKNOWN_FAMILY),
        (17, 0, UNKNOWN_FAMILY),
        (38, 0, UNKNOWN_FAMILY),
        (40, 0, UNKNOWN_FAMILY),
    ],
)
def test_sockets_are_local_or_of_the_internet(verdict, family, protocol, expected):
    """Nothing of packets, kernel crypto, virtual machines, nor of netlink beyond routes."""
    assert verdict("socket", family, 1, protocol) == expected
    assert verdict("socket", family | UPPER, 1, protocol | UPPER) == expected


def test_every_other_family_of_sockets_is_unknown(verdict):
    """Also those nobody has thought of yet, and as pairs all but one."""
    known = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK}
    for family in {*range(64), WORD} - known:
        assert verdict("socket", family, 1, 0) == UNKNOWN_FAMILY
    assert verdict("socketpair", AF_UNIX, 1, 0) == ALLOW
    assert verdict("socketpair", AF_INET, 1, 0) == UNKNOWN_FAMILY


def test_personalities_that_weaken_a_process_are_refused(verdict):
    """Asking, 32 bits and fixed addresses are what programs are started with."""
    for allowed in (0, 8, 0x20000, 0x20008, 0x40000, WORD):
        assert verdict("personality", allowed) == ALLOW
    for odd in (1, 0x0400000, 0x0100000, 0x0440000, 6):
        assert verdict("personality", odd) == FORBIDDEN


def test_shared_memory_and_semaphores_are_small(verdict):
    """They are in no process's account."""
    for size in (0, 56, 2**16 - 1, 2**16):
        assert verdict("shmget", 0, size) == ALLOW
    for size in (2**16 + 1, 2**17, 2**31, 2**32, 2**32 + 56, 2**32 + 2**16, 2**63):
        assert verdict("shmget", 0, size) == refused(errno.EINVAL)
    assert verdict("semget", 0, 31) == ALLOW
    assert verdict("semget", 0, 32) == refused(errno.EINVAL)
    assert verdict("msgget", 0) == refused(errno.ENOSYS)


def test_no_devices_are_made(verdict):
    """Pipes, files and sockets are."""
    calls = {"mknod": (0,), "mknodat": (0, 0)}
    for call in calls.keys() & numbers_of(verdict.machine).keys():
        before = calls[call]
        for kind in (0, 0o010000, 0o100000, 0o140000):
            assert verdict(call, *before, kind | 0o644) == ALLOW
        for kind in (0o020000, 0o060000):
            assert verdict(call, *before, kind | 0o644) == FORBIDDEN


def test_rules_can_be_exchanged(verdict):
    """As where there is no network of the session's own."""
    other = Filter(verdict.machine, {**RULES, "socket": LOCAL_SOCKETS})
    assert other("socket", AF_INET, 1, 6) == UNKNOWN_FAMILY
    assert other("socket", AF_UNIX, 1, 0) == ALLOW


def test_a_program_is_one_that_the_kernel_takes(verdict):
    """Not too long, and every way through it ends in a verdict."""
    code = list(struct.iter_unpack("=HBBI", verdict.content))
    assert len(code) <= 4096
    for at, (kind, if_true, if_false, value) in enumerate(code):
        furthest = {0x05: value, 0x15: max(if_true, if_false), 0x35: max(if_true, if_false)}
        assert kind == 0x06 or at + 1 + furthest.get(kind, 0) < len(code)
    assert code[-1][0] == 0x06


def test_an_unknown_machine_has_no_program():
    """Better none than one with the numbers of another."""
    with pytest.raises(KeyError, match="riscv64"):
        program("riscv64")


@pytest.mark.parametrize("machine", MACHINES)
def test_numbers_are_those_of_the_headers(machine):
    """Where the machine has the headers, and as far as they go."""
    if not HEADERS[machine].is_file():
        pytest.skip("the headers of Linux are not there")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", HEADERS[machine].read_text())
    theirs = {name: int(number) for name, number in found if int(number) < 1000}
    ours = numbers_of(machine)
    shared = theirs.keys() & ours.keys()
    assert {name: ours[name] for name in shared} == {name: theirs[name] for name in shared}
    newest = max(theirs.values())
    assert all(ours[name] > newest for name in ours.keys() - shared)
