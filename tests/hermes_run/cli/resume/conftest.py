"""A run of the real command that is to go on, and an endpoint that says what it is told to."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import psutil
import pytest
from aiohttp import web

from hermes_run.run_json import read_run_json
from recorder.events import Event
from recorder.reader import Entry, read

RUN = Path("runs/mine")
TYPED = ("--model", "m", "--name", RUN.name, "--no-stream", "--attempts", 1, "--progress", "plain")

Tree: TypeAlias = dict[str, bytes]


class Endpoint:
    """Answers a prompt with what is next in ``answers`` for it, else with "ok".

    An answer is a text, a list of tool calls, a status that is no success, or ``None``: it never
    comes. ``asked`` are the requests, ``keys`` what each was authorised with, and ``look``, where
    it is given, is called for each before it is answered.
    """

    def __init__(self, reply: Callable[..., web.Response]) -> None:
        self.url = ""
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.answers: dict[str, list[Any]] = {}
        self.look: Callable[[], object] | None = None
        self._reply = reply

    @property
    def prompts(self) -> list[str]:
        """What was asked, in the order of the alphabet: sessions run at once."""
        return sorted(_prompt(body) for body in self.asked)

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request."""
        body = await request.json()
        if self.look:
            self.look()
        self.asked.append(body)
        self.keys.append(request.headers.get("Authorization"))
        due = self.answers.get(_prompt(body))
        answer = due.pop(0) if due else "ok"
        if answer is None:
            await anyio.sleep_forever()
        if isinstance(answer, int):
            return web.json_response({"error": {"message": "told so"}}, status=answer)
        if isinstance(answer, web.Response):
            return answer
        return self._reply(answer) if isinstance(answer, str) else self._reply("", answer)


def _prompt(body: dict[str, Any]) -> str:
    return next(one["content"] for one in body["messages"] if one["role"] == "user")


@pytest.fixture
def new_endpoint(serve, reply) -> Callable[[], Endpoint]:
    """Serve one more endpoint."""

    def begin() -> Endpoint:
        endpoint = Endpoint(reply)
        endpoint.url = serve(endpoint.answer)
        return endpoint

    return begin


@pytest.fixture
def endpoint(new_endpoint) -> Endpoint:
    """Serve one endpoint."""
    return new_endpoint()


@pytest.fixture
def begin(command, prompts, endpoint) -> Callable[..., Any]:
    """Run the command over a prompt for each letter of a text; those in *broken* fail.

    It must end with *code*. Gives what was asked first; the endpoint forgets what it was asked.
    """

    def go(letters: str, *typed: object, broken: str = "", code: int | None = None) -> Any:
        rows = [{"id": letter, "prompt": letter} for letter in letters]
        for letter in broken:
            endpoint.answers[letter] = [400]
        done = command(*TYPED, "--base-url", endpoint.url, *typed, prompts(*rows))
        assert done.code == (code or (3 if broken else 0)), done.err
        first = endpoint.asked[0]
        endpoint.asked.clear()
        return first

    return go


@pytest.fixture
def resume(command) -> Callable[..., Any]:
    """Go on with the run."""
    return lambda *typed: command("resume", RUN, *typed)


@pytest.fixture
def resume_with_less(resume) -> Callable[..., Any]:
    """Go on with the run, with less memory for its commands."""
    return lambda *typed: resume("--sandbox-memory", LESS, *typed)


@pytest.fixture
def tree() -> Callable[[], Tree]:
    """Read everything in the run directory but who owned it last."""

    def look() -> Tree:
        files = (path for path in RUN.rglob("*") if path.is_file() and path.name != "lock")
        return {str(path): path.read_bytes() for path in files}

    return look


@pytest.fixture
def facts() -> Callable[[type[Event]], dict[str, Any]]:
    """Give the last event of a kind of each session."""

    def look(kind: type[Event]) -> dict[str, Any]:
        entries = [entry for entry in read(RUN / "journal") if isinstance(entry, Entry)]
        events = [entry.event for entry in entries if isinstance(entry.event, kind)]
        return {event.session: event for event in events}

    return look


@pytest.fixture
def resumptions() -> Callable[[], list[Any]]:
    """Read what ``run.json`` says of the resumptions of the run."""

    def look() -> list[Any]:
        document: Any = read_run_json(RUN)
        return document.get("resumed", [])

    return look


class Survivor:
    """A process that outlived its run: without a wall it takes a session of its own for that."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    @property
    def lives(self) -> bool:
        """Whether it still runs."""
        running = self._process.is_running()
        return running and self._process.status() != psutil.STATUS_ZOMBIE


@pytest.fixture
def wait() -> Callable[[subprocess.Popen[str], Callable[[], object]], None]:
    """Wait until something is true while a process runs; it must not end before."""

    def until(running: subprocess.Popen[str], is_true: Callable[[], object]) -> None:
        while not is_true():
            try:
                running.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(running.communicate()[1])

    return until


@pytest.fixture
def kill_in(process, prompts, endpoint, tool_call, wait) -> Callable[..., str]:
    """Kill a run in the middle of a command of its one session, and give what that wrote.

    The command adds "x" to ``log``, and does what it is to do in its first attempt: in the second,
    which finds all as it was, it has less memory.
    """

    def kill(line: str, *typed: object) -> str:
        once = RUN / "scratch" / "a-0" / "tmp" / "once"
        begun = f"echo x >> log; test $(ulimit -d) = {LESS // 1024} || {{ {line}; }}; cat log"
        endpoint.answers["a"] = [[tool_call("terminal", "slow", command=begun)]]
        path = prompts({"id": "a", "prompt": "a"})
        running = process(*TYPED, "--base-url", endpoint.url, *typed, path)
        wait(running, once.exists)
        running.kill()
        running.communicate()
        endpoint.asked.clear()
        return once.read_text()

    return kill


LESS = 2**30
WRITE = "echo $$ > $TMPDIR/new; mv $TMPDIR/new $TMPDIR/once; exec sleep 600"


@pytest.fixture
def killed(kill_in) -> None:
    """Kill a run in the middle of a command behind its wall."""
    kill_in(WRITE)


@pytest.fixture
def survivor(kill_in) -> Iterator[Survivor]:
    """Kill a run without a wall in the middle of a command that has started what lives on."""
    pid = int(kill_in(f"setsid sh -c '{WRITE}' >/dev/null 2>&1 & wait", "--sandbox", "none"))
    yield Survivor(pid)
    if psutil.pid_exists(pid):
        psutil.Process(pid).kill()


@pytest.fixture
def row_of(rows_of) -> Callable[[str], dict[str, Any]]:
    """Read the one row of a session."""

    def get(name: str) -> dict[str, Any]:
        files = ("trajectories.jsonl", "failed_trajectories.jsonl")
        (row,) = (row for file in files for row in rows_of(RUN, file) if row["id"] == name)
        return row

    return get


@pytest.fixture
def write_rows(tmp_path) -> Callable[..., Path]:
    """Write a prompts file of one's own."""

    def write(name: str, *rows: dict[str, Any]) -> Path:
        path = tmp_path / name
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        return path

    return write
