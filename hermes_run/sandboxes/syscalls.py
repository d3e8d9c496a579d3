"""Numbers of the system calls that a filter refuses or looks at, and what they are refused with.

Numbers are those of ``arch/x86/entry/syscalls/syscall_64.tbl`` and, for aarch64, of
``include/uapi/asm-generic/unistd.h`` in Linux 6.17; ``None`` is where there is no such call.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping

import msgspec


class Architecture(msgspec.Struct, frozen=True):
    """A kind of processor: what the audit subsystem calls it, and its column in :data:`NUMBERS`."""

    audit: int
    column: int


ARCHITECTURES: Mapping[str, Architecture] = {
    "x86_64": Architecture(audit=0xC000003E, column=0),
    "aarch64": Architecture(audit=0xC00000B7, column=1),
}
"""By the name that ``uname -m`` gives."""

LAST = 469
"""The highest number that is known on both; what comes after it, nobody has looked at."""

_Numbers = tuple[int | None, int | None]

NUMBERS: Mapping[str, _Numbers] = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "chmod": (90, None),
    "chown": (92, None),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "clone": (56, 220),
    "clone3": (435, 435),
    "creat": (85, None),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "file_setattr": (469, 469),
    "finit_module": (313, 273),
    "fork": (57, None),
    "fremovexattr": (199, 16),
    "fsconfig": (431, 431),
    "fsetxattr": (190, 7),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "futimesat": (261, None),
    "get_mempolicy": (239, 236),
    "init_module": (175, 105),
    "inotify_add_watch": (254, 27),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioctl": (16, 29),
    "ioperm": (173, None),
    "iopl": (172, None),
    "ioprio_set": (251, 30),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lchown": (94, None),
    "lookup_dcookie": (212, 18),
    "lremovexattr": (198, 15),
    "lsetxattr": (189, 6),
    "mbind": (237, 235),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "migrate_pages": (256, 238),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "modify_ldt": (154, None),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "msgctl": (71, 187),
    "msgget": (68, 186),
    "msgrcv": (70, 188),
    "msgsnd": (69, 189),
    "name_to_handle_at": (303, 264),
    "nfsservctl": (180, 42),
    "open": (2, None),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "openat": (257, 56),
    "openat2": (437, 437),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "prlimit64": (302, 261),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "removexattr": (197, 14),
    "removexattrat": (466, 466),
    "request_key": (249, 218),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "semctl": (66, 191),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "set_mempolicy": (238, 237),
    "set_mempolicy_home_node": (450, 450),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "setpriority": (141, 140),
    "settimeofday": (164, 170),
    "setxattr": (188, 5),
    "setxattrat": (463, 463),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "shmget": (29, 194),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "sync": (162, 81),
    "syncfs": (306, 267),
    "sysfs": (139, None),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "uselib": (134, None),
    "userfaultfd": (323, 282),
    "ustat": (136, None),
    "utime": (132, None),
    "utimensat": (280, 88),
    "utimes": (235, None),
    "vfork": (58, None),
    "vhangup": (153, 58),
    "vserver": (236, None),
}

_FORBIDDEN = (
    # Mounts: what is mounted is the wall.
    *("chroot", "mount", "mount_setattr", "move_mount", "open_tree", "open_tree_attr"),
    *("fsconfig", "fsmount", "fsopen", "fspick", "pivot_root", "umount2"),
    # Files by handles, which no mount bounds, and watching whole file systems.
    *("name_to_handle_at", "open_by_handle_at", "fanotify_init", "fanotify_mark"),
    # The machine and its clocks. Nobody sees the answer of `sync`, which would flush every disk;
    # that of `syncfs` is no news about one's own files either, and it flushes everybody's.
    *("acct", "adjtimex", "clock_adjtime", "clock_settime", "ioperm", "iopl", "lookup_dcookie"),
    *("modify_ldt", "nfsservctl", "quotactl", "quotactl_fd", "reboot", "setdomainname"),
    *("sethostname", "settimeofday", "swapoff", "swapon", "sync", "syncfs", "syslog"),
    *("vhangup", "vserver"),
    # Code in the kernel.
    *("bpf", "delete_module", "finit_module", "init_module", "kexec_file_load", "kexec_load"),
    *("perf_event_open", "userfaultfd"),
    # Keys are those of the user who runs us; other namespaces; other processes' memory and files.
    *("add_key", "keyctl", "request_key", "setns"),
    *("kcmp", "pidfd_getfd", "process_madvise", "process_mrelease"),
    *("process_vm_readv", "process_vm_writev"),
)

_MISSING = (
    # Its flags lie in memory, where a filter can't look: without it programs take `clone`.
    "clone3",
    *("io_uring_enter", "io_uring_register", "io_uring_setup"),
    # Memory in no process's account, which nothing but a control group bounds.
    *("memfd_create", "memfd_secret", "msgget"),
    # One that can be asked for only makes libraries believe in the others.
    *("get_mempolicy", "mbind", "migrate_pages", "move_pages"),
    *("set_mempolicy", "set_mempolicy_home_node"),
    *("sysfs", "uselib", "ustat"),
)

REFUSED: Mapping[str, int] = {
    **dict.fromkeys(_FORBIDDEN, errno.EPERM),
    **dict.fromkeys(_MISSING, errno.ENOSYS),
}
"""Whatever their arguments are; ``ENOSYS`` where programs then take another way."""
