"""The system turn of ``hermes``: the fixed function-calling text, the tools, the system prompt."""

from __future__ import annotations

import json

from recorder.errors import FormatError
from recorder.formats.markup import restore, shield
from recorder.messages import Json
from recorder.shapes import array_of, object_of

_BEFORE = (
    "You are a function calling AI model. You are provided with function signatures within <tools> "
    "</tools> XML tags. You may call one or more functions to assist with the user query. If "
    "available tools are not relevant in assisting with user query, just respond in natural "
    "conversational language. Don't make assumptions about what values to plug into functions. "
    "After calling & executing the functions, you will be provided with function results within "
    "<tool_response> </tool_response> XML tags. Here are the available tools:\n<tools>\n"
)
_AFTER = (
    "\n</tools>\nFor each function call return a JSON object, with the following pydantic model "
    "json schema for each:\n{'title': 'FunctionCall', 'type': 'object', 'properties': {'name': "
    "{'title': 'Name', 'type': 'string'}, 'arguments': {'title': 'Arguments', 'type': 'object'}}, "
    "'required': ['name', 'arguments']}\nEach function call should be enclosed within <tool_call> "
    "</tool_call> XML tags.\nExample:\n<tool_call>\n{'name': <function-name>,'arguments': "
    "<args-dict>}\n</tool_call>"
)


def write_system(tools: str, prompt: str) -> str:
    """Write the system turn: *tools* is JSON text, *prompt* the neutralised system prompt."""
    fixed = _BEFORE + shield(tools) + _AFTER
    return f"{fixed}\n\n{prompt}" if prompt else fixed


def read_system(value: str) -> tuple[tuple[dict[str, Json], ...], str]:
    """Give the tools (in OpenAI's form) and the system prompt of a system turn.

    A turn that is not ours is a system prompt as a whole.

    Raises:
        FormatError: it is ours, but its tools can't be read.
    """
    end = value.find(_AFTER)
    if end < 0 or not value.startswith(_BEFORE):
        return (), restore(value)
    try:
        found = json.loads(value[len(_BEFORE) : end])
    except (ValueError, RecursionError) as error:
        raise FormatError(f"the tools of the system turn are no JSON: {error}") from error
    return _tools(found), restore(value[end + len(_AFTER) :].removeprefix("\n\n"))


def _tools(found: Json) -> tuple[dict[str, Json], ...]:
    tools = [object_of(tool) for tool in array_of(found)]
    if found != tools:
        raise FormatError("the tools of the system turn are no list of objects")
    described = ({k: v for k, v in tool.items() if k != "required"} for tool in tools)
    return tuple({"type": "function", "function": tool} for tool in described)
