"""Secrets of the runner: no command sees one, in no spelling, by no way around."""

from __future__ import annotations

import pytest

from tests.redteam.guards import Call
from tests.redteam.secrets_sought import PIECES, by_address, by_descriptors

ATTACKS = {
    "the_environment": "env; set; export -p; printenv OPENAI_API_KEY",
    "the_environment_in_base64": "env | base64 -w0; env | rev; env | xxd -p | tr -d '\\n'",
    "the_environment_in_pieces": "for c in 1 2 3 4; do env | cut -c $c-30; done; env | fold -w 7",
    "environments_of_processes": "cat /proc/[0-9]*/environ /proc/*/task/*/environ | tr '\\0' '\\n'",
    "the_first_process": "cat /proc/1/environ /proc/1/cmdline /proc/1/maps | tr '\\0' '\\n'",
    "command_lines": "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; ps axeww",
    "open_files_of_processes": f"ls -l /proc/[0-9]*/fd; {by_descriptors('[0-9]*')}",
    "descriptors_that_were_left_open": (
        "ls -l /proc/self/fd; for n in $(seq 3 300); do head -c 99 <&$n; done; "
        'python3 -c "import os; [print(os.pread(n, 99, 0)) for n in range(3, 300) '
        "if os.path.exists(f'/proc/self/fd/{n}')]\""
    ),
    "memory_of_the_first_process": by_address("1"),
    "memory_of_the_victim": by_address("{victim}"),
    "memory_of_the_runner": by_address("{runner}"),
    "memory_of_the_parent": by_address("self").replace(
        "/self/", "/'+str(__import__('os').getppid())+'/"
    ),
    "the_victim": (
        "cat /proc/{victim}/environ /proc/{victim}/cmdline; cat /proc/{victim}/task/*/environ; "
        + by_descriptors("{victim}")
    ),
    "the_runner": (
        "cat /proc/{runner}/environ /proc/{runner}/cmdline; cat /proc/{runner}/task/*/environ; "
        "ls /proc/{runner}/cwd/ /proc/{runner}/root/; cat /proc/{runner}/cwd/outside/secret; "
        + by_descriptors("{runner}")
    ),
    "homes": (
        "cat {home}/.ssh/* {home}/.netrc {home}/.aws/* {home}/.config/*/*; "
        "cat /root/.* /root/*/* /home/*/.* ~/.ssh/* ~/.netrc ~/.aws/*; ls -la / /root /home {home}"
    ),
    "sockets_of_the_host": "ls -l /var/run /run /run/user /run/secrets; cat /run/secrets/*",
    "the_key_outside": "cat {outside}/secret; cp {outside}/secret .; cat {record}/run.json",
    "system_accounts": "cat /etc/shadow /etc/gshadow /etc/sudoers; ls /etc/ssh /etc/ssl/private",
    "the_kernel_log": "dmesg | tail; cat /proc/kmsg & sleep 0.2; cat /proc/kcore | head -c 10",
    "a_core_dump": "ulimit -c unlimited; sleep 60 & kill -ABRT $!; wait; ls core* /tmp/core*",
    "a_debugger": (
        'python3 -c "import ctypes; c = ctypes.CDLL(None, use_errno=True); '
        'print([c.ptrace(16, p, 0, 0) for p in [1, {victim}]])"; gdb -p 1 </dev/null'
    ),
    "keys_of_the_kernel": "cat /proc/keys /proc/key-users; keyctl show",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_secret_is_told_by(tried, attack):
    """Whatever the command prints, nothing of the secret is in it, nor in the whole record."""
    lines = {name: f"({line}\n) 2>&1; echo tried" for name, line in ATTACKS.items()}
    assert "tried" in tried(lines)[attack]["output"]


def test_no_secret_is_told_piece_by_piece(prison):
    """A few letters a call: none of the calls gives any."""
    done = prison.run(*PIECES, max_repeats=20)
    assert all(result["exit_code"] != 0 for result in done.results), done


def test_no_secret_is_told_by_python(prison):
    """The interpreter was not started with our environment either."""
    done = prison.run(
        Call("python", {"code": "import os, sys; print(dict(os.environ), sys.argv, sys.path)"}),
        Call("python", {"code": "import glob; [print(open(p,'rb').read()[:2000]) "
                                "for p in glob.glob('/proc/*/environ')]"}),
        toolsets=["default", "python"],
    )  # fmt: skip
    assert done.outcome == "completed"
    assert "environ" in done.output or "PATH" in done.output


def test_the_workspace_of_another_session_is_not_there(prison):
    """Sessions side by side do not see each other's files, processes or temporary folders."""
    done = prison.run(
        Call(
            "terminal",
            {
                "command": "find / -name secret -not -path '/proc/*' 2>/dev/null; ls -la .. /tmp; "
                "grep -rs 'neigh[b]our' /tmp /workspace /run /var/tmp; ps ax | wc -l; echo tried"
            },
        )
    )
    assert "tried" in done.output
    assert "neighbour" not in done.output
