"""Watching a run: what is seen comes from events, and a broken view stops nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from hermes_run.failure import Failure
from hermes_run.models.protocol import Reply, Request
from hermes_run.progress.live import Live
from hermes_run.progress.snapshot import Snapshot
from hermes_run.progress.watch import watch
from recorder.events import ModelFailed, ModelReplied, SessionEnded, timestamp

OpenRun = Callable[..., Any]
STAMP = {"seq": 1, "ts": timestamp(1000.0)}


class Shown:
    """A screen that keeps what it is shown, and breaks if it is told to."""

    interval_s = 0.0

    def __init__(self, broken: Exception | None = None) -> None:
        self.snapshots: list[Snapshot] = []
        self.said: list[str] = []
        self._broken = broken

    def show(self, snapshot: Snapshot) -> None:
        """Keep a snapshot."""
        self.snapshots.append(snapshot)
        if self._broken:
            raise self._broken

    def say(self, text: str) -> None:
        """Keep what is said."""
        self.said.append(text)


async def test_what_is_seen_last_is_the_whole_run(start_run: OpenRun):
    """Counts, the total that rejects take from, and the state of the journal."""
    screen = Shown()
    rows: list[Any] = [{"prompt": "a"}, {"prompt": "b"}, {"nothing": 1}]
    async with start_run(rows, ["ok"] * 4, samples=2) as run, watch(run, 3, screen) as watching:
        await watching.say("hello")
        await run.finish()
    last = screen.snapshots[-1]
    assert screen.said == ["hello"]
    assert (last.ended, last.total, last.rejected, last.percent) == (4, 4, 1, 100.0)
    assert last.statistics.replies == 4
    assert (last.unsynced, last.paused, last.stopping) == (0, None, "")
    assert last.sync_age_s is not None
    assert last.slowest == ()


async def test_sessions_in_flight_are_seen_with_their_age(start_run: OpenRun):
    """The slowest are named, the total is what the file promises."""
    asked, go = anyio.Event(), anyio.Event()

    class Slow:
        async def reply(self, _: Request) -> Reply:
            """Wait to be told."""
            asked.set()
            await go.wait()
            return Reply(text="ok", finish_reason="stop")

    async with (
        start_run([{"id": "one", "prompt": "a"}], Slow()) as run,
        anyio.create_task_group() as g,
        watch(run, 1, Shown()) as watching,
    ):
        g.start_soon(run.finish)
        await asked.wait()
        seen = watching.look()
        assert [name for name, _ in seen.slowest] == ["one-0"]
        assert (seen.total, seen.ended, seen.statistics.running) == (1, 0, 1)
        assert seen.left_s is None
        run.brake.pull("signal", "SIGINT came")
        assert watching.look().stopping == "SIGINT came"
        go.set()


@pytest.mark.parametrize("error", [BrokenPipeError("gone"), ZeroDivisionError("a fault")])
async def test_a_view_that_breaks_is_logged_once_and_stops_nothing(
    start_run: OpenRun, tmp_path, error
):
    """Whoever closed the terminal still gets a record."""
    screen = Shown(error)
    async with start_run([{"prompt": "a"}] * 5, ["ok"] * 5) as run, watch(run, 5, screen):
        report = await run.finish()
    assert report.statistics.outcomes == {"completed": 5}
    assert (tmp_path / "run" / "run.log").read_text().count("progress can't be shown") == 1


async def test_a_failure_that_passes_is_seen_as_waiting(start_run: OpenRun):
    """The live fold hangs on the run's own events."""
    screen = Shown()
    script = [Failure("rate_limit", "HTTP 429: slow down"), "ok"]
    rows = [{"id": "a", "prompt": "x"}]
    async with start_run(rows, script, retry_base=0.05) as run, watch(run, 1, screen):
        await run.finish()
    assert screen.snapshots[-1].last_failure == "a-0: rate_limit: HTTP 429: slow down"
    assert screen.snapshots[-1].waiting == 0


async def test_a_session_waits_until_its_time_is_over_or_something_comes():
    """An event that was dropped leaves nobody waiting for ever."""
    live = Live()
    for name in ("a", "b", "c"):
        await live(ModelFailed(session=name, attempt=1, failure="server", wait_s=10.0, **STAMP))
    assert live.waiting(1005.0) == 3
    await live(ModelReplied(session="a", **STAMP))
    assert live.waiting(1005.0) == 2
    assert live.waiting(1010.0) == 0


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        ({"outcome": "completed"}, None),
        ({"outcome": "limit", "reason": "max_turns"}, None),
        ({"outcome": "tool_error", "reason": "sandbox"}, "a: tool_error: sandbox"),
        ({"outcome": "model_error", "error": "HTTP 400"}, "a: model_error: HTTP 400"),
    ],
)
async def test_the_last_failure_is_one_that_somebody_has_to_look_at(ended, said):
    """Bounds that were set are no failures."""
    live = Live()
    await live(SessionEnded(session="a", **ended, **STAMP))
    assert live.last_failure == said
