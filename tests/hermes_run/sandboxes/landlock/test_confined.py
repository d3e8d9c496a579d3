"""What stands outside of the wall: the keeper, what it counts and what it grants."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from hermes_run.sandboxes.confined.family import descendants
from hermes_run.sandboxes.confined.grant import Census
from hermes_run.sandboxes.confined.restrict import restrict
from hermes_run.sandboxes.confined.spec import Spec
from hermes_run.sandboxes.confined.start import FAILED, main
from hermes_run.sandboxes.landlock_rules import CHANGES, STARTS, granted, rules
from hermes_run.sandboxes.seccomp import program
from hermes_run.sandboxes.syscalls import ARCHITECTURES


def in_a_child(work: Callable[[], int], stdin: int | None = None) -> int:
    """Do *work* in a process of its own and give its exit code."""
    with warnings.catch_warnings():
        # Threads of other tests may be there; the child does not need them.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 99
    try:
        if stdin is not None:
            os.dup2(stdin, 0)
        code = work()
    finally:
        os._exit(code)


@pytest.fixture
def spec(tmp_path, wall) -> Spec:
    """Say how something is started that may write anywhere, as coverage wants to."""
    machine = os.uname().machine
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    os.mkfifo(tmp_path / "over")
    return Spec(
        abi=wall._abi,
        paths={"read": ["/", "/not/there"], "write": ["/"], "talk": ["/dev/null"]},
        network=False,
        uid=None,
        limits={"4": 0, "7": 2**40},
        folder=str(workspace),
        filter=program(machine, rules(networked=False, shared=True)).hex(),
        calls={str(number): name for number, name in granted(machine).items()},
        roots=[str(workspace)],
        processes=50,
        over=str(tmp_path / "over"),
    )


@pytest.fixture
def started(spec):
    """Start a shell with a line, and give its exit code; its input is open until then."""

    def start(line: str, *, closed: bool = False) -> int:
        reading, writing = os.pipe()
        over = os.open(spec["over"], os.O_RDONLY | os.O_NONBLOCK)

        def work() -> int:
            if not closed:
                os.close(writing)
            return main(spec, ["/bin/sh", "-c", line])

        if closed:
            os.close(writing)
        code = in_a_child(work, reading)
        assert os.read(over, 1) == b""
        for descriptor in (reading, over) if closed else (reading, writing, over):
            os.close(descriptor)
        return code

    return start


def test_the_exit_code_is_that_of_the_supervisor(started):
    """Also where it dies of a signal."""
    assert started("exit 7") == 7
    assert started("kill -KILL $$") == 137


def test_changes_are_granted_in_the_folders_of_the_session(started, spec, tmp_path):
    """By paths of every kind, and to nothing else."""
    secret = tmp_path / "secret"
    secret.write_text("")
    secret.chmod(0o644)
    folder = spec["folder"]
    lines = [
        "touch a b; mkdir d; ln -s ../secret l; chmod 711 a || exit 1",
        f"chmod 712 {folder}/b || exit 2; cd d; chmod 701 ../a || exit 3; cd ..",
        "touch -d @7 a || exit 4; touch -h -d @7 l || exit 5; chmod -R 750 d || exit 6",
        f"touch -d @9 {folder}/b || exit 13; chmod u+s a; test -u a && exit 14",
        f"chmod 777 ../secret && exit 7; chmod 777 {secret} && exit 8; chmod 777 l && exit 9",
        "touch -d @7 ../secret && exit 10; chmod 777 missing && exit 11; chmod 777 / && exit 12",
        "exit 0",
    ]
    assert started("\n".join(lines)) == 0
    found = {path.name: path.lstat() for path in Path(folder).iterdir()}
    modes = {name: oct(each.st_mode & 0o7777) for name, each in found.items()}
    assert modes == {"a": "0o701", "b": "0o712", "d": "0o750", "l": "0o777"}
    assert [found[name].st_mtime for name in ("a", "b", "l")] == [7, 9, 7]
    assert secret.stat().st_mode & 0o777 == 0o644
    assert secret.stat().st_mtime > 7


def test_where_the_input_ends_everything_does(started):
    """The host has let go of the session, or is gone."""
    assert started("sleep 600 & setsid sleep 600", closed=True) == 137


def test_what_a_supervisor_leaves_is_ended(started, spec):
    """It is looked for by its parents."""
    assert started("setsid sleep 600 & echo $! >pid; exit 3") == 3
    pid = int(Path(spec["folder"], "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_wall_that_cannot_be_put_up_ends_it(spec, started, capfd):
    """And it says why."""
    spec["folder"] = "/not/there"
    assert started("exit 0") == FAILED
    assert "the wall can't be put up: [Errno 2]" in capfd.readouterr().err


def test_nobody_who_reads_the_fifo_is_an_error(spec):
    """Then nobody could tell when all is over."""
    with pytest.raises(OSError, match="No such device") as caught:
        main(spec, ["/bin/true"])
    assert caught.value.errno == errno.ENXIO


def test_a_process_restricts_itself(spec, tmp_path):
    """It stands in its folder and can write nowhere else."""
    spec["calls"] = {}
    spec["filter"] = program(os.uname().machine, rules(networked=False, shared=False)).hex()
    spec["paths"]["write"] = [str(tmp_path), str(Path.cwd()), "/dev/null"]
    outside = Path("/var/tmp") / f"landlock-test-{os.getpid()}"

    def work() -> int:
        restrict(spec)
        if Path.cwd() != Path(spec["folder"]):
            return 1
        try:
            outside.write_text("x")
        except PermissionError:
            return 0
        return 2

    assert in_a_child(work) == 0
    assert not outside.exists()


def test_descendants_are_counted_with_their_threads():
    """A process that has ended is none, even if nobody has taken note of that."""
    with subprocess.Popen(["sh", "-c", "sleep 600 & echo; wait"], stdout=subprocess.PIPE) as shell:
        assert shell.stdout
        shell.stdout.readline()
        family = [shell.pid, *(each.pid for each in psutil.Process(shell.pid).children())]
        found = descendants()
        for pid in family:
            os.kill(pid, signal.SIGKILL)
        assert [found.get(pid) for pid in family] == [1, 1]
        assert os.getpid() not in found
        os.waitid(os.P_PID, shell.pid, os.WEXITED | os.WNOWAIT)
        assert shell.pid not in descendants()


def test_a_census_is_taken_anew_when_there_seem_too_many(monkeypatch):
    """Those that have ended meanwhile make room, and who is refused waits for the next one."""
    census = Census(len(descendants()) + 3)
    for _ in range(10):  # none of them is there any more
        census.count()
    census = Census(0)
    for _ in range(2):
        with pytest.raises(OSError, match="enough") as caught:
            census.count()
        assert caught.value.errno == errno.EAGAIN
    later = time.monotonic() + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    with pytest.raises(OSError, match="enough"):
        census.count()


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize("networked", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_there_are_rules_for_every_machine(machine, networked, shared):
    """A program is made of them, and all calls that are left to the keeper have a number."""
    assert len(program(machine, rules(networked=networked, shared=shared))) % 8 == 0
    names = set(granted(machine).values())
    assert names <= {*CHANGES, *STARTS}
    assert {"clone", "fchmodat", "utimensat"} <= names
