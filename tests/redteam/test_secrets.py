"""Secrets of the runner: no command sees one, in no spelling, by no way around."""

from __future__ import annotations

import pytest

from tests.redteam.guards import Call

ATTACKS = {
    "the_environment": "env; set; export -p; printenv OPENAI_API_KEY",
    "the_environment_in_base64": "env | base64 -w0; env | rev; env | xxd -p | tr -d '\\n'",
    "the_environment_in_pieces": "for c in 1 2 3 4; do env | cut -c $c-30; done; env | fold -w 7",
    "environments_of_processes": "cat /proc/[0-9]*/environ /proc/*/task/*/environ | tr '\\0' '\\n'",
    "the_first_process": "cat /proc/1/environ /proc/1/cmdline /proc/1/maps | tr '\\0' '\\n'",
    "command_lines": "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; ps axeww",
    "open_files_of_processes": "ls -l /proc/[0-9]*/fd; cat /proc/[0-9]*/fd/* </dev/null & sleep 1",
    "memory_of_processes": (
        "for m in /proc/[0-9]*/mem; do head -c 64 $m; done; "
        "python3 -c \"open('/proc/1/mem','rb').seek(4096)\""
    ),
    "homes": "cat /root/.* /root/*/* /home/*/.* ~/.ssh/* ~/.netrc; ls -la / /root /home",
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
def test_no_secret_is_told_by(prison, attack):
    """Whatever the command prints, nothing of the secret is in it, nor in the whole record."""
    done = prison.run(Call("terminal", {"command": f"({ATTACKS[attack]}) 2>&1; echo tried"}))
    assert done.outcome == "completed"
    assert "tried" in done.output


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
