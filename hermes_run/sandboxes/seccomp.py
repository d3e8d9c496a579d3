"""Write the filter of system calls that a sandbox's processes live under, as a program for seccomp.

A program is an array of ``struct sock_filter`` (classic BPF, ``linux/filter.h``) which sees a
``struct seccomp_data`` (``linux/seccomp.h``): number, architecture, instruction pointer and six
arguments of 64 bits. It first finds its way to the call in a binary tree, of which the kernel needs
nothing to be run for a call that is always let through, and then looks at arguments by
:class:`Rule`. What it refuses fails with an error; what came in by another architecture's way is
the end of the process, because all numbers mean something else there.

``ptrace`` stays: sanitizers and debuggers need it, and beyond the sandbox's own processes it
reaches nothing where they have a pid namespace of their own.
"""

from __future__ import annotations

import errno
import stat
import struct
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from hermes_run.sandboxes.syscalls import ARCHITECTURES, LAST, NUMBERS, REFUSED

ALLOW = 0x7FFF0000
KILL = 0x80000000
_ERROR = 0x00050000

_LOAD, _AND = 0x20, 0x54
_EQUAL, _AT_LEAST = 0x15, 0x35
_JUMP, _RETURN = 0x05, 0x06

_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
"""Where they are in ``struct seccomp_data``, in bytes."""

WORD = 0xFFFFFFFF

CLONE_NEW = 0x7E020080
"""Every flag that asks for a namespace, of time too, whose bit means something else in `clone`."""

_SIGNAL = 0xFF
"""The bits of `clone` that name the signal a child ends with."""

TIOCSTI, TIOCLINUX, TIOCSETD = 0x5412, 0x541C, 0x5423
"""To type on a terminal, by its driver or the console's; and to load a driver for one."""

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
NETLINK_ROUTE = 0
_PROTOCOLS = (0, 1, 6, 17, 58)
"""Of the internet: any, ICMP, TCP, UDP, ICMPv6. Others are modules of the kernel that few test."""

PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0x40000, WORD)
"""Linux, with 32 bits, with an old number, both, without random addresses; and asking for it."""

_SHARED_BYTES, _SEMAPHORES = 2**16, 2**5
"""The most of one segment, and the first number of one set that is too many: there can be 4,096 and
32,000 of them, in no process's account. PostgreSQL asks for one of a page, and for sets of 20."""


class Word(msgspec.Struct, frozen=True):
    """One half of an argument, of which the bits in *mask* are one of *values*.

    The kernel takes most arguments as 32 bits: what is in the upper half must not matter there.
    """

    argument: int
    values: tuple[int, ...]
    mask: int = WORD
    upper: bool = False


class Clause(msgspec.Struct, frozen=True):
    """What becomes of a call whose arguments fit all of *words*."""

    words: tuple[Word, ...]
    verdict: int


class Rule(msgspec.Struct, frozen=True):
    """What becomes of a system call: the verdict of the first clause that fits, else *verdict*."""

    verdict: int
    clauses: tuple[Clause, ...] = ()


def refused(number: int) -> int:
    """Give the verdict that a call fails with error *number*."""
    return _ERROR | number


def _only(words: Sequence[Word], number: int = errno.EPERM) -> Rule:
    return Rule(refused(number), (Clause(tuple(words), ALLOW),))


def _sockets(*clauses: tuple[Word, ...]) -> Rule:
    return Rule(refused(errno.EAFNOSUPPORT), tuple(Clause(words, ALLOW) for words in clauses))


_LOCAL = (Word(0, (AF_UNIX,)),)
_INTERNET = (Word(0, (AF_INET, AF_INET6)), Word(2, _PROTOCOLS))
_ROUTES = (Word(0, (AF_NETLINK,)), Word(2, (NETLINK_ROUTE,)))
_SMALL = Word(1, (0,), upper=True)
_DEVICES = (stat.S_IFCHR, stat.S_IFBLK)
_TYPING = (TIOCSTI, TIOCLINUX, TIOCSETD)

LOCAL_SOCKETS = _sockets(_LOCAL)
"""The rule for `socket` and `socketpair` where a network must not be reached at all."""

