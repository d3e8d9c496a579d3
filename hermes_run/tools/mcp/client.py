"""A client of one server: calls go over one connection, which is made anew when it is lost.

A connection lives in a task of its own, which the client owns: the SDK's streams and task groups
are entered and left there and nowhere else. So does a start: calls wait for it no longer than they
may take, and it goes on without them. Calls come from the tasks of sessions; one that is
cancelled tells the server so and leaves the connection as it is.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import anyio
import mcp_types as types
import msgspec
from anyio.abc import TaskGroup, TaskStatus
from mcp import Client as Protocol
from mcp import ClientSession, MCPError
from mcp.client.session import IncomingMessage
from pydantic import ValidationError

from hermes_run.errors import leaves
from hermes_run.tools.call import failure
from hermes_run.tools.mcp.answers import read_answer
from hermes_run.tools.mcp.asked import Asked
from hermes_run.tools.mcp.line import Line, LostError, log
from hermes_run.tools.mcp.pipes import open_pipes
from hermes_run.tools.mcp.web import EXPIRED, open_web
from hermes_run.tools.tool import Output
from recorder.messages import Json
from recorder.version import VERSION

PAGES = 200
"""How many pages a list of tools may have: a server whose pages never end does not hold us up."""

for _name in ("mcp", "client"):  # the SDK's; where nobody keeps a log, they are not for the screen
    logging.getLogger(_name).addHandler(logging.NullHandler())

REASON_S = 1.0
"""How long a call waits to learn why the connection is gone, in seconds."""

_CLOSED = (types.CONNECTION_CLOSED, "Connection closed")
"""What the SDK tells those who wait when the connection is gone."""

_US = types.Implementation(name="hermes-run", version=VERSION)

_ADVERT = "\n    For further information visit"
"""What the SDK's errors end in."""

_DURING = "it was lost during this call, which may have done a part of its work"


class Patience(msgspec.Struct, frozen=True):
    """How a server is waited for; times in seconds.

    A start may take ``start_s``. Before the *n*-th start after the first in a row that came to
    nothing there is a pause of ``pause_s`` times two to the *n*; after ``deaths`` in a row no
    program is started any more.
    """

    start_s: float = 60.0
    pause_s: float = 0.5
    deaths: int = 5


class Connection(msgspec.Struct, frozen=True):
    """A server that answers, and the tools it has."""

    session: ClientSession
    tools: tuple[types.Tool, ...]
    line: Line


class Losses:
    """How often a server was lost, over all its clients, and what became of it in the end."""

    def __init__(self) -> None:
        self.count = 0
        self.given_up = ""


class _Start:
    """A start that goes on, and what came of it: a connection, or *why* there is none."""

    def __init__(self) -> None:
        self.over = anyio.Event()
        self.connection: Connection | None = None
        self.why = "it is not needed any more"


