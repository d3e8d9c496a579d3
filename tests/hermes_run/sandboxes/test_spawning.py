"""Processes are started from a thread that has few files open."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hermes_run.sandboxes import spawning
from hermes_run.sandboxes.spawning import Spawn, Starter, spawn

MANY = 300


@pytest.fixture(params=["apart", "not allowed"])
def starter(request, monkeypatch) -> Iterator[Starter]:
    """A thread of its own kind, and one where the system allows nothing of the sort."""
    if request.param == "not allowed":
        monkeypatch.setattr(spawning.sys, "platform", "other")
    made = Starter()
    yield made
    made.close()


def run(starter: Starter, line: str, passed: tuple[int, ...] = ()) -> str:
    """Run a line by the shell; gives what it writes."""
    with contextlib.ExitStack() as stack:
        ends = [*os.pipe(), *os.pipe()]
        for each in ends:
            stack.callback(os.close, each)
        awaited, held, words, told = ends
        wanted = Spawn(["/bin/sh", "-c", line], {"A": "b"}, awaited, told, passed)
        process = starter.start(wanted)
        os.write(held, b"given\n")
        assert process.wait(60) == 0
        return os.read(words, 65_536).decode()


def test_a_process_is_where_it_is_to_be_and_has_what_it_is_to_have(starter):
    """Its input, its output, its environment, and a session of its own."""
    said = run(
        starter, 'read -r line; echo "$line $A $(pwd)"; echo $$; cut -d" " -f6 /proc/$$/stat'
    )
    first, process, session = said.splitlines()
    assert first == "given b /"
    assert process == session
    assert "HOME" not in said


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_process_has_the_descriptors_that_are_passed_on_and_no_other(starter, tmp_path):
    """By the same numbers, however many others are open, and whichever they are."""
    path = tmp_path / "passed"
    path.write_text("what was passed on")
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(path.open("rb")) for _ in range(MANY)]
        for file in (files[0], files[1], files[-1]):
            number = file.fileno()
            said = run(starter, f"cat /dev/fd/{number}; echo; echo /proc/self/fd/*", (number,))
            content, opened = said.splitlines()
            assert content == "what was passed on"
            numbers = {int(name.rpartition("/")[2]) for name in opened.split()}
            assert {0, 1, 2, number} <= numbers
            assert len(numbers) <= 5  # and the folder that the shell reads for this


@pytest.mark.skipif(sys.platform != "linux", reason="needs a table for a thread")
def test_no_more_is_copied_and_closed_however_much_is_open(tmp_path):
    """The thread has its first three and its end of the socket, and nothing stays there."""
    starter = Starter()
    if not starter.is_apart:
        pytest.skip("this machine does not allow it")
    with contextlib.closing(starter), contextlib.ExitStack() as stack:
        path = tmp_path / "open"
        path.touch()
        for _ in range(MANY):
            stack.enter_context(path.open())
        for _ in range(3):
            run(starter, "echo")
        assert len(list(Path("/proc/self/fd").iterdir())) > MANY
        there = starter._thread.submit(os.listdir, "/proc/thread-self/fd").result()
        assert len(there) <= 5


def test_what_cannot_be_started_is_told_and_disturbs_nothing(starter):
    """The next one gets what is its own."""
    with Path(os.devnull).open("r+b", buffering=0) as null:
        for _ in range(3):
            with pytest.raises(FileNotFoundError):
                starter.start(Spawn(["/is/not/there"], {}, null.fileno(), null.fileno()))
    assert run(starter, "echo well") == "well\n"


def test_many_may_start_at_once(starter):
    """Nobody gets what was sent for another."""
    with ThreadPoolExecutor(8) as threads:
        said = list(threads.map(lambda n: run(starter, f"echo {n}"), range(40)))
    assert said == [f"{n}\n" for n in range(40)]


def test_one_thread_is_enough_for_a_program():
    """Whoever starts something."""
    assert spawning._starter() is spawning._starter()
    with Path(os.devnull).open("r+b", buffering=0) as null:
        assert spawn(Spawn(["/bin/true"], {}, null.fileno(), null.fileno())).wait(60) == 0
