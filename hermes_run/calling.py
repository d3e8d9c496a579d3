"""The calls of one reply: the order they run in, and when what came of them is recorded.

They run in the order in which the model wrote them, so that each finds what those before it did.
Neighbours that don't touch the workspace run at once; one that may change it runs alone, after all
before it and before all after it. Each is recorded as started when its turn comes: those that were
still waiting when a run was cut are simply run when it goes on.

Where there is a copy of the workspace as it was before the first call that may change it, the
results of such calls are recorded together. Were one recorded when the run is cut, the others could
not be run again in the workspace as that one left it. An effect outside can't be taken back with
the copy, so what was done before it is recorded before it begins, and another copy made after it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, TypeAlias

import anyio
import msgspec

from hermes_run import cut_off
from hermes_run.agent import Agent
from hermes_run.decide import SANDBOX_BROKE
from hermes_run.recovery import attempt_of, changed_last
from hermes_run.refusals import refuse
from hermes_run.sandboxes.mirror import update_mirror
from hermes_run.tools.arguments import Refused
from hermes_run.tools.call import execute, failure, refused
from hermes_run.tools.tool import Output
from hermes_run.tools.toolbox import Toolbox
from recorder.events import ToolReturned, ToolStarted, timestamp
from recorder.messages import LASTING, Effect, Times, ToolCall
from recorder.recording import Recording
from recorder.steps import Step, unanswered

_LAST_S = 5.0
"""How long a session whose time is over may take to record what its calls gave."""

_NO_RESULT = "the call ended without a result"

_Fields: TypeAlias = dict[str, Any]
"""The fields of a result, as they are recorded."""


async def run_calls(calls: Sequence[ToolCall], recording: Recording, agent: Agent) -> None:
    """Run *calls*, which are of the last reply, and record a result of each.

    Those that come after one that found the environment broken are left: the session is over.

    Raises:
        JournalError: the record can't be written.
        SandboxError: what there was of a copy of the workspace can't be removed.
    """
    held: list[_Fields] = []
    try:
        for group in in_order(await _refuse(calls, recording, agent), agent.toolbox):
            if await _run_group(group, held, recording, agent):
                break
    except anyio.get_cancelled_exc_class():
        # Where only the session is cut, because its time is over, nothing will run again, and what
        # returned counts.
        if agent.limited and agent.limited.is_over:
            with anyio.move_on_after(_LAST_S, shield=True):
                await recording.record_all(ToolReturned, held)
        raise
    await recording.record_all(ToolReturned, held)


def in_order(calls: Sequence[ToolCall], toolbox: Toolbox) -> Iterator[tuple[ToolCall, ...]]:
    """Give groups of *calls* that run one after another, the calls of each at once."""
    for alone, neighbours in groupby(calls, lambda call: _is_of("workspace", call, toolbox)):
        if alone:
            yield from ((call,) for call in neighbours)
        else:
            yield tuple(neighbours)


async def _run_group(
    group: tuple[ToolCall, ...], held: list[_Fields], recording: Recording, agent: Agent
) -> bool:
    """Run the calls of *group* at once; tell whether one of them found the environment broken.

    Their results are recorded, or added to *held* where they are to be recorded together.
    """
    if any(_is_of("external", call, agent.toolbox) for call in group):
        await recording.record_all(ToolReturned, held)
        held.clear()
    together = _is_of("workspace", group[0], agent.toolbox) and (
        bool(held) or await _copied(recording, agent)
    )
    await _start(group, recording, agent)
    returned: list[_Fields] = []
    recorded: list[ToolCall] = []

    async def run(call: ToolCall) -> None:
        fields = await _result(call, recording, agent)
        returned.append(fields)
        if not together:
            await recording.record(ToolReturned, **fields)
            recorded.append(call)

    async with anyio.create_task_group() as tasks:
        for call in group:
            tasks.start_soon(run, call)
    if together:
        held += returned or [_without_result(call) for call in group]
    elif len(recorded) < len(group):
        await _record_missing(group, recording)
    return any(SANDBOX_BROKE in fields["flags"] for fields in returned)


async def _refuse(
    calls: Sequence[ToolCall], recording: Recording, agent: Agent
) -> Sequence[ToolCall]:
    """Record what the model is told of those of *calls* that are not run; gives the others."""
    agent.repeats.read(recording.session.turns)
    why = refuse(calls, _step(recording), agent.repeats, agent.limits.calls)
    if not any(why):
        return calls
    now = timestamp(time.time())
    results = [
        _fields(call, failure(refusal.text, "skipped", (refusal.flag,)), now)
        for call, refusal in zip(calls, why, strict=True)
        if refusal
    ]
    await recording.record_all(ToolReturned, results)
    return tuple(call for call, refusal in zip(calls, why, strict=True) if not refusal)


async def _copied(recording: Recording, agent: Agent) -> bool:
    """Copy the workspace as it is before the next call; tell whether there is a copy."""
    if agent.mirror is None:
        return False
    # The mirror it replaces may be needed until what came after that one is on disk.
    await recording.durable()
    return await update_mirror(agent.mirror, changed_last(_step(recording)))


async def _start(group: Sequence[ToolCall], recording: Recording, agent: Agent) -> None:
    """Record that *group* starts; that is on disk before an effect that lasts begins."""
    step, effects = _step(recording), [agent.toolbox.effect_of(call.name) for call in group]
    for call, effect in zip(group, effects, strict=True):
        number = attempt_of(step, call)
        await recording.record(ToolStarted, call_id=call.id, effect=effect, attempt=number)
    if any(effect in LASTING for effect in effects):
        await recording.durable()


async def _record_missing(group: Sequence[ToolCall], recording: Recording) -> None:
    """Give an error to each call of *group* that has no result, or it would run for ever."""
    missing = {id(call) for call in unanswered(_step(recording))}
    results = [_without_result(call) for call in group if id(call) in missing]
    await recording.record_all(ToolReturned, results)


async def _result(call: ToolCall, recording: Recording, agent: Agent) -> _Fields:
    """Run *call*, if it is whole; gives the fields of its result."""
    started = timestamp(time.time())
    reply = _step(recording).reply
    if cut_off.is_cut_off(call, reply, agent.sampling):
        output = refused(Refused(cut_off.TEXT, cut_off.FLAG))
    else:
        context = msgspec.structs.replace(agent.context, step=reply.seq)
        output = await execute(call, agent.toolbox, context)
    return _fields(call, output, started)


def _without_result(call: ToolCall) -> _Fields:
    """Give the fields of the result of a call whose task was ended by what ran in it."""
    return _fields(call, failure(_NO_RESULT), timestamp(time.time()))


def _fields(call: ToolCall, output: Output, started: str) -> _Fields:
    """Give the fields of the result of *call*, which began to run at *started*."""
    return {
        "call_id": call.id,
        "status": output.status,
        "output": output.content,
        "bytes": output.bytes,
        "exit_code": output.exit_code,
        "times": Times(started=started, finished=timestamp(time.time())),
        "flags": output.flags,
    }


def _step(recording: Recording) -> Step:
    """The reply whose calls are running, with what came of them so far."""
    step = recording.session.turns[-1]
    assert isinstance(step, Step)  # noqa: S101  # narrowed: calls come of the last reply
    return step


def _is_of(effect: Effect, call: ToolCall, toolbox: Toolbox) -> bool:
    return toolbox.effect_of(call.name) == effect
