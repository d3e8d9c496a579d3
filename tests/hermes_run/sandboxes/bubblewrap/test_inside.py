"""What a command sees from inside: who it is, what is there, and what is not."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import psutil
import pytest

from hermes_run.sandboxes.ownership import UIDS

SECRET = "sk-the-secret-of-the-run"

STATUS = """
import json
lines = open("/proc/self/status").read().splitlines()
print(json.dumps(dict(line.split(":", 1) for line in lines)))
"""

WRITES = """
import json, os
found = {}
for name in ("/", "/usr", "/etc", "/bin", "/dev", "/run", "/run/control", "/var", "/proc",
             "/usr/local/etc", "/workspace", "/tmp", "/dev/shm", "/var/tmp"):
    try:
        with open(name + "/written", "w"):
            found[name] = True
    except OSError:
        found[name] = False
print(json.dumps(found))
"""

SHARED = """
import errno, json
written = 0
try:
    with open("/dev/shm/large", "wb", buffering=0) as file:
        while True:
            written += file.write(bytes(1 << 20))
except OSError as error:
    print(json.dumps([written, errno.errorcode[error.errno]]))
"""


def test_it_is_somebody_of_its_own_on_a_machine_of_its_own(host):
    """The same for everybody, whoever runs it."""
    line = "id -u; id -g; whoami; hostname; cat /etc/hostname; pwd; echo $HOME $USER $MARK; umask"
    said = host.output(line).split("\n")[:7]
    home = "/workspace sandbox of the run"
    assert said == ["1000", "1000", "sandbox", "sandbox", "sandbox", "/workspace", home]


def test_it_has_no_rights_and_gets_none(host):
    """No capability in any set, no new ones by programs, and a filter."""
    status = {name: value.strip() for name, value in host.python(STATUS).items()}
    sets = {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    assert sets == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert status["Groups"] in {"", "1000"} or host.uid == os.getuid()


def test_every_namespace_is_its_own(host):
    """Also that of users, so that its limits are its own."""
    names = ("user", "pid", "net", "ipc", "uts", "mnt", "cgroup")
    said = host.output(f"cd /proc/self/ns && readlink {' '.join(names)}").split()
    ours = [str(Path("/proc/self/ns", name).readlink()) for name in names]
    assert not set(said) & set(ours)
    assert len(said) == len(names)


def test_no_process_of_the_host_is_seen(host):
    """Numbers begin anew, with the supervisor, which nobody inside can kill."""
    said = host.output("kill -9 1; cat /proc/[0-9]*/comm").split()
    assert set(said) <= {"bash", "cat"}


def test_no_program_of_the_host_is_reached_by_way_of_a_process(host):
    """Programs run from mounts of the sandbox: the one that made it may belong to the same user."""
    said = host.output("for one in /proc/[0-9]*; do chmod 4755 $one/exe; done 2>&1").splitlines()
    assert len(said) >= 2
    assert all("Read-only file system" in line or "No such" in line for line in said)


def test_no_environment_holds_what_the_hosts_does(host):
    """Not the command's, not the supervisor's, not the first process's."""
    said = host.output("env; cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'")
    assert SECRET not in said
    assert "OPENAI" not in said
    assert "MARK=of the run" in said
    names = {line.split("=")[0] for line in host.output("env").splitlines()}
    own = {"HOME", "LANG", "MARK", "PATH", "TERM", "TMPDIR", "USER"}
    assert names == own | (names & {"OLDPWD", "PWD", "SHLVL", "_"})


def test_nothing_is_open_but_input_and_output(host):
    """And what is open there are pipes of its own."""
    said = host.output("for n in /proc/$$/fd/*; do readlink $n; done; ls -l /proc/1/fd")
    opened, first = said.split("total 0")
    assert [line for line in opened.split() if "/run/control" not in line] == ["/dev/null"]
    assert set(first.split()) & {"/", "/root", "/home", "/workspace"} == set()
    assert "memfd" not in said


def test_homes_and_secrets_are_not_there(host, tmp_path):
    """Neither anybody's home, nor what of /etc holds keys, nor files beside the workspace."""
    (tmp_path / "secret").write_text(SECRET)
    prefix = Path(sys.base_prefix)
    said = host.output(
        f"cat {tmp_path}/secret; ls -A /home /root; ls /etc/shadow /etc/passwd- /etc/sudoers "
        "/etc/pip.conf /etc/npmrc /etc/ssl/private /etc/gshadow /boot /srv /mnt /media /sys /opt; "
        "ls -A /usr/local/etc; ls -A ~/.ssh; echo end"
    )
    seen = [line for line in said.splitlines() if "No such file" not in line]
    allowed = {"end", "", "/root:", "/home:", *prefix.parts}
    assert set(seen) <= allowed
    assert SECRET not in said


