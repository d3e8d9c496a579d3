"""The command, in this process and as one of its own, and endpoints to run it against."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest
from aiohttp import web
from anyio.from_thread import start_blocking_portal

from hermes_run.cli import main

ROOT = Path(__file__).resolve().parents[3]
OURS = ("HERMES_RUN_", "OPENAI_")

Answer: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve: TypeAlias = Callable[..., str]


class Done(NamedTuple):
    """What a command left: its exit code and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of ours, and a folder of one's own to run in."""
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run the command in this process."""

    def run(*arguments: object) -> Done:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        written = capfd.readouterr()
        return Done(code, written.out, written.err)

    return run


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start the command as a process of its own; its output is read through pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "hermes_run", *map(str, arguments)],
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONFAULTHANDLER": "1"},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )


@pytest.fixture
def process() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the command as a process of its own; it is killed if the test leaves it behind."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: object, **options: Any) -> subprocess.Popen[str]:
        started.append(start(*arguments, **options))
        return started[-1]

    yield run
    for one in started:
        one.kill()
        one.communicate()


@pytest.fixture
def prompts(tmp_path: Path) -> Callable[..., Path]:
    """Write a prompts file: rows as objects, or lines as they are."""

    def write(*rows: dict[str, Any] | str) -> Path:
        path = tmp_path / "prompts.jsonl"
        lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    return write


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve an endpoint on 127.0.0.1 that answers as a function says; gives its base URL."""
    with start_blocking_portal() as portal:
        opened: list[Any] = []

        def begin(answer: Answer, models: Answer = list_models) -> str:
            manager = portal.wrap_async_context_manager(listening(answer, models))
            url = manager.__enter__()
            opened.append(manager)
            return url

        yield begin
        for manager in opened:
            manager.__exit__(None, None, None)


@asynccontextmanager
async def listening(answer: Answer, models: Answer) -> AsyncIterator[str]:
    """Serve until the block ends."""
    app = web.Application()
    app.router.add_get("/v1/models", models)
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    await runner.cleanup()


async def list_models(_: web.Request) -> web.Response:
    """Say that there is a model."""
    return web.json_response({"object": "list", "data": [{"id": "m", "object": "model"}]})


@pytest.fixture
def reply() -> Callable[..., web.Response]:
    """Make a chat completion that is not streamed: run with ``--no-stream``."""

    def make(text: str = "ok", calls: list[dict[str, Any]] | None = None) -> web.Response:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if calls:
            message["tool_calls"] = calls
        reason = "tool_calls" if calls else "stop"
        return web.json_response(
            {
                "id": "r1",
                "model": "m",
                "choices": [{"index": 0, "message": message, "finish_reason": reason}],
                "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
            }
        )

    return make


@pytest.fixture
def tool_call() -> Callable[..., dict[str, Any]]:
    """Make a tool call as the OpenAI chat format has it."""

    def make(name: str, call_id: str, **arguments: Any) -> dict[str, Any]:
        function = {"name": name, "arguments": json.dumps(arguments)}
        return {"id": call_id, "type": "function", "function": function}

    return make


@pytest.fixture
def rows_of() -> Callable[..., list[dict[str, Any]]]:
    """Read the rows that a run wrote."""

    def read(directory: str | Path, name: str = "trajectories.jsonl") -> list[dict[str, Any]]:
        path = Path(str(directory).strip()) / name
        return [json.loads(line) for line in path.read_bytes().splitlines()]

    return read


@pytest.fixture
def written(rows_of: Callable[..., list[dict[str, Any]]]) -> Callable[..., dict[str, Any]]:
    """Read the rows that a run wrote, by their ids."""

    def read(directory: str, name: str = "trajectories.jsonl") -> dict[str, Any]:
        return {row["id"]: row for row in rows_of(directory, name)}

    return read


@pytest.fixture
def sound(command: Callable[..., Done]) -> Callable[[str], None]:
    """See that a run verifies: also that its statistics are the fold of its journal."""

    def look(directory: str) -> None:
        done = command("verify", directory)
        assert done.code == 0, done.out + done.err
        assert "statistics  ok" in done.out

    return look


@pytest.fixture
def calling(
    serve: Serve, reply: Callable[..., web.Response], tool_call: Callable[..., dict[str, Any]]
) -> Serve:
    """Serve a model that calls a tool once in each session, and then is done."""

    def begin(name: str, **arguments: Any) -> str:
        async def answer(request: web.Request) -> web.Response:
            said = (await request.json())["messages"]
            called = any(message["role"] == "tool" for message in said)
            return reply("done") if called else reply("", [tool_call(name, "c", **arguments)])

        return serve(answer)

    return begin
