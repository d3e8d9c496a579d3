"""What one more turn of a session costs does not depend on how many it has had."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.guards import running
from tests.guards.counting import Work, count, grown

LIMITS: dict[str, Any] = {
    "max_turns": None,
    "max_tokens": 10**12,
    "max_session_cost_usd": 1e12,
    "session_timeout": 86_400.0,
    "working_time": 86_400.0,
}
"""Every bound that is looked at before a request, and none that is reached."""

FACTS_A_TURN = 3
"""A reply, a call that started, and one that returned."""


def work_of(tmp_path: Path, sizes: tuple[int, ...], model: type[running.Working], **given: Any):
    """Count what a session of so many turns takes, for each of *sizes*."""
    calls = given.pop("calls", None)
    kinds = {"calls": calls} if calls else {}
    running.run(
        tmp_path / "first", model(2, **kinds), **given
    )  # what is loaded once is not counted
    works: dict[int, Work] = {}
    for turns in sizes:
        work = partial(running.run, tmp_path / str(turns), model(turns, **kinds), **given)
        works[turns] = count(work)
    return works


def test_the_thousandth_turn_costs_what_the_tenth_did(tmp_path: Path):
    """Nothing goes through the turns before; each message is written, each fact hashed, once."""
    works = work_of(tmp_path, (10, 100, 1000), running.Working, **LIMITS)
    assert grown(works) == {}
    for turns, work in works.items():
        # It starts, answers at last, and ends; its tools are declared.
        assert work.calls["crc32"] == FACTS_A_TURN * (turns - 1) + 4
    assert works[1000].calls["openssl_sha256"] == works[10].calls["openssl_sha256"]


KINDS: dict[str, tuple[type[running.Working], dict[str, Any]]] = {
    "tokens are counted here": (running.Uncounted, {}),
    "calls are written into the text": (running.Writing, {"tool_dialect": "hermes"}),
    "tokens are captured": (running.Captured, {"capture_tokens": "vllm"}),
    "every attempt is the second": (running.Failing, {"retry_base": 0.0}),
    "every fact waits for the disk": (running.Working, {"sync": "event"}),
    "calls fail": (running.Working, {"calls": "break_off"}),
    "calls change the workspace": (running.Working, {"calls": "write_down"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_turn_costs_the_same_however_it_comes_about(tmp_path: Path, kind: str):
    """What is done for some sessions only does not go through the turns before either."""
    model, options = KINDS[kind]
    works = work_of(tmp_path, (10, 40, 160), model, **LIMITS, **options)
    assert grown(works) == {}
