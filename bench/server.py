"""A model server that costs next to nothing, in a process of its own.

It answers every request with a stream of 20 chunks that were made before it began. The path says
how: ``/PACE/TURNS`` sends a chunk every PACE seconds (0: all at once; a half more or less, drawn
for each reply, as no two take equally long), and calls the tool
:data:`TOOL` until a conversation has TURNS replies, of which the last is plain text. Any GET gives
the CPU seconds that the server has used, so that whoever measures can show that it was not what
they waited for.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import httpx2

CHUNKS = 20
TEXT = "word and "
REPLY = TEXT * (CHUNKS - 2)
TOOL = "lookup"
"""What is called, with ``{"text": ...}``."""

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_USAGE = {"prompt_tokens": 900, "completion_tokens": 40, "total_tokens": 940}
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)")
_REPLIED = b'"role":"assistant"'


def _framed(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def _chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    """Make a chunk as servers send it, framed for HTTP."""
    fields: dict[str, Any] = {
        "id": "chatcmpl-3b2f",
        "object": "chat.completion.chunk",
        "created": 1_795_000_000,
        "model": "bench",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }
    if finish:
        fields["usage"] = _USAGE
    return _framed(b"data: " + json.dumps(fields).encode() + b"\n\n")


def _call(arguments: str, **opening: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    function = {**opening.pop("function", {}), "arguments": arguments}
    return {"tool_calls": [{"index": 0, **opening, "function": function}]}


def _stream(first: dict[str, Any], middle: list[dict[str, Any]], finish: str) -> tuple[bytes, ...]:
    last = _chunk({}, finish) + _framed(b"data: [DONE]\n\n") + b"0\r\n\r\n"
    return (_HEAD + _chunk(first), *map(_chunk, middle), last)


_ARGUMENTS = ['{"text": "', *[TEXT] * (CHUNKS - 4), '"}']
ANSWER = _stream({"role": "assistant", "content": ""}, [{"content": TEXT}] * (CHUNKS - 2), "stop")
CALL = _stream(
    {"role": "assistant", "content": None}
    | _call("", id="call_7", type="function", function={"name": TOOL}),
    [_call(part) for part in _ARGUMENTS],
    "tool_calls",
)
_WHOLE = {pieces: b"".join(pieces) for pieces in (ANSWER, CALL)}


class Serving(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._received = b""

    def data_received(self, data: bytes) -> None:
        """Wait for the whole request, and answer."""
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not separator or len(body) < int(length[1] if length else 0):
            return
        self._received = b""
        if head.startswith(b"GET"):
            said = b"%f" % time.process_time()
            whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said)
            self._transport.write(whole)
            return
        _, pace, turns, _ = head.split(b"/", 3)
        pieces = CALL if body.count(_REPLIED) + 1 < int(turns) else ANSWER
        if float(pace):
            # No two replies take equally long, or sessions that began together would stay in step.
            self._send(pieces, 0, float(pace) * random.uniform(0.5, 1.5))
        else:
            self._transport.write(_WHOLE[pieces])

    def _send(self, pieces: tuple[bytes, ...], number: int, pace: float) -> None:
        if self._transport.is_closing():  # whoever asked has left
            return
        self._transport.write(pieces[number])
        if number + 1 < len(pieces):
            asyncio.get_running_loop().call_later(pace, self._send, pieces, number + 1, pace)


class Watched:
    """``busy`` is the part of the time of a block that the server was at work, once it is over."""

    busy = 0.0


class Server:
    """The running server; made by :func:`open_server`."""

    def __init__(self, port: int) -> None:
        self._root = f"http://127.0.0.1:{port}"

    def url(self, turns: int = 1, pace_s: float = 0.0) -> str:
        """Give the address for sessions of so many turns, with so many seconds between chunks."""
        return f"{self._root}/{pace_s:.4f}/{turns}"

    def cpu_s(self) -> float:
        """Ask the server how many CPU seconds it has used."""
        return float(httpx2.get(self._root).text)

    @contextmanager
    def watched(self) -> Generator[Watched]:
        """Note how busy the server is in the block."""
        watched, began, used = Watched(), time.perf_counter(), self.cpu_s()
        yield watched
        watched.busy = (self.cpu_s() - used) / (time.perf_counter() - began)


@contextmanager
def open_server() -> Generator[Server]:
    """Start the server; it is killed when the block ends."""
    command = [sys.executable, "-m", "bench.server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            yield Server(int(process.stdout.readline() if process.stdout else b""))
        finally:
            process.kill()


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Serving, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
