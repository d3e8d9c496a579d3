"""Steps: a reply with everything that came of its calls, and how results are matched to calls.

Results stand in a step in the order they arrived; :func:`pair` puts them in the order of the calls.
"""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

import msgspec

from recorder.events import ModelReplied, SessionStarted, ToolReturned, ToolStarted
from recorder.messages import Message, ToolCall, text_of


class Step(msgspec.Struct, frozen=True):
    """A reply and everything that came of its calls."""

    reply: ModelReplied
    started: tuple[ToolStarted, ...] = ()
    results: tuple[ToolReturned, ...] = ()


Turn: TypeAlias = Message | Step


class Pairing(msgspec.Struct, frozen=True):
    """A step's calls with their results, in the order of the calls; and what fits no call."""

    pairs: tuple[tuple[ToolCall, ToolReturned | None], ...]
    duplicates: tuple[ToolReturned, ...] = ()
    orphans: tuple[ToolReturned, ...] = ()


_NOTHING = Pairing(())


def pair(step: Step) -> Pairing:
    """Match the results of *step* to its calls, by call id.

    Where no result carries an id and there are as many results as calls, they match by position.
    """
    calls, results = step.reply.calls, step.results
    # Most steps are like the first two, and those of a whole run are asked about.
    if not calls and not results:
        return _NOTHING
    if len(calls) == 1 == len(results) and results[0].call_id == calls[0].id:
        return Pairing(((calls[0], results[0]),))
    if results and len(results) == len(calls) and not any(r.call_id for r in results):
        return Pairing(tuple(zip(calls, results, strict=True)))
    waiting: dict[str | None, deque[int]] = {}
    for place, result in enumerate(results):
        waiting.setdefault(result.call_id, deque()).append(place)
    found = [waiting[call.id].popleft() if waiting.get(call.id) else None for call in calls]
    taken, ids = set(found), {call.id for call in calls}
    left = [result for place, result in enumerate(results) if place not in taken]
    return Pairing(
        tuple(
            (call, None if place is None else results[place])
            for call, place in zip(calls, found, strict=True)
        ),
        duplicates=tuple(result for result in left if result.call_id in ids),
        orphans=tuple(result for result in left if result.call_id not in ids),
    )


def unanswered(step: Step) -> tuple[ToolCall, ...]:
    """The calls of *step* that have no result yet, in their order."""
    if not step.reply.calls:
        return ()
    return tuple(call for call, result in pair(step).pairs if result is None)


def opening_turns(
    started: SessionStarted,
) -> tuple[tuple[Turn, ...], tuple[ToolReturned, ...]]:
    """Give the turns of the history that a session starts with, as if it had happened here.

    Beside them, the results in it that follow no call.
    """
    turns: list[Turn] = []
    results: list[ToolReturned] = []
    orphans: list[ToolReturned] = []
    for message in started.messages:
        if message.role == "tool":
            is_asked = turns and isinstance(turns[-1], Step) and turns[-1].reply.calls
            (results if is_asked else orphans).append(_result_in(message, started))
            continue
        _settle(turns, results)
        is_reply = message.role == "assistant"
        turns.append(Step(_reply_in(message, started)) if is_reply else message)
    _settle(turns, results)
    return tuple(turns), tuple(orphans)


def _settle(turns: list[Turn], results: list[ToolReturned]) -> None:
    """Give the last of *turns* the *results* that came after it; then there are none."""
    if results and isinstance(turns[-1], Step):
        turns[-1] = Step(turns[-1].reply, results=tuple(results))
        results.clear()


def _reply_in(message: Message, started: SessionStarted) -> ModelReplied:
    return ModelReplied(
        session=started.session,
        seq=started.seq,
        ts=started.ts,
        text=text_of(message.content),
        reasoning=message.reasoning,
        calls=message.calls,
        origin=message.origin,
    )


def _result_in(message: Message, started: SessionStarted) -> ToolReturned:
    return ToolReturned(
        session=started.session,
        seq=started.seq,
        ts=started.ts,
        call_id=message.call_id,
        output=message.content,
    )
