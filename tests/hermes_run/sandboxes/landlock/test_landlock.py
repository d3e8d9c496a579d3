"""What a command behind Landlock may do, and what it may not."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from pathlib import Path

import pytest

from hermes_run.errors import SandboxError, UsageError
from hermes_run.sandboxes.landlock import Landlock, check_kernel, landlock_wall
from hermes_run.sandboxes.probing import probe
from hermes_run.sandboxes.wall import Allowance, Site
from tests.hermes_run.sandboxes.landlock.places import made_site, python_for_everybody, run

PYTHON = "/usr/bin/python3"
needs_python = pytest.mark.skipif(not Path(PYTHON).exists(), reason=f"needs {PYTHON}")


def python(*lines: str) -> str:
    """Write a command that runs a program in Python."""
    text = "\n".join(["import os, socket", *lines])
    return f"{PYTHON} -I -c '{text}'"


async def test_the_wall_holds(wall, site):
    """Nothing of what is tried gets through, whoever its processes are."""
    assert (await probe(wall, site.folder.parent, networked=False)).faults == ()


@pytest.mark.parametrize(
    ("line", "output"),
    [
        ("echo hello >file && cat file", "hello\n"),
        ("mkdir -p a/b && mv a c && rm -r c && ls", ""),
        ("mkdir d e && echo x >d/f && ln d/f e/g && mv d/f e/f && ls e", "f\ng\n"),
        ("touch f && chmod 751 f && stat -c %a f", "751\n"),
        ("mkdir d && cd d && touch f && chmod 700 ../d/f && stat -c %a f", "700\n"),
        ("touch f && touch -d @7 f && stat -c %Y f", "7\n"),
        ("ln -s missing l && touch -h -d @7 l && stat -c %Y l", "7\n"),
        ("echo x >f; cp -p f g && stat -c %a f g | uniq | wc -l", "1\n"),
        ("printf '#!/bin/sh\\necho run' >p; chmod +x p; ./p", "run\n"),
        ("cat <(echo one) - <<<two", "one\ntwo\n"),
        ("echo gone >/dev/null; head -c 3 /dev/urandom | wc -c", "3\n"),
        ('f=$(mktemp) && echo "${f%/*}" && rm "$f"', "TEMPORARY\n"),
        ("pwd; echo $HOME", "ROOT\nROOT\n"),
        ("sh -c 'exit 3' || echo $?", "3\n"),
        ("nice -n 1 true && ulimit -c && (ulimit -n 100; ulimit -n)", "0\n100\n"),
        ("yes | head -n 1", "y\n"),
        ("mkfifo p && (echo x >p & cat p)", "x\n"),
    ],
)
async def test_a_command_may_work(line, output, sandbox, site):
    """Files of the workspace, pipes, devices that hold nothing, programs of the machine."""
    finished = await run(sandbox, line)
    expected = output.replace("ROOT", str(site.folder)).replace("TEMPORARY", f"{site.scratch}/tmp")
    assert (finished.output.decode(), finished.exit_code) == (expected, 0)


OUTSIDE = (
    *("cat SECRET", "cp SECRET .", "mv SECRET .", "ln SECRET hard", "rm SECRET"),
    *("ln -s SECRET l; cat l", "ln -s SECRET l; echo x >>l", "echo x >>SECRET"),
    *("ln -s SECRET l; chmod 777 l", "ln -s BESIDE d; chmod 777 d/secret"),
    *("chmod 777 SECRET", "chmod 777 ../secret", "chmod 777 /usr/bin/env", "chown 1 SECRET"),
    *("touch -d @7 SECRET", "touch -h -d @7 SECRET", "truncate -s 0 SECRET"),
    *("ls BESIDE", "ls /", "ls /proc", "ls /root", "echo x >BESIDE/made", "mkdir BESIDE/made"),
    *("cat /proc/PID/environ", "cat /proc/PID/cmdline", "cat /proc/self/status"),
    *("cat /etc/shadow", "ls /usr/local/etc", "echo x >/dev/shm/x", "echo x >/tmp/x"),
    *("echo x >/usr/x", "cat /dev/tty", "cat /dev/sda", "mknod n b 8 0", "mount -t proc p ."),
    *("kill -9 PID", "kill -URG PID", "kill -URG -- -PID", "renice -n 5 -p PID"),
    *("prlimit --pid PID --nofile=9", "taskset -p 1 PID"),
    *("unshare -r true", "unshare -m true", "chroot . true", "setpriv --reuid 0 true"),
    *("ipcmk -M 10", "ipcmk -Q", "ipcmk -S 1", "chmod u+s /usr/bin/env"),
)
"""Commands that must fail: SECRET is a file, BESIDE its folder, PID a process."""


async def test_a_command_may_not_reach_outside(sandbox, site, other):
    """It fails, and nothing outside has changed."""
    beside = site.folder.parent
    secret = beside / "secret"
    before = secret.stat()
    told = {"SECRET": str(secret), "BESIDE": str(beside), "PID": str(other.pid)}
    for line in OUTSIDE:
        for name, value in told.items():
            line = line.replace(name, value)  # noqa: PLW2901 - what is in it is filled in
        finished = await run(sandbox, f"mkdir own; cd own; {line}")
        assert finished.exit_code not in {0, None}, (line, finished.output)
        assert b"the secret" not in finished.output, line
        assert secret.read_text() == "the secret\n", line
        assert unchanged(before, secret.stat()), line
        assert other.poll() is None, line
        await run(sandbox, "rm -rf own")
    status = Path(f"/proc/{other.pid}/status").read_text()
    assert os.sched_getaffinity(other.pid) == os.sched_getaffinity(0)
    assert os.getpriority(os.PRIO_PROCESS, other.pid) == 0
    assert "ShdPnd:\t0000000000000000" in status
    assert not (beside / "made").exists()


def unchanged(before: os.stat_result, after: os.stat_result) -> bool:
    """Tell whether a file has the mode, the owner, the links and the time that it had."""
    fields = ("st_mode", "st_uid", "st_nlink", "st_mtime_ns")
    return all(getattr(before, name) == getattr(after, name) for name in fields)


CALLS = (
    *("socket.socket(socket.AF_INET)", "socket.socket(socket.AF_INET6)"),
    *("socket.socket(socket.AF_INET, socket.SOCK_DGRAM)", "socket.socket(socket.AF_UNIX)"),
    *("socket.socket(socket.AF_NETLINK)", "socket.socket(40)"),
    "socket.socketpair(type=socket.SOCK_DGRAM)",
    'os.fchmod(os.open("/usr/bin/env", 0), 0o777)',
    'os.utime(os.open("/usr/bin/env", 0))',
    'os.chmod("/proc/self/fd/0", 0o777)',
    'os.chmod("x" * 5000, 0o777)',
    'os.setxattr("/usr/bin/env", "user.x", b"y")',
    'os.memfd_create("x")',
    "os.setuid(1)",
    "os.kill(1, 0)",
)

SHARED_CALLS = (
    'os.open("made", os.O_CREAT | os.O_WRONLY, 0o4755)',
    'os.mknod("made", 0o104755)',
    "os.setpriority(os.PRIO_USER, 0, 1)",
)
"""These change nothing for others where the uid is nobody else's."""


