"""kill -9 at a random moment of a real run, then ``resume``: nothing is lost, nothing paid twice.

``HERMES_RUN_KILL_TRIALS`` says how many moments are tried, ``HERMES_RUN_KILL_SEED`` which ones.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from recorder.events import SessionEnded, SessionStarted

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "prompts.jsonl"
SESSIONS = 64
TRIALS = int(os.environ.get("HERMES_RUN_KILL_TRIALS", "4"))
SEED = os.environ.get("HERMES_RUN_KILL_SEED", "0")
LONGEST_S = 0.05
"""How long after a reply the process is killed, at most; a turn takes about as long."""

RUN = Path("runs/mine")
UNKNOWN = "It is not known whether it took effect"


class Whole(NamedTuple):
    """What the run comes to when nobody disturbs it."""

    rows: dict[str, Any]
    marks: set[str]


@pytest.fixture(scope="module")
def remembered() -> dict[str, Whole]:
    """Keep the undisturbed run for all tests here."""
    return {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give one folder for all runs here: what tools say has the path of the workspace in it."""
    return tmp_path_factory.mktemp("kill")


@pytest.fixture
def whole(remembered, new_endpoint, finish, rows_of, folder, monkeypatch) -> Whole:
    """Run the examples undisturbed, once."""
    monkeypatch.chdir(folder)
    if not remembered:
        endpoint = new_endpoint()
        done = finish(*begin(endpoint))
        assert done.code == 0, done.err
        remembered["whole"] = Whole(rows_of(RUN), set(endpoint.asked))
        assert len(remembered["whole"].rows) == SESSIONS
        assert set(endpoint.asked.values()) == {1}
    shutil.rmtree("runs", ignore_errors=True)
    return remembered["whole"]


def begin(endpoint) -> list[object]:
    """What is typed to begin the run."""
    where = ["--model", "m", "--base-url", endpoint.url, "--name", RUN.name]
    return [*where, "--concurrency", 32, "--progress", "none", EXAMPLES]


def kill(running, chance: random.Random) -> None:
    """Kill the process, or it and its group, after a random part of a turn."""
    time.sleep(chance.uniform(0, LONGEST_S))  # this is the random moment, nothing is waited for
    (os.killpg if chance.random() < 0.5 else os.kill)(running.pid, signal.SIGKILL)
    running.communicate()


class Killed:
    """A run that is killed again and again, and what is always true of it."""

    def __init__(self, endpoint, process, past_of, rows_of) -> None:
        self.endpoint = endpoint
        self.kills = 0
        self._process = process
        self._past_of, self._rows_of = past_of, rows_of
        self._pasts: list[Any] = []
        self._asked: list[dict[str, int]] = []

    def start(self, *typed: object):
        """Begin the run; or go on with it, where something is typed."""
        return self._process(*(typed or begin(self.endpoint)))

    def look(self) -> None:
        """Note what is on disk after a kill; what has a row has an end in the journal."""
        self.kills += 1
        past = self._past_of(RUN)
        ends = past.count(SessionEnded)
        assert all(ends[name] == 1 for name in self._rows_of(RUN))
        # A reply that is recorded was asked for before, whatever is still on its way to the server.
        self._asked.append({mark: self.endpoint.asked[mark] for mark in past.replies()})
        self._pasts.append(past)

    def check(self, whole: Whole) -> None:
        """See that the run is finished as if it had never been killed."""
        past = self._past_of(RUN)
        assert past.count(SessionStarted) == past.count(SessionEnded)
        assert set(past.count(SessionEnded).values()) == {1}
        assert all(before.missing_from(past) == [] for before in self._pasts)
        for asked in self._asked:
            again = {mark for mark, count in asked.items() if self.endpoint.asked[mark] != count}
            assert again == set(), "recorded replies were asked for again"
        assert max(self.endpoint.asked.values()) <= 1 + self.kills
        rows = self._rows_of(RUN)
        told = {name for name, row in rows.items() if UNKNOWN in str(row["conversations"])}
        assert rows.keys() == whole.rows.keys()
        assert differences(without(rows, told), without(whole.rows, told)) == []
        assert told or self.endpoint.asked.keys() == whole.marks


def without(rows: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Leave out sessions: a turn that was cut after one of its calls had changed the workspace.

    The model is told that nobody knows what the others did, and goes its own way from there.
    """
    return {name: row for name, row in rows.items() if name not in names}


def differences(rows: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Name what is not alike: sessions that have a row in one only, and fields."""
    fields = (
        (name, key)
        for name in rows.keys() & wanted.keys()
        for key in wanted[name]
        if rows[name].get(key) != wanted[name][key]
    )
    return [
        *(rows.keys() ^ wanted.keys()),
        *(f"{name} {key}: {first(rows[name][key], wanted[name][key])}" for name, key in fields),
    ]


def first(one: Any, other: Any) -> str:
    """Show where two values begin to differ."""
    both = list(zip(one, other, strict=False)) if isinstance(one, list) else []
    here, there = next((pair for pair in both if pair[0] != pair[1]), (one, other))
    return f"{str(here)[:400]} is not {str(there)[:400]}"


@pytest.fixture
def killed(endpoint, process, past_of, rows_of) -> Killed:
    """Watch one run."""
    return Killed(endpoint, process, past_of, rows_of)


@pytest.mark.slow
@pytest.mark.parametrize("trial", range(TRIALS))
def test_a_killed_run_goes_on_as_if_nothing_had_been(
    whole, killed, finish, command, left_running, trial
):
    """Every prompt ends once, no recorded reply is asked for again, the rows are the same."""
    chance = random.Random(f"{SEED}-{trial}")
    running = killed.start()
    killed.endpoint.wait_for_replies(chance.randrange(1, len(whole.marks)))
    kill(running, chance)
    killed.look()
    done = finish("resume", RUN, "--progress", "none")
    assert done.code == 0, done.err
    killed.check(whole)
    assert left_running(RUN) == []
    status, verify = command("status", RUN), command("verify", RUN)
    assert (status.code, status.err) == (0, "")
    assert "64 completed, 0 not ended" in status.out
    assert verify.code == 0, verify.out


@pytest.mark.slow
@pytest.mark.parametrize("trial", range(max(1, TRIALS // 5)))
def test_a_run_may_be_killed_again_and_again(whole, killed, command, trial):
    """Resumptions are killed, too; each goes on where the last one was."""
    chance = random.Random(f"{SEED}-again-{trial}")
    running = killed.start()
    for _ in range(3):
        more = chance.randrange(1, len(whole.marks) // 3)
        killed.endpoint.wait_for_replies(killed.endpoint.answered.total() + more)
        kill(running, chance)
        killed.look()
        running = killed.start("resume", RUN, "--progress", "none")
    out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert out == f"{RUN}\n"
    killed.check(whole)
    verify = command("verify", RUN)
    assert verify.code == 0, verify.out