class Client:
    """What calls go through; made by :func:`open_client`."""

    def __init__(self, asked: Asked, patience: Patience, losses: Losses, tasks: TaskGroup) -> None:
        self.asked = asked
        self._given_up = ""
        self._patience = patience
        self._losses = losses
        self._tasks = tasks
        self._start: _Start | None = None
        self._in_a_row = 0
        self._not_before = 0.0
        self._connection: Connection | None = None

    async def connect(self) -> Connection:
        """Give the connection, made anew where there is none.

        Raises:
            LostError: the server can't be reached, or has died too often.
        """
        connection = self._connection
        if connection and not connection.line.lost.is_set():
            return connection
        if self._given_up:
            raise LostError(self._given_up)
        start = self._start
        if start is None:
            start = self._start = _Start()
            self._tasks.start_soon(self._begin, start)
        await start.over.wait()
        if start.connection is None:
            raise LostError(start.why)
        return start.connection

    async def call(self, tool: str, arguments: dict[str, Json], limit_s: float) -> Output:
        """Call *tool*; whatever happens to the server, a result comes back within *limit_s*."""
        title = self.asked.title
        try:
            with anyio.fail_after(limit_s):
                output = await self._ask(tool, arguments)
        except TimeoutError:
            if self._start:
                late = f"is being started again and was not ready within {limit_s:g} s"
                return failure(f"{title} {late}; a later call may find it ready", "timeout")
            return failure(f"{title} did not answer within {limit_s:g} s", "timeout")
        except LostError as error:
            return failure(f"{title} is gone: {error}")
        except MCPError as error:
            said = error.message.partition(_ADVERT)[0]
            return failure(self.asked.veil(f"{title} answered with an error: {said}"))
        except ValidationError as error:
            return failure(f"{title} answered with what is no result: {_first(error)}")
        text = self.asked.veil_result(cast("str", output.content))
        return msgspec.structs.replace(output, content=text)

    async def _ask(self, tool: str, arguments: dict[str, Json]) -> Output:
        connection = await self.connect()
        try:
            return await self._send(connection, tool, arguments)
        except MCPError as error:
            if error.code != EXPIRED:
                raise
        # What a server refuses with the session was not run.
        connection.line.lose("its session is over")
        return await self._send(await self.connect(), tool, arguments)

    async def _send(self, connection: Connection, tool: str, arguments: dict[str, Json]) -> Output:
        params = types.CallToolRequestParams(name=tool, arguments=arguments)
        try:
            answer = await connection.session.send_request(
                types.CallToolRequest(params=params), types.CallToolResult
            )
        except MCPError as error:
            if (error.code, error.message) == _CLOSED:
                with anyio.move_on_after(REASON_S):  # whoever holds it knows more
                    await connection.line.lost.wait()
                connection.line.lose("the connection ended")
                raise LostError(f"{_DURING}: {connection.line.why}") from error
            self._in_a_row = 0 if error.code != EXPIRED else self._in_a_row
            raise
        self._in_a_row = 0
        return read_answer(answer.model_dump(by_alias=True, mode="json", exclude_none=True))

    async def _begin(self, start: _Start) -> None:
        """Make a connection; that takes as long as it takes, whatever becomes of those who wait."""
        line = Line(self.asked)
        try:
            await anyio.sleep_until(self._not_before)
            start.connection = await self._tasks.start(self._live, line)
            self._connection = start.connection
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait are told
            start.why = self.asked.veil(_reason(error, line))
            self._count(start.why)
        finally:
            self._start = None
            start.over.set()

    async def _live(self, line: Line, *, task_status: TaskStatus[Connection]) -> None:
        """Hold one connection for as long as it lasts."""
        started = counted = False
        try:
            async with open_connection(line, self._patience.start_s) as connection:
                started = True
                task_status.started(connection)
                await line.lost.wait()
                counted = True
                self._count(line.why)
        except Exception as error:
            if not started:
                raise
            if not counted:  # the SDK's own tasks broke
                line.lose(_reason(error, line))
                self._count(line.why)

    def _count(self, why: str) -> None:
        """Note that the server was lost, and when that was too often."""
        self._losses.count += 1
        self._in_a_row += 1
        if self._in_a_row > 1 and self.asked.transport == "stdio":
            pause = self._patience.pause_s * 2 ** (self._in_a_row - 2)
            self._not_before = anyio.current_time() + pause
        title = self.asked.title
        log.warning("%s was lost: %s", title, why)
        if self._in_a_row > self._patience.deaths and self.asked.transport == "stdio":
            times = f"it died {self._in_a_row} times in a row"
            self._given_up = f"{times}, and is not started again: {why}"
            self._losses.given_up = times
            log.error("%s is given up: %s", title, times)


@asynccontextmanager
async def open_client(asked: Asked, patience: Patience, losses: Losses) -> AsyncGenerator[Client]:
    """Open a client of the server that was *asked* for; its connection ends with the block."""
    async with anyio.create_task_group() as tasks:
        try:
            yield Client(asked, patience, losses, tasks)
        finally:
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def open_connection(line: Line, start_s: float) -> AsyncGenerator[Connection]:
    """Start or reach the server, agree on a version, and list its tools.

    Raises:
        LostError: it can't be reached, or is not ready within *start_s*.
    """
    streams = open_web(line) if line.asked.transport == "http" else open_pipes(line)

    async def heed(message: IncomingMessage) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            log.warning("%s changed its tools; the ones of the start stay", line.asked.title)

    with anyio.CancelScope(deadline=anyio.current_time() + start_s) as scope:
        async with Protocol(streams, cache=None, message_handler=heed, client_info=_US) as client:
            tools = await _list_tools(client.session)
            scope.deadline = float("inf")
            yield Connection(client.session, tools, line)
    if scope.cancelled_caught:
        raise LostError(f"it was not ready within {start_s:g} s{line.last_words()}")


async def _list_tools(session: ClientSession) -> tuple[types.Tool, ...]:
    """List the tools of all pages; of two with one name, the first counts."""
    tools: dict[str, types.Tool] = {}
    cursor: str | None = None
    for _ in range(PAGES):
        page = await session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
        for tool in page.tools:
            tools.setdefault(tool.name, tool)
        cursor = page.next_cursor
        if not cursor:
            return tuple(tools.values())
    raise LostError(f"its list of tools has more than {PAGES} pages")


def _reason(error: BaseException, line: Line) -> str:
    """Say why a connection is gone: the server's own end says more than the SDK."""
    if line.why:
        return line.why
    first = leaves(error)[0]
    if isinstance(first, ValidationError):
        return f"what it says of itself is not what the protocol has: {_first(first)}"
    return str(first) or type(first).__name__


def _first(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(each) for each in fault['loc'])}: {fault['msg']}"