@needs_python
async def test_a_program_may_not_either(sandbox, site):
    """By system calls that no program of the shell has."""
    shared = site.folder.stat().st_uid == os.geteuid()
    for call in (*CALLS, *SHARED_CALLS) if shared else CALLS:
        finished = await run(sandbox, python(call, 'print("done")'))
        assert b"done" not in finished.output, call
        assert b"Error: [Errno" in finished.output, (call, finished.output)


async def test_nobody_has_a_capability(sandbox):
    """Root's sessions neither."""
    finished = await run(sandbox, "setpriv --dump")
    if b"not found" in finished.output:
        pytest.skip("needs setpriv")
    text = finished.output.decode()
    assert "Capability bounding set: [none]" in text
    assert "Inheritable capabilities: [none]" in text
    assert "no_new_privs: 1" in text


async def test_the_environment_is_clean(sandbox, monkeypatch):
    """Keys of whoever runs it are not there."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    names = (await run(sandbox, "env | cut -d= -f1 | sort")).output.decode().split()
    assert set(names) <= {
        *("GIT_CONFIG_NOSYSTEM", "HOME", "LANG", "OLDPWD", "PATH", "PWD", "SHLVL", "TERM"),
        *("TMPDIR", "USER", "_"),
    }


async def test_git_works(sandbox):
    """It writes, locks and renames a lot."""
    finished = await run(sandbox, "git init -q . && git add -A && git status --short && echo done")
    if finished.exit_code == 127:
        pytest.skip("needs git")
    assert finished.output == b"done\n"


async def test_file_tools_work(sandbox, site):
    """What they write a command can change, and the other way round."""
    await sandbox.write("folder/file", b"one\n")
    finished = await run(sandbox, "echo two >>folder/file; echo three >other; cat folder/file")
    assert finished.output == b"one\ntwo\n"
    assert await sandbox.read("other", 100) == b"three\n"
    with pytest.raises(OSError, match="leads out"):
        await sandbox.read(f"{site.folder}/../secret", 100)


@needs_python
async def test_with_a_network_there_are_ports_and_no_socket_files(wall, site):
    """A port of this machine can be connected to; what is a file still can't."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        contextlib.closing(socket.socket(socket.AF_UNIX)) as other,
    ):
        other.bind(str(site.folder.parent / "socket"))
        other.listen()
        lines = [
            f'socket.create_connection(("127.0.0.1", {server.getsockname()[1]}))',
            'print("connected", flush=True)',
            f'socket.socket(socket.AF_UNIX).connect("{site.folder.parent}/socket")',
            'print("done")',
        ]
        async with landlock_wall(Allowance(network=True)).open(site) as sandbox:
            finished = await run(sandbox, python(*lines))
    assert finished.output.startswith(b"connected\n")
    assert b"done" not in finished.output


