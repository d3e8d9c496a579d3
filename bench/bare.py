"""Whole sessions in bursts, through a bare loop on the openai SDK."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import anyio
import httpx2
from openai import AsyncOpenAI

from bench.server import TOOL
from bench.sessions import TURNS, Client, lookup

KEEP_S = 600.0


class Bare:
    """The loop that everybody writes first: no retries, no limits, nothing kept but a last line."""

    def __init__(self, api: AsyncOpenAI, concurrency: int, path: Path) -> None:
        self.most = 0
        self._api = api
        self._concurrency = concurrency
        self._file = path.open("a")
        self._in_flight = 0
        schema = {"type": "object", "properties": {"text": {"type": "string"}}}
        function = {"name": TOOL, "description": "Look something up.", "parameters": schema}
        self._tools: Any = [{"type": "function", "function": function}]

    async def run(self, sessions: int) -> None:
        """Run so many sessions to their end."""
        numbers = iter(range(sessions))

        async def work() -> None:
            for number in numbers:
                await self._session(number)

        async with anyio.create_task_group() as tasks:
            for _ in range(self._concurrency):
                tasks.start_soon(work)
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    async def _session(self, number: int) -> None:
        prompt = f"Find out why build {number} failed, and say what to change."
        messages: list[dict[str, Any]] = [{"role": "user", "content": prompt}]
        while True:
            reply = await self._ask(messages)
            messages.append(reply)
            if not reply.get("tool_calls"):
                break
            for call in reply["tool_calls"]:
                output = await lookup(**json.loads(call["function"]["arguments"]))
                messages.append({"role": "tool", "tool_call_id": call["id"], "content": output})
        if len(messages) != 2 * TURNS:
            raise SystemExit("a bare session went wrong")
        self._file.write(json.dumps({"id": number, "messages": messages}) + "\n")

    async def _ask(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        self._in_flight += 1
        self.most = max(self.most, self._in_flight)
        texts: list[str] = []
        calls: dict[int, dict[str, Any]] = {}
        stream = await self._api.chat.completions.create(
            model="bench",
            messages=cast("Any", messages),
            tools=self._tools,
            stream=True,
            stream_options={"include_usage": True},
        )
        async with stream:
            async for chunk in stream:
                delta = chunk.choices[0].delta
                texts.append(delta.content or "")
                for part in delta.tool_calls or ():
                    _gather(calls, part)
        self._in_flight -= 1
        reply: dict[str, Any] = {"role": "assistant", "content": "".join(texts)}
        return reply | ({"tool_calls": list(calls.values())} if calls else {})


def _gather(calls: dict[int, dict[str, Any]], part: Any) -> None:  # noqa: ANN401  # the SDK's
    call = calls.setdefault(
        part.index, {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
    )
    call["id"] += part.id or ""
    call["function"]["name"] += part.function.name or ""
    call["function"]["arguments"] += part.function.arguments or ""


@asynccontextmanager
async def open_bare(
    http: type[httpx2.AsyncClient], url: str, concurrency: int, path: Path
) -> AsyncGenerator[Client]:
    """Open the SDK on a client of the kind *http*, and a file for one line a session."""
    limits = httpx2.Limits(
        max_connections=concurrency,
        max_keepalive_connections=concurrency,
        keepalive_expiry=KEEP_S,
    )
    async with (
        http(limits=limits, timeout=KEEP_S) as client,
        AsyncOpenAI(base_url=url, api_key="key", max_retries=0, http_client=client) as api,
    ):
        bare = Bare(api, concurrency, path)
        try:
            yield bare
        finally:
            bare.close()
