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
from mcp.server import Server
from mcp.server.stdio import stdio_server

ODD = {
    "type": "object",
    "properties": {
        "zone": {"$ref": "#/$defs/zone", "x-own": {"b": 1, "a": [None, 1.0, 1e-7]}},
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
READ_ONLY = types.ToolAnnotations(read_only_hint=True)
TOOLS = [
    types.Tool(name="echo", description="Say it\n  again.", input_schema=ODD, annotations=READ_ONLY),
    types.Tool(name="search", description="Find nothing", input_schema=ANY),
    *(
        types.Tool(name=name, input_schema=ANY)
        for name in (
            *("fail", "refuse", "mixed", "table", "die", "stray", "flood", "huge", "wait", "waited"),
            *("count", "pid", "tell", "change", "no result", "ask"),
        )
    ),
]
PAGE = 4
calls = 0
cancelled = 0


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
    global calls, cancelled  # noqa: PLW0603 - the state of a server
    given = params.arguments or {}
    calls += 1
    match params.name:
        case "echo":
            return text(json.dumps(given))
        case "fail":
            return text("it went wrong", "twice", error=True)
        case "refuse":
            raise types_error()
        case "mixed":
            return mixed()
        case "table":
            return types.CallToolResult(
                content=[types.TextContent(text="a table")], structured_content={"rows": [1, 2]}
            )
        case "die":
            sys.stderr.write(f"my key is {os.environ.get('OUR_KEY')}\nlast words\n")
            sys.stderr.flush()
            os._exit(3)
        case "stray":
            os.write(1, b"this is no message\n\n{}\n" * 20)
            return text("still here")
        case "flood":
            return text("x" * (9 * 1024 * 1024))
        case "huge":
            return text("y" * 200_000)
        case "wait":
            try:
                await anyio.sleep_forever()
            finally:
                cancelled += 1
        case "waited":
            while cancelled < 1:
                await anyio.sleep(0.01)
            return text(str(cancelled))
        case "count":
            return text(str(calls))
        case "pid":
            return text(str(os.getpid()))
        case "tell":
            return text(os.environ.get(given["name"], "not set"))
        case "change":
            await context.session.send_tool_list_changed()
            return text("changed")
        case _:
            return text(f"no {params.name}", error=True)
    return text("never")


def types_error() -> Exception:
    """Make an error of the protocol."""
    from mcp import MCPError  # noqa: PLC0415

    return MCPError(code=-32050, message="not today")


def mixed() -> types.CallToolResult:
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