async def test_an_image_is_for_containers_only(wall, site):
    """A row that names one is refused."""
    asked = Site(folder=site.folder, scratch=site.scratch, image="debian")
    with pytest.raises(UsageError, match="--sandbox landlock has not"):
        wall.open(asked)


async def test_an_older_landlock_is_not_enough_for_the_uid_of_others(wall):
    """Its processes could be signalled."""
    with made_site(reachable=False) as site, pytest.raises(SandboxError, match=r"Linux 6\.12"):
        async with Landlock(Allowance(), abi=5).open(site):
            pytest.fail("it must not open")


@pytest.mark.root
@pytest.mark.parametrize("abi", [3, 4, 5])
async def test_an_older_landlock_is_enough_for_a_uid_of_its_own(abi, wall):
    """The system's permissions and the filter do the rest."""
    lines = [
        "cat ../secret",
        f"kill -URG {os.getpid()}",
        "echo x >../made",
        "echo x >/dev/tcp/127.0.0.1/9",
        python("socket.socket(socket.AF_UNIX)"),
    ]
    with made_site(reachable=True) as site:
        async with Landlock(Allowance(), abi=abi).open(site) as sandbox:
            for line in lines:
                finished = await run(sandbox, line)
                assert finished.exit_code not in {0, None}, line
                assert b"denied" in finished.output or b"not permitted" in finished.output
            assert (await run(sandbox, "echo x >made && cat made")).output == b"x\n"


@pytest.mark.root
def test_an_ordinary_user_has_it_too(wall):
    """The wall holds without any right of root's."""
    found = python_for_everybody()
    if found is None:
        pytest.skip("there is no Python that everybody can start")
    program, path = found
    text = (
        "import anyio, sys; from pathlib import Path\n"
        "from hermes_run.sandboxes.landlock import landlock_wall\n"
        "from hermes_run.sandboxes.probing import probe\n"
        "from hermes_run.sandboxes.wall import Allowance, Site\n"
        "from hermes_run.sandboxes.protocol import Command\n"
        "async def main(folder):\n"
        "    wall = landlock_wall(Allowance())\n"
        "    print((await probe(wall, folder, networked=False)).faults)\n"
        "    async with wall.open(Site(folder / 'workspace', folder / 'scratch')) as sandbox:\n"
        "        line = 'touch f && chmod 700 f && id -u; chmod 777 ../secret; cat ../secret'\n"
        "        print((await sandbox.run(Command(line, 50, 10000))).output.decode())\n"
        "anyio.run(main, Path(sys.argv[1]))\n"
    )
    with made_site(reachable=True) as site:
        beside = site.folder.parent
        for folder in (beside, site.folder, site.scratch, beside / "secret"):
            os.chown(folder, 65534, 65534)
        done = subprocess.run(
            [program, "-B", "-c", text, str(beside)],
            check=False,
            capture_output=True,
            text=True,
            env={"PYTHONPATH": path, "PATH": os.environ["PATH"]},
            user=65534,
            group=65534,
            extra_groups=[],
            cwd=beside,
            timeout=240,
        )
        mode = (beside / "secret").stat().st_mode
    assert done.stderr == ""
    assert done.stdout.startswith("()\n65534\n")
    assert done.stdout.count("Operation not permitted") == 1
    assert done.stdout.count("Permission denied") == 1
    assert mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("abi", "machine", "said"),
    [
        (0, "x86_64", r"this kernel has no Landlock, and it takes 3 \(Linux 6\.2\)"),
        (2, "x86_64", "this kernel has Landlock of version 2"),
        (7, "riscv64", "knows x86_64 and aarch64, this is riscv64"),
    ],
)
def test_a_kernel_that_will_not_do_is_refused(abi, machine, said):
    """By what it lacks."""
    check_kernel(3, "aarch64")
    with pytest.raises(SandboxError, match=said):
        check_kernel(abi, machine)


async def test_folders_that_cannot_be_prepared_break_the_sandbox(wall, site):
    """The machine's fault, in a sentence."""
    site.scratch.rmdir()
    with pytest.raises(SandboxError, match="the folders of a session can't be prepared"):
        async with wall.open(site):
            pytest.fail("it must not open")
