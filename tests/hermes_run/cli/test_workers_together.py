"""What is one for all workers of a run: its endpoint, its rates, its budget, and its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from aiohttp import web

ROWS = [{"id": f"row-{number}", "prompt": "What is love?"} for number in range(12)]
TWO = ("--workers", 2, "--concurrency", 8)


def counting(came: list[float], reply: Callable[[], web.Response]) -> Any:
    """Answer, and take down when each request came."""

    async def answer(_: web.Request) -> web.Response:
        came.append(time.monotonic())
        return reply()

    return answer


def refused(status: int, code: str) -> Callable[[], web.Response]:
    """Refuse everybody."""
    return lambda: web.json_response({"error": {"message": "no", "code": code}}, status=status)


def test_a_wrong_key_costs_one_request(command, prompts, serve, sound):
    """Of all sessions in all processes."""
    came: list[float] = []
    url = serve(counting(came, refused(401, "invalid_api_key")))
    done = command("--model", "m", "--base-url", url, "--name", "mine", *TWO, prompts(*ROWS))
    assert done.code == 4, done.err
    assert len(came) == 1
    assert " + 1 model_error + " in done.err
    assert " completed" not in done.err
    sound("runs/mine")


@pytest.mark.slow
def test_requests_a_minute_are_those_of_all_processes_together(command, prompts, serve, reply):
    """Never more than that many in as much time, but for a second's worth at once."""
    came: list[float] = []
    url = serve(counting(came, reply))
    typed = ["--model", "m", "--base-url", url, "--no-stream", "--name", "mine", "--rpm", 240]
    done = command(*typed, *TWO, prompts(*ROWS, *({**row, "id": f"{row['id']}b"} for row in ROWS)))
    assert done.code == 0, done.err
    assert len(came) == 24
    at_once, a_second, late = 4, 4, 2  # as the last may come in time and the first late
    assert len(came) <= at_once + a_second * (came[-1] - came[0]) + late


def test_an_endpoint_that_wants_less_at_once_gets_less_from_all_of_them(
    command, prompts, serve, reply, sound
):
    """It refuses what is more than two; what is refused is tried again."""
    now = {"in": 0, "most": 0}

    async def answer(request: web.Request) -> web.Response:
        now["in"] += 1
        now["most"] = max(now["most"], now["in"])
        try:
            await request.read()
            return reply() if now["in"] <= 2 else refused(429, "rate_limit_exceeded")()
        finally:
            now["in"] -= 1

    typed = ["--model", "m", "--base-url", serve(answer), "--no-stream", "--name", "mine"]
    done = command(*typed, "--max-connections", 2, *TWO, prompts(*ROWS))
    assert done.code == 0, done.err
    assert now["most"] <= 2
    sound("runs/mine")


def test_what_a_run_may_cost_is_for_all_of_them(
    command, prompts, calling, sound, tmp_path, written
):
    """When it is used up nobody asks any more; what is begun is interrupted."""
    (tmp_path / "prices.toml").write_text("[m]\ninput = 1000000\noutput = 1000000\n")
    typed = ["--model", "m", "--base-url", calling("terminal", command="true")]
    typed += ["--no-stream", "--name", "mine", "--prices", "prices.toml", "--max-cost-usd", 1]
    done = command(*typed, *TWO, prompts(*ROWS))
    assert done.code == 5, done.err
    assert "the budget of $1 is used up" in done.err
    assert len(written("runs/mine", "failed_trajectories.jsonl")) > 0
    sound("runs/mine")


def test_a_run_may_end_when_most_sessions_have(command, prompts, serve, reply, sound, written):
    """In whichever process they were; the others are given up when their time is over."""
    slow_is_there, answered = anyio.Event(), 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal answered
        if "slow" in (await request.json())["messages"][-1]["content"]:
            slow_is_there.set()
            await anyio.sleep_forever()
        answered += 1
        if answered > 1:  # the first is answered at once, so that more may be asked
            with anyio.move_on_after(20):
                await slow_is_there.wait()
        return reply()

    rows = [*ROWS[:7], {"id": "slow", "prompt": "slow"}]
    typed = ["--model", "m", "--base-url", serve(answer), "--no-stream", "--name", "mine"]
    typed += ["--finish-when", "80%", "--drain-timeout", 0]
    done = command(*typed, *TWO, prompts(*rows))
    assert "80% of the sessions have ended" in done.err
    assert written("runs/mine", "failed_trajectories.jsonl")["slow-0"]["outcome"] == "interrupted"
    sound("runs/mine")


@pytest.mark.slow
def test_a_deadline_ends_all_of_them(command, prompts, serve, sound):
    """What is in flight then is interrupted."""

    async def answer(request: web.Request) -> web.Response:
        await anyio.sleep_forever()
        return web.Response()

    typed = ["--model", "m", "--base-url", serve(answer), "--no-stream", "--name", "mine"]
    done = command(*typed, "--deadline", 8, "--drain-timeout", 0, *TWO, prompts(*ROWS[:4]))
    assert done.code == 5, done.err
    assert "the deadline of 8 s is over" in done.err
    sound("runs/mine")
