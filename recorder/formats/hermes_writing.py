"""One turn written as ``hermes`` writes it, with notes on what a reader should know of it."""

from __future__ import annotations

from recorder.formats.embedding import dump
from recorder.formats.markup import (
    CALL,
    END_CALL,
    END_RESPONSE,
    END_THINK,
    RESPONSE,
    THINK,
    neutralise,
    shield,
)
from recorder.formats.turns import Answer, Call, Dropped, Replied, Said, Turn


def turn(who: str, value: str) -> dict[str, str]:
    """Make a ShareGPT turn."""
    return {"from": who, "value": value}


def placed(note: str, index: int) -> str:
    """Put the *index* of its turn into a note: ``kind`` or ``kind:detail``."""
    kind, colon, detail = note.partition(":")
    return f"{kind}:{index}{colon}{detail}"


def write_turn(one: Turn) -> tuple[list[dict[str, str]], list[str]]:
    """Write a turn as none, one or two (a reply and its results), with notes on it."""
    if isinstance(one, Dropped):
        return [], [f"dropped_turn:{one.role.encode('ascii', 'backslashreplace').decode()[:40]}"]
    if isinstance(one, Said):
        value = neutralise(one.text)
        notes = ["neutralised_markup"] * (value != one.text)
        return [turn("human", value)], notes + _notes_on_origin(one)
    value, changed = _reply(one)
    written = [turn("gpt", value)]
    responses = [_response(call, call.answer) for call in one.calls if call.answer]
    if responses:
        written.append(turn("tool", "\n".join(responses)))
    return written, ["neutralised_markup"] * changed + _notes_on_reply(one)


def _notes_on_origin(one: Said | Replied) -> list[str]:
    notes = ["harness_turn"] * (one.origin == "harness")
    return notes + ["picture"] * (isinstance(one, Said) and one.pictures)


def _notes_on_reply(one: Replied) -> list[str]:
    notes = _notes_on_origin(one) + list(one.flags)
    for index, call in enumerate(one.calls):
        if call.answer is None:
            notes.append(f"unanswered_call:{index}")
        elif call.answer.pictures:
            notes.append(f"picture:{index}")
        if call.arguments.startswith('"'):
            notes.append(f"invalid_arguments:{index}")
    return notes


def _reply(one: Replied) -> tuple[str, bool]:
    """The value of a ``gpt`` turn, and whether free text in it had to be changed."""
    head, changed = _spoken(one)
    if not one.calls:
        return head.rstrip(), changed
    blocks = (f"{CALL}\n{shield(_call(call))}\n{END_CALL}" for call in one.calls)
    return "\n".join([head, *blocks]), changed


def _spoken(one: Replied) -> tuple[str, bool]:
    """The reasoning block and the text after it, without a newline at the end."""
    spoken = one.spoken
    inline = spoken.inline
    if inline is not None and neutralise(inline) == inline:
        tail = neutralise(spoken.tail)
        return f"{THINK}{inline}{END_THINK}{tail}", tail != spoken.tail
    reasoning, text = neutralise(spoken.reasoning), neutralise(one.text)
    changed = reasoning != spoken.reasoning or text != one.text
    lines = [THINK, reasoning, END_THINK, text]
    return "\n".join(filter(None, lines)), changed


def _call(call: Call) -> str:
    return f'{{"name": {dump(call.name)}, "arguments": {call.arguments}}}'


def _response(call: Call, answer: Answer) -> str:
    body = (
        f'{{"tool_call_id": {dump(answer.call_id)}, "name": {dump(call.name)}, '
        f'"content": {answer.content}}}'
    )
    return f"{RESPONSE}\n{shield(body)}\n{END_RESPONSE}"
