"""What no later fact changes of a session, kept where more can be added without a copy.

Of the last turn, a step whose calls may still return, only what came of them so far is set aside.
"""

from __future__ import annotations

import msgspec

from recorder.events import ModelFailed, ToolReturned, ToolStarted
from recorder.steps import Step, Turn


class Aside(msgspec.Struct):
    """What was set aside; ``started`` and ``results`` are of the step that turns go on with."""

    turns: list[Turn] = []
    orphans: list[ToolReturned] = []
    failures: list[ModelFailed] = []
    started: list[ToolStarted] = []
    results: list[ToolReturned] = []


def put_aside(turns: tuple[Turn, ...], aside: Aside) -> tuple[Turn, ...]:
    """Add *turns* to what is aside; gives the last of them, as far as it is not."""
    last = turns[-1] if turns else None
    if last is None:
        return ()
    if len(turns) > 1:
        aside.turns += mended(turns, aside)[:-1]
        aside.started, aside.results = [], []
    if not isinstance(last, Step):
        return (last,)
    aside.started += last.started
    aside.results += last.results
    return (Step(last.reply),)


def mended(turns: tuple[Turn, ...], aside: Aside) -> tuple[Turn, ...]:
    """Give *turns* with what was set aside of the first of them."""
    first = turns[0] if turns else None
    if not isinstance(first, Step):
        return turns
    started, results = (*aside.started, *first.started), (*aside.results, *first.results)
    return (Step(first.reply, started, results), *turns[1:])
