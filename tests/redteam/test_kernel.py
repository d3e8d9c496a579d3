"""The kernel: nothing that a container gets out by is to be had."""

from __future__ import annotations

import re

import pytest

from tests.redteam.guards import Call

NUMBERS = """\
import ctypes, errno, os, platform
libc = ctypes.CDLL(None, use_errno=True)
arm = platform.machine() == "aarch64"
def call(x86, aarch, *arguments):
    ctypes.set_errno(0)
    found = libc.syscall(ctypes.c_long(aarch if arm else x86), *arguments)
    if found >= 0:
        print("went-through", x86, found)
    else:
        print("refused", errno.errorcode.get(ctypes.get_errno()))
def text(word): return ctypes.c_char_p(word.encode())
zero, one, page = ctypes.c_long(0), ctypes.c_long(1), ctypes.create_string_buffer(4096)
"""

CALLS = {
    "bpf": "call(321, 280, zero, page, ctypes.c_long(72))",
    "keys": "call(248, 217, text('user'), text('k'), text('v'), one, ctypes.c_long(-3))",
    "the_session_keyring": "call(250, 219, zero, ctypes.c_long(-3), ctypes.c_long(1))",
    "io_uring": "call(425, 425, ctypes.c_long(8), page)",
    "a_user_namespace": "call(272, 97, ctypes.c_long(0x10000000))",
    "all_namespaces": "call(272, 97, ctypes.c_long(0x7E020000))",
    "a_clone_into_namespaces": (
        "call(56, 220, ctypes.c_long(0x10000000 | 17), zero, zero, zero, zero)"
    ),
    "a_new_style_clone_into_namespaces": (
        "import struct; words = (0x10000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0); "
        "a = ctypes.create_string_buffer(struct.pack('11Q', *words)); "
        "call(435, 435, a, ctypes.c_long(88))"
    ),
    "a_mount": "call(165, 40, text('x'), text('/tmp'), text('tmpfs'), zero, zero)",
    "a_new_style_mount": (
        "call(430, 430, text('tmpfs'), zero); call(428, 428, zero, text('/'), zero)"
    ),
    "an_unmount": "call(166, 39, text('/proc'), ctypes.c_long(2))",
    "another_root": "call(155, 41, text('/tmp'), text('/tmp')); call(161, 51, text('/tmp'))",
    "a_handle_of_a_file": "call(304, 265, ctypes.c_long(-100), page, zero)",
    "a_module": (
        "call(175, 105, page, ctypes.c_long(10), text('')); call(313, 273, zero, text(''), zero)"
    ),
    "another_kernel": "call(246, 104, zero, zero, zero, zero)",
    "a_reboot": ("call(169, 142, ctypes.c_long(0xFEE1DEAD), ctypes.c_long(672274793), zero, zero)"),
    "page_faults": "call(323, 282, zero)",
    "counters": "call(298, 241, page, zero, ctypes.c_long(-1), ctypes.c_long(-1), zero)",
    "ports": ("call(172, 1000, ctypes.c_long(3)); call(173, 1000, zero, ctypes.c_long(1024), one)"),
    "swap": "call(167, 224, text('/workspace/x'), zero)",
    "the_clock": "call(227, 112, zero, page); call(164, 170, page, zero)",
    "the_name_of_the_host": "call(170, 161, text('owned'), ctypes.c_long(5))",
    "accounting": "call(163, 89, text('/workspace/x'))",
    "quotas": "call(179, 60, ctypes.c_long(0x800002), text('/'), zero, page)",
    "the_terminal": (
        "import fcntl, termios\n"
        "for fd in (0, 1, 2):\n"
        "  try: fcntl.ioctl(fd, termios.TIOCSTI, b'x'); print('went-through')\n"
        "  except OSError as error: print('refused', errno.errorcode[error.errno])\n"
        "libc.syscall.restype = ctypes.c_long\n"
        "call(16, 29, zero, ctypes.c_long(0x5412 | 1 << 32), page)"
    ),
    "a_namespace_of_another": (
        "for kind in ('user', 'mnt', 'net', 'pid'):\n"
        "  call(308, 268, ctypes.c_long(os.open(f'/proc/1/ns/{kind}', 0) if "
        "os.access(f'/proc/1/ns/{kind}', 4) else -1), zero)"
    ),
    "a_higher_priority": "call(141, 140, zero, zero, ctypes.c_long(-20))",
    "higher_limits": (
        "import resource\n"
        "for what in (resource.RLIMIT_NPROC, resource.RLIMIT_CORE):\n"
        "  try: resource.setrlimit(what, (2**40, 2**40)); print('went-through')\n"
        "  except (OSError, ValueError): print('refused', 'EPERM')"
    ),
}


REFUSALS = {"EPERM", "ENOSYS", "EACCES"}
"""What says no: anything else means that the kernel looked at the arguments."""


def python(code: str) -> str:
    """Write a command that runs a program."""
    return f"cat >try.py <<'END'\n{NUMBERS}{code}\nEND\npython3 try.py"


@pytest.mark.parametrize("attack", CALLS)
def test_the_kernel_gives_nobody(tried, attack):
    """The call is refused before anybody looks at what is asked; none of its forms goes through."""
    output = tried({name: python(code) for name, code in CALLS.items()})[attack]["output"]
    assert "went-through" not in output
    refusals = re.findall(r"refused (\w+)", output)
    assert refusals, output
    assert set(refusals) <= REFUSALS, output


def test_no_program_gains_rights(prison):
    """No capability is there, and set-uid programs give none."""
    done = prison.run(
        Call(
            "terminal",
            {
                "command": "grep -E 'Cap(Eff|Prm|Bnd|Amb)|NoNewPrivs|Seccomp:' /proc/self/status; "
                "id -u; su -c id </dev/null; sudo -n id; mount -t tmpfs x /tmp; "
                "newgrp root </dev/null; find / -xdev -perm -4000 2>/dev/null | head -3; echo tried"
            },
        )
    )
    for line in ("CapEff:\\t0000000000000000", "CapPrm:\\t0000000000000000", "NoNewPrivs:\\t1"):
        assert line in done.output
    assert "Seccomp:\\t2" in done.output
    assert "uid=0" not in done.output


def test_settings_of_the_kernel_stay(prison):
    """None can be written, not even by whoever is root outside."""
    done = prison.run(
        Call(
            "terminal",
            {
                "command": "for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger "
                "/proc/sys/kernel/modprobe /proc/sys/vm/drop_caches /sys/kernel/uevent_helper "
                "/proc/self/oom_score_adj.x /sys/fs/cgroup/cgroup.procs; do "
                "(echo x >$f) 2>/dev/null && echo went-through $f; done; hostname owned; echo tried"
            },
        )
    )
    assert "tried" in done.output
    assert "went-through" not in done.output


def test_what_is_mounted_can_only_be_read(prison):
    """But for the session's own folders nothing of the file system can be written."""
    done = prison.run(
        Call(
            "terminal",
            {
                "command": "for d in / /usr /usr/bin /usr/local/bin /etc /lib /opt /bin /var /sys "
                "/proc /run /home /root; do touch $d/escaped 2>/dev/null && ls $d/escaped; done; "
                "touch /tmp/escaped-tmp /workspace/mine && echo own; find / -xdev -writable "
                "-type f -not -path '/proc/*' -not -path '/workspace/*' -not -path '/tmp/*' "
                "2>/dev/null | head"
            },
        )
    )
    assert "own" in done.output