def test_above_the_python_that_runs_us_there_is_nothing_else(host):
    """Only the way to it."""
    parents = list(Path(sys.base_prefix).parents)[:-1]
    if any(str(path) == "/usr" for path in parents) or sys.base_prefix == "/usr":
        pytest.skip("it lies in /usr")
    if host.output(f"test -d {sys.base_prefix} && echo there") != "there\n":
        pytest.skip("it is closed to this user")
    for parent in parents:
        assert len(host.output(f"ls -A {parent}").split()) <= 1
    assert host.output("command -v python3").startswith(sys.base_prefix)


def test_only_its_own_folders_can_be_written(host):
    """And nothing in memory but what has a size."""
    found = host.python(WRITES)
    assert {name for name, written in found.items() if written} == {
        "/workspace",
        "/tmp",
        "/dev/shm",
        "/var/tmp",
    }


def test_what_an_earlier_sandbox_left_is_its_own(host):
    """In the temporary folder, too: a session that goes on finds what it had."""
    assert host.output("cat /tmp/left; echo after >/tmp/left; cat /tmp/left") == "beforeafter\n"


def test_no_bound_of_the_kernel_can_be_raised(host):
    """Not even those of its own namespaces: memory that is in nobody's account hangs on them."""
    said = host.output(
        "find /proc/sys -type f -writable 2>/dev/null | wc -l; cat /proc/sys/kernel/shmmni; "
        "echo 30000 2>&1 >/proc/sys/kernel/shmmni; cat /proc/sys/kernel/hostname"
    ).splitlines()
    assert said[:2] == ["0", "4096"]
    assert said[-2].endswith("Read-only file system")
    assert said[-1] == "sandbox"


def test_no_mount_lets_programs_have_other_rights(host):
    """Nosuid everywhere; devices only as the few that are shown."""
    lines = [line.split() for line in host.output("cat /proc/self/mountinfo").splitlines()]
    for line in lines:
        options = set(line[5].split(","))
        assert "nosuid" in options, line
        assert "nodev" in options or line[4].startswith("/dev/"), line
    writable = {line[4] for line in lines if "rw" in line[5].split(",")}
    few = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}
    own = {"/workspace", "/tmp", "/dev/shm", "/dev/pts", "/proc"}
    assert writable <= few | own


def test_shared_memory_has_an_end(host):
    """A part of what the session may have."""
    written, error = host.python(SHARED, allowance={"memory": 256 * 2**20})
    assert (written, error) == (32 * 2**20, "ENOSPC")


def test_a_process_gets_no_more_memory_than_the_session(host):
    """What it asks for beyond that it does not get; what it only reserves does not count."""
    program = """
import json, mmap
mmap.mmap(-1, 8 << 30, flags=mmap.MAP_PRIVATE | 0x4000, prot=0)
try:
    bytearray(512 << 20)
    print(json.dumps("had"))
except MemoryError:
    print(json.dumps("had not"))
"""
    assert host.python(program, allowance={"memory": 256 * 2**20}) == "had not"


def test_a_session_gets_so_many_processes(host):
    """Counted for it alone, and it goes on afterwards."""
    bomb = "for n in $(seq 200); do sleep 5 & done 2>&1 | grep -c -i resource; true"
    first, second = host.all(bomb, "echo still here", allowance={"processes": 50})
    assert first.output.strip() != b"0"
    assert second.output == b"still here\n"


def test_without_a_network_there_is_a_loopback_of_its_own(host):
    """Nothing that listens on this machine is reached, and what listens inside is."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        program = f"""
import json, socket, threading
found = {{}}
try:
    socket.create_connection(("127.0.0.1", {port}), timeout=5)
    found["host"] = True
except OSError:
    found["host"] = False
server = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=lambda: server.accept()[0].send(b"inside")).start()
found["own"] = socket.create_connection(server.getsockname(), timeout=5).recv(6).decode()
found["names"] = [name for _, name in socket.if_nameindex()]
found["local"] = socket.gethostbyname("localhost")
print(json.dumps(found))
"""
        found = host.python(program)
    assert found == {"host": False, "own": "inside", "names": ["lo"], "local": "127.0.0.1"}
    assert host.output("ls /etc/resolv.conf 2>&1").endswith("No such file or directory\n")


def test_with_a_network_it_is_this_machines(host):
    """And names are looked up as here."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        line = f"exec 3<>/dev/tcp/127.0.0.1/{port} && echo connected; cat /etc/resolv.conf"
        said = host.output(line, allowance={"network": True})
    assert said.startswith("connected\n")
    assert said.removeprefix("connected\n") == Path("/etc/resolv.conf").read_text()


def test_on_this_machine_roots_commands_are_somebody_elses(host):
    """An ordinary user's are the user's own; what they make in the workspace is, too."""
    folder = Path(host.order("sleep 600 & touch made; wait", timeout_s=3.0)["folder"])
    host.wait_for(folder / "workspace" / "made")
    family = psutil.Process(host.process.pid).children(recursive=True)
    uids = {each.uids().real for each in family}
    made = (folder / "workspace" / "made").stat().st_uid
    host.answer()
    assert made in uids
    assert uids <= {made, host.uid}
    assert made in UIDS if host.uid == 0 else made == host.uid
