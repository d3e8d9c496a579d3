"""What a streamed turn costs the client in CPU, against the SDK and against raw aiohttp.

A server in another process sends 20 chunks a turn to so many sessions at once, with so many
messages of history. Microseconds of CPU a turn for each client, in interleaved rounds over all
clients and both numbers of sessions; the ratios are taken round by round: ours to the bare SDK with
few sessions, and many sessions to few, with as many turns in each, for ours and for raw aiohttp,
which tells what the machine makes of them.
``server_busy`` must be well below 1 for the rest to mean anything. Chunks are paced, so that a
client which keeps up gets each for itself, as from a model that takes its time; one that can't keep
up gets several at once, which only makes it look cheaper than it is.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias

import aiohttp
import anyio
import httpx2
import msgspec
from openai import AsyncOpenAI, DefaultAioHttpClient, DefaultAsyncHttpxClient

from bench.answer import Answer, Figure, arguments, at_most, parsed, ratios, tell
from bench.server import CHUNKS, REPLY, Server, open_server
from hermes_run.brake import Brake
from hermes_run.cli.descriptors import allow_open_files
from hermes_run.models.chat import Endpoint, open_chat
from hermes_run.models.protocol import Request
from hermes_run.models.throttled import Way, open_throttled
from hermes_run.models.wire import encode_turn
from hermes_run.throttle.gate import Gate
from hermes_run.throttle.lane import Terms
from hermes_run.throttle.notices import Notices
from recorder.messages import Message

MESSAGE_BYTES = 2_000
TURNS, QUICK_TURNS = 3, 1
"""So many are measured in each session: the first after a pause finds nothing in the caches."""

PACE_A_SESSION_S = 0.0003
"""Between two chunks of one stream, for each session: at any number of them the same load."""

PATIENCE_S = 600.0
"""How long a client waits, for a connection too: many at once keep the SDK busy for seconds."""

MESSAGES, SESSIONS, QUICK_SESSIONS = (1, 40), (64, 512), (8, 16)
TO_SDK = {1: 0.5, 40: 0.3}
"""The budget at few sessions, as a part of what the SDK takes, by messages of history."""

MANY_TO_FEW = 1.25

Turn: TypeAlias = Callable[[], Awaitable[str]]
Spent: TypeAlias = dict[tuple[int, str], list[float]]
"""Microseconds a turn, round by round, by the number of sessions and the client."""


@asynccontextmanager
async def ours(url: str, sessions: int, history: list[dict[str, str]]) -> AsyncGenerator[Turn]:
    """Ask as the runner does: all but the newest message were encoded in earlier turns."""
    *earlier, newest = [Message(message["role"], message["content"]) for message in history]
    encoded = tuple(part for message in earlier for part in encode_turn(message))
    brake, notices = Brake(), Notices()
    gate = Gate([Terms("server", sessions)], brake, anyio.current_time())
    endpoint = Endpoint(url, "key", connections=sessions, notices=notices)
    async with (
        open_chat(endpoint) as client,
        open_throttled([Way(client, notices)], gate, brake) as model,
    ):

        async def turn() -> str:
            reply = await model.reply(Request("bench", (*encoded, *encode_turn(newest))))
            return reply.text or ""

        yield turn


@asynccontextmanager
async def sdk(http: httpx2.AsyncClient, url: str, history: Any) -> AsyncGenerator[Turn]:  # noqa: ANN401
    """Ask as the SDK's documentation does."""
    async with (
        http,
        AsyncOpenAI(
            base_url=url, api_key="key", max_retries=0, timeout=PATIENCE_S, http_client=http
        ) as api,
    ):

        async def turn() -> str:
            stream = await api.chat.completions.create(
                model="bench", messages=history, stream=True, stream_options={"include_usage": True}
            )
            async with stream:
                return "".join([part.choices[0].delta.content or "" async for part in stream])

        yield turn


@asynccontextmanager
async def raw(url: str, sessions: int, history: list[dict[str, str]]) -> AsyncGenerator[Turn]:
    """Ask with nothing between aiohttp and the JSON."""
    body = json.dumps({"model": "bench", "messages": history, "stream": True}).encode()
    headers = {"Authorization": "Bearer key", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=sessions, keepalive_timeout=600)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def turn() -> str:
            async with session.post(f"{url}/chat/completions", data=body) as response:
                return "".join([text async for text in texts(response.content)])

        yield turn


async def texts(lines: aiohttp.StreamReader) -> AsyncIterator[str]:
    """Give the text of every chunk."""
    async for line in lines:
        if line.startswith(b"data: {"):
            delta = msgspec.json.decode(line[6:])["choices"][0]["delta"]
            yield delta.get("content") or ""


