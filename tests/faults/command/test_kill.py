"""kill -9 at a random moment of a real run, then ``resume``: nothing is lost, nothing paid twice.

``HERMES_RUN_KILL_TRIALS`` says how many moments are tried, ``HERMES_RUN_KILL_SEED`` which ones.
"""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from recorder.events import SessionEnded

TRIALS = int(os.environ.get("HERMES_RUN_KILL_TRIALS", "2"))
SEED = os.environ.get("HERMES_RUN_KILL_SEED", "0")
LONGEST_S = 0.05
"""How long after a reply the process is killed, at most; a turn takes about as long."""


def kill(running, chance: random.Random) -> None:
    """Kill the process, or it and its group, after a random part of a turn."""
    time.sleep(chance.uniform(0, LONGEST_S))  # this is the random moment, nothing is waited for
    (os.killpg if chance.random() < 0.5 else os.kill)(running.pid, signal.SIGKILL)
    running.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("trial", range(TRIALS))
def test_a_killed_run_goes_on_as_if_nothing_had_been(watch, examples, sound, left_running, trial):
    """Every prompt ends once, no recorded reply is asked for again, the rows are the same."""
    chance = random.Random(f"{SEED}-{trial}")
    run = watch(examples)
    running = run.begin()
    run.endpoint.wait_for_replies(chance.randrange(1, len(run.whole.marks)))
    kill(running, chance)
    run.look()
    running = run.resume()
    out, err = running.communicate(timeout=240)
    assert (running.returncode, out) == (0, "runs/mine\n"), err
    past = run.check()
    assert past.count(SessionEnded) == dict.fromkeys(run.whole.rows, 1)
    assert left_running() == []
    sound()


@pytest.mark.slow
@pytest.mark.parametrize("trial", range(max(1, TRIALS // 5)))
def test_a_run_may_be_killed_again_and_again(watch, examples, sound, trial):
    """Resumptions are killed, too; each goes on where the last one was."""
    chance = random.Random(f"{SEED}-again-{trial}")
    run = watch(examples)
    running = run.begin()
    for _ in range(3):
        more = chance.randrange(1, len(run.whole.marks) // 3)
        run.endpoint.wait_for_replies(run.endpoint.answered.total() + more)
        kill(running, chance)
        run.look()
        running = run.resume()
    err = running.communicate(timeout=240)[1]
    assert running.returncode == 0, err
    past = run.check()
    assert past.count(SessionEnded) == dict.fromkeys(run.whole.rows, 1)
    sound()
