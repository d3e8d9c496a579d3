"""A real MCP server with tools of every kind; tests start it as a program, with its name.

Its first argument is how it is reached, ``stdio`` or a port; the second may be a file: where that
is, it dies at its start.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import uvicorn
from mcp import MCPError
from mcp.server import Server
from mcp.server.stdio import stdio_server

ODD = {
    "type": "object",
    "properties": {
        "zone": {"$ref": "#/$defs/zone", "x-own": {"b": 1, "a": [None, 1.0, 0.25]}},
        "any": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"const": "é"}}]},
        "none": {"type": ["string", "null"], "default": None},
    },
    "patternProperties": {"^x-": {"not": {}}},
    "$defs": {"zone": {"enum": ["b", "a"], "description": ""}},
    "required": ["zone"],
    "additionalProperties": False,
    "$comment": "kept",
}
ANY = {"type": "object"}
PAGE = 4
Given = dict[str, Any]


class State:
    """What the server remembers between calls."""

    calls = 0
    cancelled = 0
    stopped = anyio.Event()


async def list_tools(_: Any, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
    """Give a page of tools."""
    begin = int(params.cursor) if params and params.cursor else 0
    more = str(begin + PAGE) if begin + PAGE < len(TOOLS) else None
    return types.ListToolsResult(tools=TOOLS[begin : begin + PAGE], next_cursor=more)


def text(*parts: str, error: bool = False) -> types.CallToolResult:
    """Make a result of texts."""
    content = [types.TextContent(text=part) for part in parts]
    return types.CallToolResult(content=list(content), is_error=error)


async def call_tool(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    """Do what the name of the tool says."""
    State.calls += 1
    given = params.arguments or {}
    if params.name == "change":
        await context.session.send_tool_list_changed()
    return await KINDS[params.name](given)


async def echo(given: Given) -> types.CallToolResult:
    """Say the arguments again."""
    return text(json.dumps(given))


async def search(_: Given) -> types.CallToolResult:
    """Find nothing."""
    return text("nothing")


async def fail(_: Given) -> types.CallToolResult:
    """Fail as a tool does."""
    return text("it went wrong", "twice", error=True)


async def refuse(_: Given) -> types.CallToolResult:
    """Fail as a server does."""
    raise MCPError(code=-32050, message="not today")


async def table(_: Given) -> types.CallToolResult:
    """Give structured content that no text says."""
    content = [types.TextContent(text="a table")]
    return types.CallToolResult(content=list(content), structured_content={"rows": [1, 2]})


async def die(_: Given) -> types.CallToolResult:
    """Die with last words in which there is a secret."""
    sys.stderr.write(f"my key is {os.environ.get('OUR_KEY')}\nlast words\n")
    sys.stderr.flush()
    os._exit(3)


async def flood(_: Given) -> types.CallToolResult:
    """Give more than anybody reads."""
    return text("x" * (9 * 1024 * 1024))


async def huge(_: Given) -> types.CallToolResult:
    """Give more than a model gets."""
    return text("y" * 200_000)


async def wait(_: Given) -> types.CallToolResult:
    """Wait until the call is cancelled."""
    try:
        await anyio.sleep_forever()
    finally:
        State.cancelled += 1
        State.stopped.set()
    return text("never")


async def waited(_: Given) -> types.CallToolResult:
    """Say how many calls were cancelled, once one was."""
    await State.stopped.wait()
    return text(str(State.cancelled))


async def count(_: Given) -> types.CallToolResult:
    """Count the calls of this process."""
    return text(str(State.calls))


async def pid(_: Given) -> types.CallToolResult:
    """Name this process."""
    return text(str(os.getpid()))


async def tell(given: Given) -> types.CallToolResult:
    """Tell a variable of the environment."""
    return text(os.environ.get(given["name"], "not set"))


async def change(_: Given) -> types.CallToolResult:
    """Change the list of tools."""
    return text("changed")


async def mixed(_: Given) -> types.CallToolResult:
    """Make a result of all kinds of content."""
    resource = types.TextResourceContents(uri="file:///a.txt", text="in a file")
    blob = types.BlobResourceContents(uri="file:///a.bin", mime_type="image/x", blob="AAAA")
    return types.CallToolResult(
        content=[
            types.TextContent(text="before"),
            types.ImageContent(data="AAAA", mime_type="image/png"),
            types.AudioContent(data="AAAA", mime_type="audio/wav"),
            types.EmbeddedResource(resource=resource),
            types.EmbeddedResource(resource=blob),
            types.ResourceLink(name="b", uri="file:///b.txt"),
        ]
    )


KINDS = {
    each.__name__: each
    for each in (
        *(echo, search, fail, refuse, mixed, table, die, flood, huge, wait, waited),
        *(count, pid, tell, change),
    )
} | {"odd name!": count}
READ_ONLY = types.ToolAnnotations(read_only_hint=True)
TOOLS = [
    types.Tool(name=name, description=kind.__doc__, input_schema=ANY)
    for name, kind in KINDS.items()
]
TOOLS[0].input_schema, TOOLS[0].annotations = ODD, READ_ONLY
TOOLS[0].description = "Say it\n  again."


async def serve(how: str) -> None:
    """Serve until the input ends, or until killed."""
    server = Server("served", on_list_tools=list_tools, on_call_tool=call_tool)
    if how == "stdio":
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())
        return
    app = server.streamable_http_app(json_response="json" in sys.argv)
    config = uvicorn.Config(app, port=int(how), log_level="error", timeout_graceful_shutdown=0)
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    if Path(sys.argv[-1]).exists() and len(sys.argv) > 2:
        sys.stderr.write("I can't start\n")
        sys.exit(5)
    anyio.run(serve, sys.argv[1])
