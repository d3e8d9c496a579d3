"""SIGINT and SIGTERM: what is in flight is drained or cancelled, and always recorded."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from aiohttp import web

from hermes_run.cli.signals import listen
from hermes_run.models.protocol import Reply, Request
from hermes_run.progress.screens import Quiet
from hermes_run.progress.watch import watch
from recorder.reader import fold_journal

ROWS = [{"id": str(number), "prompt": "x"} for number in range(10)]


class Gate:
    """An endpoint that holds its requests until it is told to answer."""

    def __init__(self, answer) -> None:
        self.asked = threading.Semaphore(0)
        self.release = threading.Event()
        self._answer = answer
        self._begun = False

    async def hold_later(self, request: web.Request) -> web.Response:
        """Hold one request, but not the first: before that has its answer no other is sent."""
        if self._begun:
            return await self.hold(request)
        self._begun = True
        return self._answer()

    async def hold(self, _: web.Request) -> web.Response:
        """Hold one request."""
        self.asked.release()
        await anyio.to_thread.run_sync(self.release.wait, abandon_on_cancel=True)
        return self._answer()


@pytest.fixture
def gate(reply):
    """Hold requests; whatever a test leaves waiting is let go."""
    held = Gate(reply)
    yield held
    held.release.set()


def typed(url: str, *more: object) -> list[object]:
    """The options of all runs here."""
    common = ["--model", "m", "--base-url", url, "--no-stream", "--name", "mine"]
    return [*common, "--concurrency", 2, *more]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_drains(process, prompts, serve, gate, rows_of, *, read_until, number):
    """Calls in flight are answered and recorded, no session is begun, the way on is said last."""
    running = process(*typed(serve(gate.hold_later), "--drain-timeout", 60, prompts(*ROWS)))
    for _ in range(2):
        assert gate.asked.acquire(timeout=30)
    running.send_signal(number)
    read_until(running, f"{number.name}: stopping. Calls in flight get 60 s")
    gate.release.set()
    out, err = running.communicate(timeout=30)
    assert running.returncode == 128 + number
    assert out == "runs/mine\n"
    assert "10 sessions: 3 completed + 7 not started" in err
    assert err.endswith("hermes-run resume runs/mine\n")
    assert len(rows_of(out)) == 3


def test_what_is_in_flight_is_cancelled_when_its_time_is_over(
    process, prompts, serve, gate, rows_of
):
    """Sessions that were cut off are on disk, with a row and a reason."""
    running = process(*typed(serve(gate.hold_later), "--drain-timeout", 0, prompts(*ROWS)))
    for _ in range(2):
        assert gate.asked.acquire(timeout=30)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "10 sessions: 1 completed + 2 interrupted + 7 not started" in err
    assert "Traceback" not in err
    sessions = fold_journal_of(out)
    ended = [session.ended for session in sessions if session.ended]
    assert sorted(one.outcome for one in ended) == ["completed", *["interrupted"] * 2]
    assert [one["exit_reason"] for one in rows_of(out, "failed_trajectories.jsonl")] == [
        "SIGINT came"
    ] * 2


def test_the_second_signal_cancels_at_once(process, prompts, serve, gate, rows_of, read_until):
    """However long calls in flight would have got."""
    running = process(*typed(serve(gate.hold_later), "--drain-timeout", 3600, prompts(*ROWS)))
    for _ in range(2):
        assert gate.asked.acquire(timeout=30)
    running.send_signal(signal.SIGTERM)
    read_until(running, "SIGTERM: stopping.")
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 143
    assert "SIGINT: cancelling what is in flight" in err
    assert "2 interrupted + 7 not started" in err
    assert len(rows_of(out, "failed_trajectories.jsonl")) == 2


async def test_the_first_signal_drains_also_what_was_stopping_by_itself(start_run):
    """What is in flight keeps the time that it has; it is the second signal that cancels."""
    asked, said = anyio.Event(), list[str]()

    class Holding:
        async def reply(self, _: Request) -> Reply:
            """Give no reply, ever."""
            asked.set()
            await anyio.sleep_forever()
            raise AssertionError

    opening = start_run([{"prompt": "x"}], Holding(), drain_timeout=3600)
    with anyio.fail_after(20):
        async with opening as run, watch(run, 1, Said(said)) as watching, listen() as signals:
            signals.stop(run, watching)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run.finish)
                await asked.wait()
                run.brake.pull("deadline", "the deadline of 2 s is over")
                os.kill(os.getpid(), signal.SIGINT)
                await until(lambda: said)
                assert run.record.statistics.value().outcomes == {}
                os.kill(os.getpid(), signal.SIGINT)
    assert run.record.statistics.value().outcomes == {"interrupted": 1}
    assert signals.first == signal.SIGINT
    first, second = said
    assert first.startswith("SIGINT: stopping already, as the deadline of 2 s is over. Calls in")
    assert "get at most 3600 s" in first
    assert second == "SIGINT: cancelling what is in flight"


class Said(Quiet):
    """A screen that keeps what is said."""

    def __init__(self, said: list[str]) -> None:
        self._said = said

    def say(self, text: str) -> None:
        """Keep it."""
        self._said.append(text)


async def until(is_true: Callable[[], object]) -> None:
    """Wait until something is true."""
    while not is_true():
        await anyio.lowlevel.checkpoint()


def test_a_signal_before_there_is_a_run_leaves_nothing(process, prompts, serve, gate, tmp_path):
    """The endpoint was still being looked for."""
    running = process(*typed(serve(gate.hold, gate.hold), prompts(*ROWS)))
    assert gate.asked.acquire(timeout=30)
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out, err) == (143, "", "")
    assert not (tmp_path / "runs").exists()


def test_a_call_in_flight_is_cancelled_in_this_process_too(command, prompts, serve, gate):
    """The same, where coverage sees it."""

    async def interrupt(request: web.Request) -> web.Response:
        os.kill(os.getpid(), signal.SIGINT)
        return await gate.hold(request)

    done = command(*typed(serve(interrupt), "--drain-timeout", 0, prompts(*ROWS)))
    assert done.code == 130
    assert "2 interrupted + 8 not started" in done.err
    assert json.loads(Path("runs/mine/statistics.json").read_bytes())["outcomes"] == {
        "interrupted": 2
    }


def fold_journal_of(out: str):
    """The sessions of the run whose directory stands in *out*."""
    return fold_journal(Path(out.strip()) / "journal").sessions.values()