RULES: Mapping[str, Rule] = {
    **{name: Rule(refused(number)) for name, number in REFUSED.items()},
    "clone": _only([Word(0, (0,), mask=CLONE_NEW & ~_SIGNAL)]),
    "unshare": _only([Word(0, (0,), mask=CLONE_NEW)]),
    "personality": _only([Word(0, PERSONALITIES)]),
    "ioctl": Rule(ALLOW, (Clause((Word(1, _TYPING),), refused(errno.EPERM)),)),
    "mknod": Rule(
        ALLOW, (Clause((Word(1, _DEVICES, mask=stat.S_IFMT(WORD)),), refused(errno.EPERM)),)
    ),
    "mknodat": Rule(
        ALLOW, (Clause((Word(2, _DEVICES, mask=stat.S_IFMT(WORD)),), refused(errno.EPERM)),)
    ),
    "shmget": Rule(
        refused(errno.EINVAL),
        (
            Clause((_SMALL, Word(1, (0,), mask=WORD & -_SHARED_BYTES)), ALLOW),
            Clause((_SMALL, Word(1, (_SHARED_BYTES,))), ALLOW),
        ),
    ),
    "semget": _only([Word(1, (0,), mask=WORD & -_SEMAPHORES)], errno.EINVAL),
    "socket": _sockets(_LOCAL, _INTERNET, _ROUTES),
    "socketpair": LOCAL_SOCKETS,
}
"""Behind a wall with namespaces of its own. Calls that are not named are let through up to
:data:`~hermes_run.sandboxes.syscalls.LAST` and are unknown after it, as in an older kernel: so are
the numbers of x32, which begin at 2**30."""


def program(machine: str, rules: Mapping[str, Rule] = RULES) -> bytes:
    """Write the program for processes on *machine*.

    Args:
        machine: what ``uname -m`` says: one of
            :data:`~hermes_run.sandboxes.syscalls.ARCHITECTURES`.
        rules: what becomes of calls, by their names in
            :data:`~hermes_run.sandboxes.syscalls.NUMBERS`.

    Returns:
        What ``bwrap --seccomp`` reads and what ``struct sock_fprog`` points to: eight bytes an
        instruction.

    Raises:
        KeyError: there is no such machine, or no such call.
    """
    architecture = ARCHITECTURES[machine]
    numbered = {
        number: rule
        for name, rule in rules.items()
        if (number := NUMBERS[name][architecture.column]) is not None
    }
    return b"".join(
        [
            _instruction(_LOAD, _ARCHITECTURE),
            _instruction(_EQUAL, architecture.audit, 1, 0),
            _instruction(_RETURN, KILL),
            _instruction(_LOAD, _NUMBER),
            *_tree(_ranges(numbered)),
        ]
    )


def _ranges(rules: Mapping[int, Rule]) -> list[tuple[int, Rule]]:
    """Give where each range of numbers with one rule begins; the first begins at zero."""
    allowed, unknown = Rule(ALLOW), Rule(refused(errno.ENOSYS))
    ranges: list[tuple[int, Rule]] = []
    for number in range(LAST + 2):
        rule = unknown if number > LAST else rules.get(number, allowed)
        if not ranges or ranges[-1][1] != rule:
            ranges.append((number, rule))
    return ranges


def _tree(ranges: Sequence[tuple[int, Rule]]) -> list[bytes]:
    """Go to the rule of the number that is loaded."""
    if len(ranges) == 1:
        return _decide(ranges[0][1])
    middle = len(ranges) // 2
    below, above = _tree(ranges[:middle]), _tree(ranges[middle:])
    # A conditional jump goes no further than 255 instructions; this one goes over one that does.
    return [
        _instruction(_AT_LEAST, ranges[middle][0], 0, 1),
        _instruction(_JUMP, len(below)),
        *below,
        *above,
    ]


def _decide(rule: Rule) -> list[bytes]:
    return [*_joined(map(_clause, rule.clauses)), _instruction(_RETURN, rule.verdict)]


def _clause(clause: Clause) -> list[bytes]:
    code = [_instruction(_RETURN, clause.verdict)]
    for word in reversed(clause.words):
        code = [*_word(word, len(code)), *code]
    return code


def _word(word: Word, rest: int) -> list[bytes]:
    """Go on behind what is made here if the word fits, else *rest* instructions further."""
    count = len(word.values)
    tests = [
        _instruction(_EQUAL, value, count - 1 - at, rest if at == count - 1 else 0)
        for at, value in enumerate(word.values)
    ]
    offset = _ARGUMENTS + 8 * word.argument + 4 * word.upper
    return [_instruction(_LOAD, offset), _instruction(_AND, word.mask), *tests]


def _joined(parts: Iterable[list[bytes]]) -> list[bytes]:
    return [instruction for part in parts for instruction in part]


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
