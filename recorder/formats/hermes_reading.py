"""Read ``hermes`` rows, ours and other people's, back into sessions.

What :mod:`recorder.formats.hermes` wrote gives the same turns. Rows of other writers may frame
their blocks with other white space; markup that can't be read is an error, because guessing would
lose something in silence.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterator
from typing import cast

import msgspec

from recorder.errors import FormatError
from recorder.formats.embedding import flat
from recorder.formats.foreign import (
    Reply,
    Result,
    Turn,
    header_of,
    session_of,
)
from recorder.formats.hermes_blocks import Response, read_reply, read_responses
from recorder.formats.hermes_system import read_system
from recorder.formats.marks import CUT_OFF, origins_of
from recorder.formats.markup import restore
from recorder.messages import Json, Message, Origin, ToolCall
from recorder.session import Session
from recorder.shapes import array_of, object_of, text_in

_SPEAKERS = {
    "system": "system",
    "human": "human",
    "user": "human",
    "gpt": "gpt",
    "assistant": "gpt",
    "tool": "tool",
}
_FLAG = re.compile(
    r"(unanswered_call|harness_turn|cut_off):([0-9]{1,9})(?::([0-9]{1,9}))?", re.ASCII
)
OWN_KEYS = frozenset({
    "id", "prompt_index", "sample", "conversations", "completed", "partial", "outcome",
    "exit_reason", "error", "model", "provider", "api_calls", "toolsets_used", "sandbox",
    "tool_stats", "tool_error_counts", "usage", "cost_usd", "rewards", "timing", "flags",
    "metadata", "run",
})  # fmt: skip
"""The keys of a row of a run."""
EXPORTED_KEYS = frozenset({"origins", "loss", "tokens", "provenance"})
"""What an exported row has beside them; none of either is somebody's metadata."""


def parse(row: dict[str, Json]) -> Session:
    """Read a ``hermes`` row; of a trajectory's other keys those that a session holds are kept.

    Raises:
        FormatError: it has no conversations, or one of its turns can't be read.
    """
    said = row.get("conversations")
    if not isinstance(said, list):
        raise FormatError('a hermes row needs "conversations", a list of {"from", "value"}')
    turns = [_turn(turn, index) for index, turn in enumerate(array_of(cast("Json", said)))]
    tools: tuple[dict[str, Json], ...] = ()
    system: list[Turn] = []
    if turns and turns[0][0] == "system":
        tools, prompt = read_system(turns[0][1])
        system = [Message("system", prompt)] if prompt else []
    origins = origins_of(row, len(turns))
    header = header_of(row, tools, OWN_KEYS | EXPORTED_KEYS)
    if not turns:
        raise FormatError('nothing was said: "conversations" is empty')
    return session_of(header, [*system, *_replay(turns, _flags(row), origins)])


def _turn(turn: Json, index: int) -> tuple[str, str]:
    """The speaker and the value of a turn."""
    fields = object_of(turn)
    name = text_in(fields.get("from"))
    if name not in _SPEAKERS:
        known = ", ".join(_SPEAKERS)
        raise FormatError(f"turn {index} is from {name[:40]!r}, not one of {known}")
    return _SPEAKERS[name], flat(fields.get("value"))


def _flags(row: dict[str, Json]) -> dict[tuple[str, int], set[int]]:
    """The flags that turns are read by: kind and turn, with the places in that turn."""
    found: dict[tuple[str, int], set[int]] = {}
    for flag in array_of(row.get("flags")):
        if read := _FLAG.fullmatch(text_in(flag)):
            found.setdefault((read[1], int(read[2])), set()).add(int(read[3] or 0))
    return found


def _replay(
    turns: list[tuple[str, str]],
    flags: dict[tuple[str, int], set[int]],
    origins: dict[int, Origin],
) -> Iterator[Turn]:
    responses: tuple[Response, ...] = ()
    for index, (speaker, value) in enumerate(turns):
        if speaker == "gpt":
            following = turns[index + 1] if index + 1 < len(turns) else ("", "")
            responses = read_responses(following[1]) if following[0] == "tool" else ()
            unanswered = flags.get(("unanswered_call", index), set())
            reply = _reply(value, responses, unanswered)
            cut = "length" if (CUT_OFF, index) in flags else None
            origin = origins.get(index, "model")
            yield msgspec.structs.replace(reply, origin=origin, finish_reason=cut)
        elif speaker == "tool":
            if index == 0 or turns[index - 1][0] != "gpt":
                responses = read_responses(value)
            yield from (Result(one.call_id, one.content) for one in responses)
        elif speaker == "human":
            harness = ("harness_turn", index) in flags
            told = origins.get(index, "dataset")
            yield Message("user", restore(value), "harness" if harness else told)
        elif index:
            yield Message("system", restore(value))


def _reply(value: str, responses: tuple[Response, ...], unanswered: set[int]) -> Reply:
    """Make the reply; its calls get the ids of the responses that answer them."""
    written = read_reply(value)
    answers = _align([name for _, name, _ in written.calls], responses, unanswered)
    taken = {response.call_id for response in responses}
    calls: list[ToolCall] = []
    for place, (given, name, arguments) in enumerate(written.calls):
        own = answers[place].call_id or "" if place in answers else given or _fresh(place, taken)
        calls.append(ToolCall(own, name, arguments))
    return Reply(written.text, written.reasoning, tuple(calls))


def _align(
    names: list[str], responses: tuple[Response, ...], unanswered: set[int]
) -> dict[int, Response]:
    """Find the response to each call: by the flags, else by tool name, else by position."""
    places = [place for place in range(len(names)) if place not in unanswered]
    if len(places) == len(responses):
        return dict(zip(places, responses, strict=True))
    waiting: defaultdict[str | None, deque[int]] = defaultdict(deque)
    for place, name in enumerate(names):
        waiting[name].append(place)
    return {waiting[one.name].popleft(): one for one in responses if waiting[one.name]}


def _fresh(place: int, taken: set[str | None]) -> str:
    """Name a call nobody answered, so that no result can be taken for its answer."""
    name = f"unanswered_{place}"
    while name in taken:
        name += "_"
    return name
