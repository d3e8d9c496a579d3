"""One turn of a page: its heading, who spoke, and what was said, asked and given back."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec

from recorder.errors import FormatError
from recorder.events import ModelReplied, ToolReturned, between
from recorder.formats.embedding import flat, looks_like_json, read
from recorder.formats.markdown_text import fenced, folded, span
from recorder.formats.pictures import has_pictures, shown
from recorder.formats.turns import noticed, said_by
from recorder.messages import Json, Message, Times, ToolCall
from recorder.steps import Step, pair
from recorder.thinking import Spoken

_ROLES = {
    "system": "System",
    "developer": "Developer",
    "user": "User",
    "assistant": "Assistant",
    "tool": "Tool",
}


class Written(msgspec.Struct, frozen=True):
    """A turn as it stands on the page; the heading is without its number."""

    heading: str
    origin: str
    blocks: tuple[str, ...]
    flags: tuple[str, ...] = ()


def write_turn(turn: Message | Step, *, is_inline: bool) -> Written:
    """Write a turn; with *is_inline* reasoning that stands in the text stays there.

    Raises:
        FormatError: something in it has no text.
    """
    if isinstance(turn, Step):
        return _step(turn, is_inline=is_inline)
    named = f" {span(turn.name)}" if turn.name else ""
    flags = ("picture",) * has_pictures(turn.content)
    flags += ("harness_turn",) * (turn.origin == "harness")
    role = _ROLES.get(turn.role) or span(turn.role)
    said = () if turn.content is None else (fenced(flat(turn.content)),)
    return Written(f"{role}{named} ({turn.origin})", turn.origin, said, flags)


def write_result(result: ToolReturned) -> Iterator[str]:
    """Write what a call gave back, how it went and how long it took.

    Raises:
        FormatError: its output has no text.
    """
    facts = [result.status or "status unknown"]
    if result.call_id:
        facts.append(f"call {span(result.call_id)}")
    if result.exit_code is not None:
        facts.append(f"exit code {result.exit_code}")
    if (taken := _seconds(result.times)) is not None:
        facts.append(f"{taken:.3f} s")
    if result.bytes is not None:
        facts.append(f"{result.bytes:,} bytes")
    facts += [f"flag {span(flag)}" for flag in result.flags]
    yield f"**Result**: {', '.join(facts)}"
    output = shown(result.output)
    yield fenced(pretty(output), "json") if isinstance(output, dict) else fenced(flat(output))


def pretty(value: Json) -> str:
    """Write *value* as JSON over several lines.

    Raises:
        FormatError: it has no such form, or is nested too deeply.
    """
    try:
        return json.dumps(value, ensure_ascii=False, indent=2)
    except (TypeError, ValueError, RecursionError) as error:
        raise FormatError(f"this can't be written as JSON: {error}") from error


def _step(step: Step, *, is_inline: bool) -> Written:
    reply, spoken, found = step.reply, said_by(step.reply), pair(step)
    flags = [*reply.flags, *noticed(step, spoken, found)]
    flags += ["harness_turn"] * (reply.origin == "harness")
    blocks = [*_facts(reply), *_spoken(reply, spoken, is_inline=is_inline)]
    for place, (call, result) in enumerate(found.pairs):
        block, is_sound = _call(call)
        blocks += [block, *(write_result(result) if result else ["**No result**"])]
        flags += [f"invalid_arguments:{place}"] * (not is_sound)
        flags += [f"unanswered_call:{place}"] * (result is None)
    for name, rest in (("A second result", found.duplicates), ("Fits no call", found.orphans)):
        for result in rest:
            blocks += [f"**{name}**", *write_result(result)]
    named = f" {span(reply.model)}" if reply.model else ""
    return Written(f"Model{named} ({reply.origin})", reply.origin, tuple(blocks), tuple(flags))


def _facts(reply: ModelReplied) -> Iterator[str]:
    facts: list[str] = []
    if reply.finish_reason:
        facts.append(f"finished by {span(reply.finish_reason)}")
    if reply.usage:
        facts.append(f"{reply.usage.input:,} tokens in, {reply.usage.output:,} out")
    if (taken := _seconds(reply.times)) is not None:
        facts.append(f"{taken:.3f} s")
    if reply.flags:
        facts.append(f"flags {', '.join(map(span, reply.flags))}")
    if facts:
        yield ", ".join(facts)


def _spoken(reply: ModelReplied, spoken: Spoken, *, is_inline: bool) -> Iterator[str]:
    """What was thought and said; a refusal is said and called one."""
    if is_inline:
        said = flat(reply.text)
    else:
        said = spoken.text
        if spoken.reasoning.strip():
            yield folded("Reasoning", fenced(spoken.reasoning))
    if said.strip():
        yield fenced(said)
    if reply.refusal and is_inline:
        yield fenced(reply.refusal)


def _call(call: ToolCall) -> tuple[str, bool]:
    """A call, and whether its arguments are JSON of an object."""
    value = read(call.arguments) if looks_like_json(call.arguments) else None
    is_sound = isinstance(value, dict)
    named = f"**Call** {span(call.name)}" + f", {span(call.id)}" * bool(call.id)
    block = fenced(pretty(value), "json") if is_sound else fenced(call.arguments)
    return f"{named}\n\n{block}", is_sound


def _seconds(times: Times | None) -> float | None:
    """How long something took, where both ends are known to be moments."""
    if times is None or not (times.started and times.finished):
        return None
    try:
        return between(times.started, times.finished)
    except (ValueError, TypeError, OverflowError):
        return None
