"""An endpoint that counts, and the command, in this process and as one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import pytest
from aiohttp import web
from anyio.from_thread import BlockingPortal, start_blocking_portal

from hermes_run.cli import main
from hermes_run.models.simulated import wire
from hermes_run.models.simulated.policy import next_turn
from hermes_run.models.simulated.request import Request, read
from hermes_run.models.simulated.server import list_models
from hermes_run.models.simulated.steps import Turn

ROOT = Path(__file__).resolve().parents[2]
OURS = ("HERMES_RUN_", "OPENAI_")
PATIENCE_S = 240.0


class Done(NamedTuple):
    """What a command left: its exit code and what it wrote."""

    code: int
    out: str
    err: str


class Endpoint:
    """A real OpenAI-compatible server with the simulated policy, which counts what it is asked.

    A conversation is known by its *mark*, which stands in the id of the reply to it. ``asked``
    counts requests, ``answered`` replies that were sent to their last byte, both by mark;
    ``waiting`` is how many requests have no reply now. Where ``first`` is set, it is what
    every conversation begins with.
    """

    def __init__(self, portal: BlockingPortal) -> None:
        self.url = ""
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.waiting = 0
        self.first: Turn | None = None
        self._portal = portal
        self._most, self._given = sys.maxsize, 0
        self._opened = anyio.Event()
        self._changed = threading.Condition()

    @property
    def total(self) -> int:
        """How many requests came."""
        return sum(self.asked.values())

    def wait_until(self, is_true: Callable[[], object]) -> None:
        """Return when *is_true*, looking whenever a request came or a reply was sent."""
        with self._changed:
            assert self._changed.wait_for(is_true, PATIENCE_S), f"{self.total} requests came"

    def wait_for_replies(self, count: int) -> None:
        """Return when *count* replies were sent."""
        self.wait_until(lambda: self.answered.total() >= count)

    def give_at_most(self, replies: int = sys.maxsize) -> None:
        """Hold who asks when so many replies were given, until there may be more."""
        self._portal.call(self._allow, replies)

    async def _allow(self, replies: int) -> None:
        self._most = replies
        self._opened.set()
        self._opened = anyio.Event()

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Answer one request as the simulated model does."""
        asked = read(await request.read())
        self._note(self.asked, asked.mark, waiting=1)
        try:
            while self._given >= self._most:
                await self._opened.wait()
            self._given += 1
            response = await _stream(request, asked, self._turn(asked))
        except BaseException:  # whoever asked is gone
            self._note(Counter(), asked.mark, waiting=-1)
            raise
        self._note(self.answered, asked.mark, waiting=-1)
        return response

    def _turn(self, asked: Request) -> Turn:
        begun = any(message.role == "assistant" for message in asked.messages)
        return next_turn(asked) if begun or self.first is None else self.first

    def _note(self, counter: Counter[str], mark: str, *, waiting: int) -> None:
        with self._changed:
            counter[mark] += 1
            self.waiting += waiting
            self._changed.notify_all()


async def _stream(request: web.Request, asked: Request, turn: Turn) -> web.StreamResponse:
    reply = wire.reply_to(asked, turn, int(time.time()))
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for chunk in wire.chunks(reply, include_usage=asked.include_usage):
        await response.write(chunk)
    await response.write_eof()
    return response


@asynccontextmanager
async def serving(endpoint: Endpoint) -> AsyncIterator[None]:
    """Serve until the block ends."""
    app = web.Application(client_max_size=2**28)
    app.router.add_get("/v1/models", list_models)
    app.router.add_post("/v1/chat/completions", endpoint.complete)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield
    await runner.cleanup()


@pytest.fixture
def new_endpoint() -> Iterator[Callable[[], Endpoint]]:
    """Serve as many endpoints as are asked for, on a thread of their own."""
    with start_blocking_portal() as portal:
        opened: list[Any] = []

        def begin() -> Endpoint:
            endpoint = Endpoint(portal)
            opened.append(portal.wrap_async_context_manager(serving(endpoint)))
            opened[-1].__enter__()
            return endpoint

        yield begin
        for one in opened:
            one.__exit__(None, None, None)


@pytest.fixture
def endpoint(new_endpoint: Callable[[], Endpoint]) -> Endpoint:
    """Serve one endpoint."""
    return new_endpoint()


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of ours, and a folder of one's own to run in."""
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def process() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the command as a process that leads a group of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
        one = subprocess.Popen(
            [sys.executable, "-m", "hermes_run", *map(str, arguments)],
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )
        started.append(one)
        return one

    yield start
    for one in started:
        one.kill()
        one.communicate()


@pytest.fixture
def finish(process: Callable[..., subprocess.Popen[str]]) -> Callable[..., Done]:
    """Run the command as a process to its end."""

    def run(*arguments: object, **options: Any) -> Done:
        one = process(*arguments, **options)
        out, err = one.communicate(timeout=PATIENCE_S)
        return Done(one.returncode, out, err)

    return run


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run the command in this process."""

    def run(*arguments: object) -> Done:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        written = capfd.readouterr()
        return Done(code, written.out, written.err)

    return run


@pytest.fixture
def until() -> Callable[..., None]:
    """Return when something is true, looking again and again while a process runs."""

    def wait(is_true: Callable[[], object], running: subprocess.Popen[str]) -> None:
        ends = time.monotonic() + PATIENCE_S
        while not is_true():
            assert running.poll() is None, "the command ended meanwhile"
            assert time.monotonic() < ends, "it did not come true"
            time.sleep(0.01)

    return wait
