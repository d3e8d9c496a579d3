"""The turns of a session as every format sees them, and what "the same turns" means.

Two sessions have the same turns when :func:`same_turns` gives equal values for both. That leaves
out, because no trajectory says it:

- where the reasoning stood (a field, or a block at the head of the text), blank reasoning, blank
  text beside calls, and white space at the end of a final answer;
- how JSON was spelt: arguments and results that hold an object or array count by its content;
- whether a result is text, a list of text parts or a scalar: its text counts;
- whether a result has an empty id or none;
- the id of a call nobody answered (an answered one has the id of its result);
- results that fit no call, second results, turns of other roles behind the opening, pictures:
  renderers flag each of these;
- tool schemas beyond name, description and parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TypeAlias

import msgspec

from recorder.events import ModelReplied, ToolReturned
from recorder.formats.embedding import dump, embed, embed_value, flat
from recorder.formats.marks import CUT_OFF, EMPTY
from recorder.formats.markup import whole
from recorder.formats.pictures import has_pictures, shown
from recorder.formats.results import meaning
from recorder.messages import Json, Message, Origin, ToolCall
from recorder.session import Session
from recorder.shapes import object_of
from recorder.steps import Pairing, Step, pair
from recorder.thinking import Spoken, speak

SYSTEM_ROLES = ("system", "developer")


class Answer(msgspec.Struct, frozen=True):
    """What a call gave back; ``content`` is JSON text."""

    call_id: str | None
    content: str
    pictures: bool = False


class Call(msgspec.Struct, frozen=True):
    """A call and its answer, if any; ``arguments`` is JSON text, quoted if it was broken."""

    id: str
    name: str
    arguments: str
    answer: Answer | None = None


class Said(msgspec.Struct, frozen=True):
    """A turn of the user, or of the harness in the user's place."""

    text: str
    origin: Origin = "user"
    pictures: bool = False


class Replied(msgspec.Struct, frozen=True):
    """A turn of the model; ``text`` is its answer without reasoning and idle white space."""

    spoken: Spoken
    text: str
    calls: tuple[Call, ...] = ()
    origin: Origin = "model"
    flags: tuple[str, ...] = ()


class Dropped(msgspec.Struct, frozen=True):
    """A turn that trajectories have no place for, by its role."""

    role: str


Turn: TypeAlias = Said | Replied | Dropped


class Transcript(msgspec.Struct, frozen=True):
    """A session without what no trajectory shows; ``tools`` is JSON text."""

    tools: str
    system: str
    turns: tuple[Turn, ...]
    orphans: int = 0


def transcript(session: Session) -> Transcript:
    """Bring *session* into the form all formats are written from.

    Raises:
        FormatError: something in it has no JSON form.
    """
    opening = leading_system(session)
    return Transcript(
        tools=_written(_Shared(session.tools)),
        system="\n\n".join(filter(None, (flat(message.content) for message in opening))),
        turns=tuple(_turn(turn) for turn in session.turns[len(opening) :]),
        orphans=len(session.orphans),
    )


class _Shared:
    """Tools that are told apart by the tuple they are in, which all sessions of a run share.

    Nobody changes what is in a session; here it would not even be seen.
    """

    def __init__(self, tools: tuple[dict[str, Json], ...]) -> None:
        self.tools = tools

    def __hash__(self) -> int:
        return id(self.tools)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Shared) and other.tools is self.tools


@lru_cache(maxsize=16)
def _written(shared: _Shared) -> str:
    """Write tools as JSON, which takes longer than all the rest of a short session."""
    return whole(dump([_described(tool) for tool in shared.tools]))


def same_turns(session: Session) -> tuple[Json, ...]:
    """Give what two sessions have in common when their turns are the same.

    Raises:
        FormatError: something in the session has no JSON form.
    """
    seen = transcript(session)
    return (seen.tools, seen.system, *_essence(seen))


def _essence(seen: Transcript) -> Iterator[tuple[Json, ...]]:
    for turn in seen.turns:
        if isinstance(turn, Said):
            yield "human", turn.text
        elif isinstance(turn, Replied):
            calls = tuple(
                (
                    call.name,
                    call.arguments,
                    call.answer and (call.answer.call_id or None, meaning(call.answer.content)),
                )
                for call in turn.calls
            )
            yield "gpt", turn.spoken.reasoning, turn.text, calls


def leading_system(session: Session) -> tuple[Message, ...]:
    """The system messages before any other turn: the session's lasting system prompt."""
    leading: list[Message] = []
    for turn in session.turns:
        if not isinstance(turn, Message) or turn.role not in SYSTEM_ROLES:
            break
        leading.append(turn)
    return tuple(leading)


def _described(tool: dict[str, Json]) -> dict[str, Json]:
    """What the model is told of a tool: the four keys of the function-calling text."""
    function = object_of(tool.get("function")) or tool
    return {
        "name": function.get("name"),
        "description": function.get("description", ""),
        "parameters": function.get("parameters", {}),
        "required": None,
    }


def _turn(turn: Message | Step) -> Turn:
    if isinstance(turn, Step):
        return _replied(turn)
    if turn.role == "user":
        return Said(flat(turn.content), turn.origin, has_pictures(turn.content))
    return Dropped(turn.role)


def _replied(step: Step) -> Turn:
    reply = step.reply
    if is_prefill(reply):
        return Dropped("prefill")
    spoken, found = said_by(reply), pair(step)
    return Replied(
        spoken,
        _beside_calls(spoken.text) if found.pairs else spoken.text.rstrip(),
        tuple(_call(call, result) for call, result in found.pairs),
        reply.origin,
        (*reply.flags, *noticed(step, spoken, found)),
    )


def is_prefill(reply: ModelReplied) -> bool:
    """Say whether *reply* only stood there for the model to go on from: no turn of its own."""
    return "prefill" in reply.flags and not reply.calls


def said_by(reply: ModelReplied) -> Spoken:
    """Tell the reasoning of *reply* from its answer; a refusal is an answer."""
    said = "\n\n".join(filter(None, (reply.text, reply.refusal)))
    return speak(whole(reply.reasoning or ""), whole(said))


def is_empty(reply: ModelReplied, spoken: Spoken) -> bool:
    """Say whether *reply*, which says what is *spoken*, is nothing at all."""
    return not reply.calls and not spoken.text.strip() and not spoken.reasoning.strip()


def _beside_calls(text: str) -> str:
    return text if text.strip() else ""


def _call(call: ToolCall, result: ToolReturned | None) -> Call:
    return Call(
        whole(call.id),
        whole(call.name),
        embed(call.arguments),
        _answer(result) if result else None,
    )


def _answer(result: ToolReturned) -> Answer:
    return Answer(
        result.call_id if result.call_id is None else whole(result.call_id),
        embed_value(shown(result.output)),
        has_pictures(result.output),
    )


def noticed(step: Step, spoken: Spoken, found: Pairing) -> Iterator[str]:
    """Name what is odd about the reply of *step*, once for each time it is so."""
    yield from ["unclosed_reasoning"] * spoken.unclosed
    yield from ["merged_reasoning"] * spoken.merged
    yield from ["refusal"] * bool(step.reply.refusal)
    yield from [CUT_OFF] * (step.reply.finish_reason == "length")
    yield from [EMPTY] * is_empty(step.reply, spoken)
    yield from ["duplicate_result"] * len(found.duplicates)
    yield from ["orphan_result"] * len(found.orphans)
