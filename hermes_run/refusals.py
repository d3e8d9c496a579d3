"""Calls that are answered without being run: too many in one reply, or in vain again. Pure.

What is refused is decided from recorded facts alone, those before the reply whose calls they are,
so that a session that goes on decides as it would have.

A call that failed the same way again and again is refused; so is a command that ended with the same
exit code and the same output, where that code means failure. Once something was done that may have
changed what it depends on it may be tried again, once for each time that it was refused: nothing is
barred for ever, and nothing runs in a circle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from recorder.errors import RecorderError
from recorder.events import ToolReturned
from recorder.json_text import canonical, decode
from recorder.messages import LASTING, ToolCall, text_of
from recorder.steps import Step, Turn, pair

LARGE = 256 * 1024
"""Characters of arguments from which on reading them takes milliseconds."""

TOO_MANY = "too_many_calls"
REPEATED = "repeated"

_FAILED = ("error", "timeout", "invalid")


_Key: TypeAlias = tuple[str, bytes | str]


class Refusal(msgspec.Struct, frozen=True):
    """Why a call is not run: a text for the model, and a flag to count it by."""

    text: str
    flag: str


class _Failing(msgspec.Struct, frozen=True):
    """How a call failed last and how often in a row; ``since`` counts changes until then.

    The ``way`` is its status, its exit code and its output. ``may_try`` says that it may be tried
    again after a change.
    """

    way: tuple[str | None, int | None, str | None]
    times: int
    since: int
    may_try: bool = True


class Repeats:
    """Which calls of one session fail again and again; each turn is looked at once.

    Args:
        most: how often in a row a call may fail the same way; None is no bound.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._failing: dict[_Key, _Failing] = {}
        self._changes = 0
        self._turns = 0

    def read(self, turns: Sequence[Turn]) -> None:
        """Take up the *turns* that came since the last call, but for the last of them.

        Its calls are those that are to run, or may be running.
        """
        for place in range(self._turns, len(turns) - 1):
            turn = turns[place]
            if isinstance(turn, Step):
                self._read(turn)
        self._turns = max(self._turns, len(turns) - 1)

    def refusal(self, call: ToolCall) -> Refusal | None:
        """Say why *call* is not run, if it has failed too often and nothing changed since."""
        failing = self._failing.get(_key(call))
        if self._most is None or failing is None or failing.times < self._most:
            return None
        if failing.may_try and failing.since < self._changes:
            return None
        text = (
            f"Not run: this same call has failed {failing.times} times in a row in the same way. "
            "Do something else: other arguments, another tool, or answer with what you know."
        )
        return Refusal(text, REPEATED)

    def _read(self, step: Step) -> None:
        effects = {started.call_id: started.effect for started in step.started}
        pairs = pair(step).pairs
        self._changes += sum(
            effects.get(call.id) in LASTING and result is not None and result.status == "ok"
            for call, result in pairs
        )
        for call, result in pairs:
            if result is not None:
                self._note(call, result)

    def _note(self, call: ToolCall, result: ToolReturned) -> None:
        key = _key(call)
        failing = self._failing.get(key)
        if failing and REPEATED in result.flags:
            now = self._changes
            self._failing[key] = msgspec.structs.replace(failing, since=now, may_try=True)
        elif result.status in _FAILED or (result.status == "ok" and result.exit_code):
            way, times = (result.status, result.exit_code, text_of(result.output)), 1
            if failing and failing.way == way:
                times += failing.times
            may_try = self._most is None or times <= self._most
            self._failing[key] = _Failing(way, times, self._changes, may_try)
        elif result.status == "ok":
            self._failing.pop(key, None)


def refuse(
    calls: Sequence[ToolCall], step: Step, repeats: Repeats, most: int | None
) -> list[Refusal | None]:
    """Say of each of *calls* why it is not run, if it is not.

    Args:
        calls: those calls of *step* that have no result yet.
        step: a reply.
        repeats: what failed before that reply.
        most: calls of one reply that are run; None is no bound.
    """
    asked = step.reply.calls
    surplus = {id(call) for call in asked[most:]} if most is not None else set[int]()
    text = (
        f"Not run: of the {len(asked)} calls of one reply only the first {most} are run. Ask for "
        "the others again if you still need them."
    )
    too_many = Refusal(text, TOO_MANY)
    return [too_many if id(call) in surplus else repeats.refusal(call) for call in calls]


def _key(call: ToolCall) -> _Key:
    """Name what a call asks for: equal arguments count as equal however they are written.

    Only very large ones are taken as they are: to read them takes long, and everybody waits.
    """
    if len(call.arguments) >= LARGE:
        return call.name, call.arguments
    try:
        return call.name, canonical(decode(call.arguments.encode()))
    except (ValueError, RecorderError):
        return call.name, call.arguments
