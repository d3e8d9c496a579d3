"""The process of a worker: how it starts, how it ends, what it holds and what it leaves."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import anyio.lowlevel
import psutil
import pytest

from hermes_run.errors import WorkerError
from hermes_run.workers import process
from hermes_run.workers.link import ORPHANED
from hermes_run.workers.process import how_it_ended, open_worker
from recorder.errors import RunLockedError
from recorder.lock import own

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processes find this very package."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def instead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Let a process run *code* where it should begin to work."""

    def put(code: str) -> None:
        folder = tmp_path / "instead" / "hermes_run"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(folder.parent))
        monkeypatch.chdir(tmp_path)  # what lies in the folder of the tests' own might come first

    return put


@pytest.fixture
def alone() -> Iterator[Callable[[], tuple[subprocess.Popen[bytes], socket.socket]]]:
    """Start a worker whose head is this test."""
    with contextlib.ExitStack() as stack:

        def start() -> tuple[subprocess.Popen[bytes], socket.socket]:
            ours, theirs = socket.socketpair()
            stack.enter_context(ours)
            with theirs:
                typed = [sys.executable, "-m", "hermes_run.workers", str(theirs.fileno())]
                one = subprocess.Popen(typed, pass_fds=[theirs.fileno()])
            stack.callback(one.wait)
            stack.callback(one.kill)
            return one, ours

        yield start


# --- how it ends


def test_a_worker_without_a_head_ends(alone):
    """It has not even begun."""
    worker, end = alone()
    end.close()
    assert worker.wait(PATIENCE_S) == ORPHANED


def test_a_worker_that_is_told_something_else_first_ends(alone):
    """It can't know what to do."""
    worker, end = alone()
    content = pickle.dumps(["what?"])
    end.sendall(struct.pack("<Q", len(content)) + content)
    assert worker.wait(PATIENCE_S) == ORPHANED


async def test_what_is_left_of_a_worker_is_killed_when_the_block_ends():
    """Also where the block raises."""
    pids: list[int] = []

    async def break_off() -> None:
        async with open_worker(None) as worker:
            pids.append(worker.pid)
            raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as raised:
        await break_off()
    assert raised.group_contains(ZeroDivisionError)
    assert not psutil.pid_exists(pids[0])


async def test_a_worker_is_not_left_where_its_start_is_cancelled():
    """There is no moment in which nobody owns it."""
    before = set(psutil.Process().children())
    for pauses in range(12):
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(opened_and_held)
                for _ in range(pauses):
                    await anyio.lowlevel.checkpoint()
                scope.cancel()
    assert set(psutil.Process().children()) == before


async def opened_and_held() -> None:
    """Hold a worker."""
    async with open_worker(None):
        await anyio.sleep_forever()


async def test_a_worker_that_was_killed_says_nothing_more():
    """The head hears that it is gone, and by what it went."""
    async with open_worker(None) as worker:
        os.kill(worker.pid, signal.SIGKILL)
        with anyio.fail_after(PATIENCE_S):
            assert await worker.channel.receive() == []
            ending = await worker.end()
    assert ending.killed
    assert ending.text == "it was killed by SIGKILL"


async def test_a_worker_that_can_not_start_says_why(instead):
    """The last of what it wrote is kept, however much that was."""
    instead("import sys\nsys.stderr.write('x' * 2_000_000)\nraise ImportError('there is no y')")
    async with open_worker(None) as worker:
        with anyio.fail_after(PATIENCE_S):
            assert await worker.channel.receive() == []
            ending = await worker.end()
    assert not ending.killed
    assert ending.text.startswith("it ended with exit code 1: ")
    assert ending.text.endswith("ImportError: there is no y")
    assert len(ending.text) < 9_000


async def test_a_worker_is_gone_although_what_it_has_forked_lives_on(instead, tmp_path):
    """The fork has all that the worker had, also its end of the channel."""
    announced = tmp_path / "forked"
    instead(
        "import os, time\n"
        "if pid := os.fork():\n"
        f"    open({str(announced)!r}, 'w').write(str(pid))\n"
        "    os._exit(5)\n"
        "time.sleep(600)\n"
    )
    try:
        async with open_worker(None) as worker:
            with anyio.fail_after(PATIENCE_S):
                assert await worker.channel.receive() == []
                assert (await worker.end()).text == "it ended with exit code 5"
        assert psutil.pid_exists(int(announced.read_text()))
    finally:
        if announced.exists():
            os.kill(int(announced.read_text()), signal.SIGKILL)


async def test_a_worker_that_does_not_end_is_not_waited_for_for_ever(instead, monkeypatch):
    """It is killed with the block."""
    monkeypatch.setattr(process, "_LEAVE_S", 0.0)
    instead("import time\ntime.sleep(600)")
    async with open_worker(None) as worker:
        assert (await worker.end()).text == "it does not end"
        pid = worker.pid
    assert not psutil.pid_exists(pid)


def test_a_signal_is_named_where_it_has_a_name():
    """Others have numbers."""
    assert how_it_ended(0) == "it ended with exit code 0"
    assert how_it_ended(-signal.SIGSEGV) == "it was killed by SIGSEGV"
    assert how_it_ended(-(signal.SIGRTMIN + 1)) == f"it was killed by signal {signal.SIGRTMIN + 1}"


# --- how it starts


async def test_a_process_that_can_not_be_had_is_a_fault_of_the_machine(monkeypatch):
    """It says what the system said."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(WorkerError, match=r"can't be started: .*No such file"):
        async with open_worker(None):
            pytest.fail("there is no such program")


@pytest.mark.parametrize("is_there", [True, False])
async def test_modules_are_looked_for_where_the_head_looks_for_them(
    monkeypatch, tmp_path, is_there
):
    """What lies in the current folder is no part of the program unless it is of the head's, too."""
    (tmp_path / "anyio.py").write_text("raise SystemExit('the wrong module')")
    monkeypatch.chdir(tmp_path)
    if is_there:
        monkeypatch.syspath_prepend(str(tmp_path))
    async with open_worker(None) as worker:
        worker.channel.send("what?")
        with anyio.fail_after(PATIENCE_S):
            assert await worker.channel.receive() == []
            ending = await worker.end()
    wrong = "it ended with exit code 1: the wrong module"
    assert ending.text == (wrong if is_there else f"it ended with exit code {ORPHANED}")


# --- what it holds

HEAD = """
import signal, sys
from pathlib import Path
import anyio
from hermes_run.workers.process import open_worker
from recorder.lock import descriptor_of, own

async def main():
    async with open_worker(descriptor_of(Path(sys.argv[1]))) as worker:
        print(worker.pid, flush=True)
        await anyio.sleep_forever()

with own(Path(sys.argv[1])):
    anyio.run(main)
"""


def test_while_a_worker_lives_nobody_else_owns_the_run(tmp_path):
    """Also where its head was killed: it may still write to the journal."""
    typed = [sys.executable, "-c", HEAD, str(tmp_path)]
    with subprocess.Popen(typed, stdout=subprocess.PIPE) as head:
        assert head.stdout
        worker = psutil.Process(int(head.stdout.readline()))
        worker.suspend()
        head.kill()
    try:
        with pytest.raises(RunLockedError, match=f"in use by process {head.pid}"), own(tmp_path):
            pytest.fail("a worker is there")
    finally:
        worker.kill()
    assert owned(tmp_path)


def owned(directory: Path) -> bool:
    """Own *directory*, as soon as that can be."""
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        with contextlib.suppress(RunLockedError), own(directory):
            return True
    return False
