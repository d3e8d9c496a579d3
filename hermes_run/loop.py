"""The loop: decide what a session needs next, do it, record what came of it.

All I/O of a session is here; what is to be done is decided elsewhere, from recorded facts alone.
"""

from __future__ import annotations

import random
import time

import anyio
import msgspec

from hermes_run.agent import Agent
from hermes_run.calling import run_calls
from hermes_run.decide import Ask, Call, Next, Stop, decide
from hermes_run.errors import EndpointError, NotAskedError, SandboxError
from hermes_run.failure import Failure
from hermes_run.limits import trying
from hermes_run.models.calls import with_ids
from hermes_run.models.dialects.reading import read_calls
from hermes_run.models.protocol import Request
from hermes_run.prices import priced
from hermes_run.retry import Tried, parked, pause
from hermes_run.sandboxes.protocol import Command
from hermes_run.tools.tool import Context
from recorder.events import ModelFailed, ModelReplied
from recorder.messages import Usage
from recorder.recording import Recording
from recorder.session import Session

_SCORED = ("completed", "limit", "refused")


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
    step = decide(session, agent.limits, agent.worked)
    if isinstance(step, Ask) and agent.brake.pulled:
        return Stop("interrupted", agent.brake.cause or "", agent.brake.reason)
    return step


async def perform(step: Next, recording: Recording, agent: Agent) -> None:
    """Do what *step* says and record it."""
    match step:
        case Ask():
            await _ask(recording, agent)
        case Call(calls):
            await run_calls(calls, recording, agent)
        case Stop():
            await _stop(step, recording, agent)


async def _ask(recording: Recording, agent: Agent) -> None:
    request = Request(
        model=agent.model_name,
        messages=agent.transcript.extend(recording.session.turns),
        tools=agent.tools,
        sampling=agent.sampling,
        session=recording.session.id,
        held=agent.limited and agent.limited.held,
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
        fields = {**msgspec.structs.asdict(reply), "calls": with_ids(reply.calls)}
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