async def spend(turn: Turn, sessions: int, turns: int) -> float:
    """Run so many turns in each of so many sessions at once; gives CPU microseconds a turn.

    They begin one after the other within the time of a turn, as those of a run that is under way.
    """
    turn_s = PACE_A_SESSION_S * sessions * CHUNKS

    async def session(number: int) -> None:
        await anyio.sleep(turn_s * number / sessions)
        for _ in range(turns):
            if await turn() != REPLY:
                raise SystemExit("the reply is not what the server sent")

    gc.collect()
    gc.freeze()  # what the other clients hold is not this one's to look through
    started = time.process_time()
    async with anyio.create_task_group() as tasks:
        for number in range(sessions):
            tasks.start_soon(session, number)
    return (time.process_time() - started) / (sessions * turns) * 1e6


@asynccontextmanager
async def clients(
    server: Server, sessions: int, messages: int, *, with_sdk: bool
) -> AsyncGenerator[dict[str, Turn]]:
    """Open every client for so many sessions, with connections that are made."""
    url = server.url(pace_s=PACE_A_SESSION_S * sessions)
    roles = ("user", "assistant")
    history = [{"role": roles[n % 2], "content": "x" * MESSAGE_BYTES} for n in range(messages)]
    limits = httpx2.Limits(
        max_connections=sessions, max_keepalive_connections=sessions, keepalive_expiry=600
    )
    async with AsyncExitStack() as stack:
        made = {
            "ours": ours(url, sessions, history),
            "raw_aiohttp": raw(url, sessions, history),
        }
        if with_sdk:
            made |= {
                "sdk": sdk(DefaultAsyncHttpxClient(limits=limits), url, history),
                "sdk_aiohttp": sdk(DefaultAioHttpClient(limits=limits), url, history),
            }
        turns = {name: await stack.enter_async_context(one) for name, one in made.items()}
        for turn in turns.values():
            await spend(turn, sessions, 1)  # connections and imports
        yield turns


async def measure(server: Server, messages: int, asked: argparse.Namespace) -> tuple[Spent, float]:
    """Measure every client at every number of sessions in turn, again and again.

    Gives also which part of the time the server was busy.
    """
    spent: Spent = {}
    async with AsyncExitStack() as stack:
        opened = {
            sessions: await stack.enter_async_context(
                clients(server, sessions, messages, with_sdk=sessions == min(asked.sessions))
            )
            for sessions in asked.sessions
        }
        with server.watched() as watched:
            for _ in range(asked.repeats):
                await _round(opened, asked.turns, spent)
    return spent, watched.busy


async def _round(opened: dict[int, dict[str, Turn]], turns: int, spent: Spent) -> None:
    """Measure every client at every number of sessions once, so many *turns* in each."""
    for sessions, made in opened.items():
        for name, turn in made.items():
            took = await spend(turn, sessions, turns)
            spent.setdefault((sessions, name), []).append(took)


def figures(spent: Spent, messages: int) -> list[Figure]:
    """Lay what was spent beside the budget."""
    few, many = min(spent)[0], max(spent)[0]
    said = "1 message" if messages == 1 else f"{messages} messages"
    to_sdk = ratios(spent[few, "ours"], spent[few, "sdk"])
    found = [at_most(f"ours / sdk, {few} sessions, {said}", "", to_sdk, TO_SDK.get(messages))]
    if many > few:
        for name, budget in (("ours", MANY_TO_FEW), ("raw_aiohttp", None)):
            grown = ratios(spent[many, name], spent[few, name])
            found.append(at_most(f"{name}, {many} / {few} sessions, {said}", "", grown, budget))
    return found + [
        at_most(f"{name}, {sessions} sessions, {said}", "us", each)
        for (sessions, name), each in spent.items()
    ]


async def answer(server: Server, asked: argparse.Namespace) -> Answer:
    """Measure every length of history."""
    found: list[Figure] = []
    busy: dict[str, float] = {}
    for messages in asked.messages:
        spent, busy[f"{messages} messages"] = await measure(server, messages, asked)
        found += figures(spent, messages)
    return Answer(
        "turn",
        asked.repeats,
        {"sessions": asked.sessions, "messages": asked.messages, "turns": asked.turns},
        tuple(found),
        checks={"server_busy": busy},
    )


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__, repeats=5)
    parser.add_argument("--sessions", type=int, nargs="+")
    parser.add_argument("--messages", type=int, nargs="+", default=MESSAGES)
    asked = parsed(parser)
    asked.sessions = asked.sessions or (QUICK_SESSIONS if asked.quick else SESSIONS)
    asked.turns = QUICK_TURNS if asked.quick else TURNS
    allow_open_files(sum(asked.sessions))  # of every client; the server inherits it
    with open_server() as server:
        tell(anyio.run(answer, server, asked))


if __name__ == "__main__":
    main()
