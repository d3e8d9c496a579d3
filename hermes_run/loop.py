"""The loop: decide what a session needs next, do it, record what came of it.

All I/O of a session is here; what is to be done is decided elsewhere, from recorded facts alone.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any

import anyio
import msgspec

from hermes_run import cut_off
from hermes_run.brake import Brake
from hermes_run.decide import Ask, Call, Next, Stop, decide
from hermes_run.errors import EndpointError, NotAskedError, SandboxError
from hermes_run.failure import Failure
from hermes_run.limits import Limits, trying
from hermes_run.models.dialects.reading import NONE, read_calls
from hermes_run.models.estimating import Tally
from hermes_run.models.protocol import Model, Request
from hermes_run.models.tokens import Prompts
from hermes_run.models.wire import Transcript
from hermes_run.prices import Price, priced
from hermes_run.recovery import attempt_of, changed_last
from hermes_run.refusals import Repeats, refuse
from hermes_run.retry import Backoff, Tried, parked, pause
from hermes_run.sandboxes.mirror import Mirror, update_mirror
from hermes_run.sandboxes.protocol import Command
from hermes_run.tools.arguments import Refused
from hermes_run.tools.call import execute, failure, refused
from hermes_run.tools.tool import Context, Output
from hermes_run.tools.toolbox import Toolbox
from recorder.events import ModelFailed, ModelReplied, ToolReturned, ToolStarted, timestamp
from recorder.messages import LASTING, Json, Times, ToolCall, Usage
from recorder.recording import Recording
from recorder.session import Session
from recorder.steps import Step

_SCORED = ("completed", "limit", "refused")
_LAST_S = 5.0
"""How long a session whose time is over may take to record what its calls gave."""


class Agent(msgspec.Struct, frozen=True):
    """All that a session is driven with; ``verify`` is a command that scores the workspace.

    ``mirror`` holds the workspace as it was before a call that may change it, ``dialect`` says how
    the model writes calls where the server leaves them in the text. ``held`` is set where the
    session is cancelled after it mostly waited for leave to ask.
    """

    model: Model
    model_name: str
    toolbox: Toolbox
    tools: bytes
    context: Context
    transcript: Transcript
    brake: Brake
    limits: Limits = Limits()
    backoff: Backoff = Backoff()
    prices: Mapping[str, Price] = {}
    sampling: dict[str, Json] = {}
    verify: str | None = None
    mirror: Mirror | None = None
    tally: Tally = msgspec.field(default_factory=Tally)
    prompts: Prompts = msgspec.field(default_factory=Prompts)
    repeats: Repeats = msgspec.field(default_factory=Repeats)
    dialect: str = NONE
    held: anyio.Event | None = None


async def drive(recording: Recording, agent: Agent) -> Session:
    """Run a session to its end; every fact is recorded before it counts.

    Raises:
        JournalError: the record can't be written, so nothing more may be done.
    """
    while recording.session.ended is None:
        await recording.writable()  # what can't be recorded is not begun, least of all paid for
        await perform(next_step(recording.session, agent), recording, agent)
    return recording.session


def next_step(session: Session, agent: Agent) -> Next:
    """Decide, and ask nothing more of the model once the run is stopping."""
    step = decide(session, agent.limits)
    if isinstance(step, Ask) and agent.brake.pulled:
        return Stop("interrupted", agent.brake.cause or "", agent.brake.reason)
    return step


async def perform(step: Next, recording: Recording, agent: Agent) -> None:
    """Do what *step* says and record it."""
    match step:
        case Ask():
            await _ask(recording, agent)
        case Call(calls):
            await _call(calls, recording, agent)
        case Stop():
            await _stop(step, recording, agent)


async def _ask(recording: Recording, agent: Agent) -> None:
    request = Request(
        model=agent.model_name,
        messages=agent.transcript.extend(recording.session.turns),
        tools=agent.tools,
        sampling=agent.sampling,
        session=recording.session.id,
        held=agent.held,
    )
    try:
        reply = await agent.model.reply(request)
    except NotAskedError:
        return
    except EndpointError as error:
        await _note(error.failure, recording, agent)
    else:
        reply = read_calls(reply, agent.dialect, agent.toolbox.schemas)
        usage = _priced(await agent.tally.usage(request, reply), agent, reply.model)
        fields = msgspec.structs.asdict(reply)
        new = agent.prompts.new(reply)
        await recording.record(ModelReplied, **{**fields, **new, "usage": usage})


def _priced(usage: Usage | None, agent: Agent, answered: str | None = None) -> Usage | None:
    """Fill in what an attempt cost; the model that *answered* may have a price of its own."""
    return priced(usage, agent.prices, answered or agent.model_name, agent.model_name)


async def _note(failure: Failure, recording: Recording, agent: Agent) -> None:
    """Record an attempt that failed, and wait before the next if there is to be one."""
    session = recording.session
    before = session.failures[-1].attempt if session.failing else 0
    tried = Tried(before + (not failure.probe), trying(session, time.time()))
    wait_s = pause(agent.backoff, tried, failure, random.random())
    await recording.record(
        ModelFailed,
        attempt=tried.attempts,
        failure=failure.kind,
        error=failure.error,
        wait_s=wait_s,
        parked_s=parked(agent.backoff, failure),
        request_id=failure.request_id,
        usage=_priced(failure.usage, agent),
    )
    if failure.verdict == "run":
        agent.brake.pull("endpoint", failure.error)
    if wait_s:
        with anyio.move_on_after(wait_s):
            await agent.brake.wait()


async def _call(calls: tuple[ToolCall, ...], recording: Recording, agent: Agent) -> None:
    """Run *calls* at once; that they started is on disk before an effect that lasts begins."""
    calls = await _refuse(calls, recording, agent)
    step = _step(recording)
    effects = {call: agent.toolbox.effect_of(call.name) for call in calls}
    together = [call for call in calls if effects[call] == "workspace"]
    if not (agent.mirror and together and await _copied(agent.mirror, step, recording)):
        together = []
    for call in calls:
        await _start(call, step, recording, agent)
    if any(effect in LASTING for effect in effects.values()):
        await recording.durable()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_run_together, together, recording, agent)
        for call in calls:
            if call not in together:
                tasks.start_soon(_run, call, recording, agent)


async def _refuse(
    calls: tuple[ToolCall, ...], recording: Recording, agent: Agent
) -> tuple[ToolCall, ...]:
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


async def _copied(mirror: Mirror, step: Step, recording: Recording) -> bool:
    """Copy the workspace as it is before the calls of *step*; tell whether there is a copy."""
    # The mirror it replaces may be needed until what came after that one is on disk.
    await recording.durable()
    return await update_mirror(mirror, changed_last(step))


def _step(recording: Recording) -> Step:
    """The reply whose calls are running, with what came of them so far."""
    step = recording.session.turns[-1]
    assert isinstance(step, Step)  # noqa: S101  # narrowed: calls come of the last reply
    return step


async def _start(call: ToolCall, step: Step, recording: Recording, agent: Agent) -> None:
    effect = agent.toolbox.effect_of(call.name)
    number = attempt_of(step, call)
    await recording.record(ToolStarted, call_id=call.id, effect=effect, attempt=number)


async def _run_together(calls: list[ToolCall], recording: Recording, agent: Agent) -> None:
    """Run *calls*, which share a workspace, at once, and record all their results or none.

    The mirror holds the workspace as it was before all of them. Were one result recorded when the
    run is cut, the others could not be run again in the workspace as that one left it. Where only
    the session is cut, because its time is over, nothing will run again, and what returned counts.
    """
    returned: list[dict[str, Any]] = []

    async def run(call: ToolCall) -> None:
        returned.append(await _result(call, recording, agent))

    try:
        async with anyio.create_task_group() as tasks:
            for call in calls:
                tasks.start_soon(run, call)
    except anyio.get_cancelled_exc_class():
        if not agent.brake.pulled:
            with anyio.move_on_after(_LAST_S, shield=True):
                await recording.record_all(ToolReturned, returned)
        raise
    await recording.record_all(ToolReturned, returned)


async def _run(call: ToolCall, recording: Recording, agent: Agent) -> None:
    await recording.record(ToolReturned, **await _result(call, recording, agent))


async def _result(call: ToolCall, recording: Recording, agent: Agent) -> dict[str, Any]:
    """Run *call*, if it is whole; gives the fields of its result."""
    started = timestamp(time.time())
    reply = _step(recording).reply
    if cut_off.is_cut_off(call, reply, agent.sampling):
        output = refused(Refused(cut_off.TEXT, cut_off.FLAG))
    else:
        context = msgspec.structs.replace(agent.context, step=reply.seq)
        output = await execute(call, agent.toolbox, context)
    return _fields(call, output, started)


def _fields(call: ToolCall, output: Output, started: str) -> dict[str, Any]:
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


async def _stop(stop: Stop, recording: Recording, agent: Agent) -> None:
    """Score what was done, where there is something to score, and end the session."""
    if agent.verify and stop.outcome in _SCORED:
        reward = await _verify(agent.verify, agent.context)
        await recording.scored({"verify": reward}, source="verify")
    await recording.end(stop.outcome, reason=stop.reason, error=stop.error)


async def _verify(line: str, context: Context) -> float | None:
    """1 if the command succeeds in the workspace, 0 if not, nothing where it could not run."""
    bounds = context.bounds
    try:
        command = Command(line, bounds.timeout_s, bounds.output_bytes, alone=True)
        done = await context.sandbox.run(command)
    except (SandboxError, OSError):
        return None
    return float(done.exit_code == 0)
