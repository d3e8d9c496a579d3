"""What Landlock leaves open, for the filter of system calls to close.

Landlock says which files are opened, made, moved and removed, and by its later versions who is
connected to by TCP and who is signalled. It says nothing of UDP and other sockets, of sockets that
are files, of shared memory that has no file, of a file's permissions, owner, times and attributes,
of watching folders, nor of the limits and priorities of other processes. Where processes have a uid
of their own, the system's permissions answer the last of these; where they have the uid of whoever
started the run, the filter must.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping

from hermes_run.sandboxes.seccomp import ALLOW, RULES, Clause, Rule, Word, refused
from hermes_run.sandboxes.syscalls import ARCHITECTURES, NUMBERS

ASK = 0x7FC00000
"""The verdict that leaves a call to somebody outside (``SECCOMP_RET_USER_NOTIF``)."""

CHANGES = ("chmod", "fchmod", "fchmodat", "fchmodat2", "utimensat")
"""What is left to the keeper, which does it for the session's own files."""

STARTS = ("clone", "fork", "vfork")
"""What it lets through for as long as the session has processes left to start."""

_SET_FLAGS, _SET_FLAGS_32, _SET_ATTRIBUTES = 0x40086602, 0x40046602, 0x401C5820
_CREATE, _SET_ID = 0o100, (0o2000, 0o4000, 0o6000)


def _unless(*words: Word) -> Rule:
    return Rule(refused(errno.EPERM), (Clause(words, ALLOW),))


def _not_if(*words: Word) -> Rule:
    return Rule(ALLOW, (Clause(words, refused(errno.EPERM)),))


def _all(names: str, number: int) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), Rule(refused(number)))


_PAIRS = Rule(
    refused(errno.EAFNOSUPPORT),
    # A datagram socket of a pair can still send to any other one that is a file.
    (
        Clause(
            (
                Word(0, (socket.AF_UNIX,)),
                Word(1, (socket.SOCK_STREAM, socket.SOCK_SEQPACKET), mask=0xF),
            ),
            ALLOW,
        ),
    ),
)

_INTERNET = Rule(
    RULES["socket"].verdict,
    tuple(
        clause for clause in RULES["socket"].clauses if socket.AF_UNIX not in clause.words[0].values
    ),
)

ALWAYS: Mapping[str, Rule] = {
    "socketpair": _PAIRS,
    **_all("shmget shmat shmctl semget semop semctl semtimedop", errno.ENOSYS),
    **_all("msgget msgsnd msgrcv msgctl mq_open mq_unlink", errno.ENOSYS),
    **_all("inotify_add_watch", errno.EPERM),
}
"""For every process behind Landlock: there is no namespace for these."""

_SELF = Word(0, (0,))
SHARED: Mapping[str, Rule] = {
    **dict.fromkeys(CHANGES, Rule(ASK)),
    **dict.fromkeys(STARTS, Rule(ASK)),
    "clone": Rule(
        RULES["clone"].verdict, tuple(Clause(each.words, ASK) for each in RULES["clone"].clauses)
    ),
    **_all("chown fchown lchown fchownat utime utimes futimesat file_setattr", errno.EPERM),
    **_all("setxattr lsetxattr fsetxattr setxattrat", errno.EOPNOTSUPP),
    **_all("removexattr lremovexattr fremovexattr removexattrat", errno.EOPNOTSUPP),
    # Its flags lie in memory; programs take `openat` instead.
    **_all("openat2", errno.ENOSYS),
    "open": _not_if(Word(1, (_CREATE,), mask=_CREATE), Word(2, _SET_ID, mask=0o6000)),
    "openat": _not_if(Word(2, (_CREATE,), mask=_CREATE), Word(3, _SET_ID, mask=0o6000)),
    "creat": _not_if(Word(1, _SET_ID, mask=0o6000)),
    "prlimit64": _unless(_SELF),
    "sched_setaffinity": _unless(_SELF),
    "sched_setscheduler": _unless(_SELF),
    "sched_setparam": _unless(_SELF),
    "sched_setattr": _unless(_SELF),
    "setpriority": _unless(Word(0, (0, 1)), Word(1, (0,))),
    "ioprio_set": _unless(Word(0, (1, 2)), Word(1, (0,))),
}
"""For processes that have the uid of others: what is allowed to them by that alone."""


def rules(*, networked: bool, shared: bool) -> Mapping[str, Rule]:
    """Give what becomes of system calls behind Landlock.

    Args:
        networked: whether processes may use the network.
        shared: whether their uid is that of others, too.
    """
    found = {**RULES, **ALWAYS, **(SHARED if shared else {})}
    found["socket"] = _INTERNET if networked else Rule(refused(errno.EACCES))
    if shared:
        for name, at in (("mknod", 1), ("mknodat", 2)):
            found[name] = _also(found[name], Word(at, _SET_ID, mask=0o6000))
        attributes = Word(1, (_SET_FLAGS, _SET_FLAGS_32, _SET_ATTRIBUTES))
        found["ioctl"] = _also(found["ioctl"], attributes)
    return found


def granted(machine: str) -> dict[int, str]:
    """Name the calls that are left to the keeper, by their numbers on *machine*."""
    column = ARCHITECTURES[machine].column
    numbered = {NUMBERS[name][column]: name for name in (*CHANGES, *STARTS)}
    return {number: name for number, name in numbered.items() if number is not None}


def _also(rule: Rule, *words: Word) -> Rule:
    """Refuse what fits *words*, too."""
    return Rule(rule.verdict, (Clause(words, refused(errno.EPERM)), *rule.clauses))
