"""Processes of a run that are killed, stopped, or kill themselves: nothing is lost or paid twice.

Which processes are killed when is drawn from ``HERMES_RUN_KILL_SEED``.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from recorder.events import SessionEnded, SessionResumed
from tests.faults.command.conftest import rows_of

SEED = os.environ.get("HERMES_RUN_KILL_SEED", "0")
RUN = Path("runs/mine")
REPLIES = 2
FOLDERS = ("workspaces", "mirrors", "scratch")


def workers_of(running: subprocess.Popen[str]) -> list[psutil.Process]:
    """Give the workers of a run."""
    children = psutil.Process(running.pid).children()
    return [one for one in children if "hermes_run.workers" in _typed(one)]


def _typed(one: psutil.Process) -> list[str]:
    try:
        return one.cmdline()
    except psutil.Error:
        return []


def gone(processes: list[psutil.Process]) -> bool:
    """Whether all of them have ended, within a minute."""
    return psutil.wait_procs(processes, timeout=60)[1] == []


def hold(run, *more: object, workers: int = 2) -> subprocess.Popen[str]:
    """Begin the run, and let it come to where every session waits for what nobody gives yet.

    Each of two workers has about half of the sessions. No session ends with two replies.
    """
    run.endpoint.give_at_most(REPLIES)
    at_once = len(run.whole.rows) // 2 * 2 + 2
    running = run.begin("--workers", workers, *more, concurrency=at_once)
    endpoint, sessions = run.endpoint, len(run.whole.rows)
    endpoint.wait_until(
        lambda: endpoint.waiting == sessions and endpoint.answered.total() == REPLIES
    )
    return running


def see_end(running: subprocess.Popen[str], code: int = 0) -> str:
    """See the run end by itself, and name its directory; gives what else it said."""
    out, err = running.communicate(timeout=120)
    assert (running.returncode, out) == (code, "runs/mine\n"), err
    return err


def ends_of(past) -> list[str]:
    """How the sessions ended that did."""
    facts = (events[-1] for events in past.sessions.values())
    return [event.outcome for event in facts if isinstance(event, SessionEnded)]


def left_in_folders() -> list[Path]:
    """Name what sessions have left behind."""
    return [path for name in FOLDERS for path in RUN.glob(f"{name}/*")]


def deaths() -> int:
    """Count the workers that died, as the log of the run has it."""
    return (RUN / "run.log").read_text().count("a worker died: it was killed by SIGKILL")


# --- workers are killed


@pytest.mark.slow
def test_workers_may_be_killed_again_and_again(watch, few, sound, left_running, until):
    """Each is replaced, its sessions go on, and the run is as if nothing had been."""
    chance = random.Random(f"{SEED}-workers")
    run = watch(few)
    endpoint = run.endpoint

    def all_wait() -> bool:
        return endpoint.waiting == len(run.whole.rows) - len(rows_of(RUN))

    running = hold(run)
    for number in range(1, 4):
        endpoint.give_at_most(endpoint.answered.total() + chance.randrange(1, 8))
        until(all_wait, running)
        run.look()
        chance.choice(workers_of(running)).kill()
        until(lambda killed=number: deaths() == killed and len(workers_of(running)) == 2, running)
    endpoint.give_at_most()
    see_end(running)
    past = run.check()
    assert past.count(SessionEnded) == dict.fromkeys(run.whole.rows, 1)
    assert left_running() == []
    assert left_in_folders() == []
    sound()


@pytest.mark.slow
def test_a_worker_that_dies_with_everything_in_flight_loses_nothing(watch, few, sound):
    """What was recorded is not asked for again; all that it had goes on in another one."""
    run = watch(few)
    running = hold(run)
    workers = workers_of(running)
    past = run.look()
    assert len(past.replies()) > 0
    for one in workers:
        one.kill()
    run.endpoint.give_at_most()
    see_end(running)
    past = run.check()
    assert set(past.count(SessionResumed)) == set(run.whole.rows)
    assert deaths() == 2
    sound()


# --- the head is killed


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2), (2, 3)])
def test_a_run_whose_head_is_killed_goes_on(watch, few, sound, left_running, before, after):
    """Its workers end at once, and the run goes on in as many processes as one likes."""
    run = watch(few)
    running = hold(run, workers=before)
    workers = workers_of(running)
    assert len(workers) == (before if before > 1 else 0)
    running.kill()
    running.communicate()
    assert gone(workers)
    run.look()
    run.endpoint.give_at_most()
    see_end(run.resume("--workers", after))
    past = run.check()
    assert past.count(SessionEnded) == dict.fromkeys(run.whole.rows, 1)
    assert left_running() == []
    assert left_in_folders() == []
    sound()


# --- signals


@pytest.mark.slow
@pytest.mark.parametrize("send", [os.kill, os.killpg])
def test_a_run_that_was_drained_goes_on(watch, few, read_until, sound, send):
    """The signal comes to the head alone, also where it was sent to its whole group."""
    run = watch(few)
    running = hold(run, "--drain-timeout", 60)
    send(running.pid, signal.SIGINT)
    read_until(running, "SIGINT: stopping.")
    asked = run.endpoint.total
    run.endpoint.give_at_most()
    see_end(running, code=130)
    assert run.endpoint.total == asked
    past = run.look()
    assert len(past.replies()) == len(run.whole.rows) + REPLIES
    assert ends_of(past) == ["interrupted"] * len(run.whole.rows)
    sound()
    see_end(run.resume("--workers", 2))
    run.check()
    sound()


@pytest.mark.slow
def test_a_run_that_was_cancelled_goes_on(watch, few, read_until, sound, left_running):
    """Two signals leave nothing running; all that was in flight is recorded as interrupted."""
    run = watch(few)
    running = hold(run, "--drain-timeout", 3600)
    workers = workers_of(running)
    running.send_signal(signal.SIGINT)
    read_until(running, "SIGINT: stopping.")
    running.send_signal(signal.SIGINT)
    err = see_end(running, code=130)
    assert gone(workers)
    assert left_running() == []
    past = run.look()
    assert ends_of(past) == ["interrupted"] * len(run.whole.rows)
    assert "11 sessions: 11 interrupted + 0 not started" in err
    sound()
    run.endpoint.give_at_most()
    see_end(run.resume("--workers", 2))
    run.check()
    sound()


@pytest.mark.slow
def test_the_sum_balances_where_a_worker_dies_while_all_is_given_up(
    watch, few, read_until, sound, until
):
    """Its sessions have no end, as after a crash; the others are interrupted."""
    run = watch(few)
    running = hold(run, "--drain-timeout", 3600)
    running.send_signal(signal.SIGINT)
    read_until(running, "SIGINT: stopping.")
    first, _ = workers_of(running)
    first.kill()
    until(lambda: deaths() == 1, running)
    running.send_signal(signal.SIGINT)
    err = see_end(running, code=130)
    assert "does not balance" not in err
    past = run.look()
    assert len(past.sessions) == len(run.whole.rows)
    assert 0 < ends_of(past).count("interrupted") <= len(run.whole.rows)
    run.endpoint.give_at_most()
    see_end(run.resume("--workers", 2))
    run.check()
    sound()


@pytest.mark.slow
def test_a_run_may_be_given_up_while_its_workers_are_starting(watch, few, until, sound):
    """They are not waited for, and nothing is left of them."""
    run = watch(few)
    running = run.begin("--workers", 2)
    until(lambda: len(workers_of(running)) == 2, running)
    workers = workers_of(running)
    for _ in range(2):
        running.send_signal(signal.SIGINT)
    see_end(running, code=130)
    assert gone(workers)
    run.look()
    see_end(run.resume())
    run.check()
    sound()
