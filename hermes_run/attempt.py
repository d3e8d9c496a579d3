"""One prompt, one sample: a workspace, a session, its score and its row."""

from __future__ import annotations

import anyio

from hermes_run.agent import Agent, Limited
from hermes_run.config import Settings
from hermes_run.decide import time_over
from hermes_run.errors import SandboxError, UsageError, leaves
from hermes_run.job import Job
from hermes_run.limits import Limits, elapsed
from hermes_run.loop import drive
from hermes_run.models.dialects.reading import NONE
from hermes_run.models.dialects.typed import Tools
from hermes_run.models.dialects.writing import write_tools
from hermes_run.models.wire import Transcript
from hermes_run.plan import Plan
from hermes_run.refusals import Repeats
from hermes_run.retry import Backoff
from hermes_run.tools.belongings import Belongings, open_belongings
from hermes_run.tools.foreign import go_on_after
from hermes_run.tools.remembering import remembered
from hermes_run.tools.tool import Bounds, Context
from hermes_run.workspace import Place, open_workspace
from recorder.errors import JournalError
from recorder.json_text import encode
from recorder.messages import Json, Outcome
from recorder.recording import Recording
from recorder.session import Session

_END_S = 30.0
"""How long a session that was cancelled may take to record its end, in seconds."""

_NO_END = "the session was left before its end"


async def attempt(job: Job, plan: Plan) -> Session:
    """Run *job* to its end, whatever that is, and write its row.

    Raises:
        JournalError: the record can't be written; the run must stop.
    """
    session = job.going.session if job.going else Session(id=job.session_id)
    recording = Recording(session, plan.record)
    try:
        await _run(recording, job, plan)
        await _write_row(recording, plan)  # waits while the disk is full, however long that is
    except JournalError:
        raise
    except BaseException:
        if recording.session.seq > session.seq:
            await _give_up(recording, plan)
        raise
    return recording.session


async def _run(recording: Recording, job: Job, plan: Plan) -> None:
    """Begin the session, or go on with it, and drive it within its time in its own workspace."""
    before = recording.session.seq
    try:
        await _begin(recording, job, plan)
    except Exception as error:
        if recording.session.seq == before:  # nobody knows of it, so it can't have an end
            raise
        await _end_broken(recording, plan, error)
        return
    limit = plan.settings.session_timeout
    left = None if limit is None else max(0.0, limit - elapsed(recording.session))
    held = anyio.Event()
    with anyio.move_on_after(left) as clock:
        try:
            await _work(recording, job, plan, Limited(clock, held))
        # Whatever broke a session ends that session only; also a cancellation that is not its own.
        except BaseException as error:  # noqa: BLE001 - all of it becomes a fact
            await go_on_after(error)
            await _end_broken(recording, plan, error)
    if clock.cancelled_caught and recording.session.ended is None:
        end = time_over(recording.session, held=held.is_set())
        await _end(recording, plan, end.outcome, reason=end.reason, error=end.error)
    elif recording.session.ended is None:
        await _end(recording, plan, "tool_error", reason="internal", error=_NO_END)


async def _begin(recording: Recording, job: Job, plan: Plan) -> None:
    if job.going:
        await plan.record.go_on(recording, anew=job.going.anew, drift=job.going.drift)
        return
    await plan.record.begin(
        recording,
        job.prompt.messages,
        job.toolbox.schemas,
        prompt_key=job.prompt.key,
        prompt_index=job.prompt.index,
        row_hash=job.prompt.row_hash,
        sample=job.sample,
        toolsets=job.toolsets,
        draw_seed=job.draw_seed,
        run_tools=job.run_tools,
        model=plan.model_name,
        provider=plan.provider,
        sandbox=plan.wall.name,
        sampling=_sampling(plan.settings),
        metadata=job.prompt.metadata,
    )


async def _work(recording: Recording, job: Job, plan: Plan, limited: Limited) -> None:
    async with open_workspace(recording, job, plan) as place:
        if place:
            async with open_belongings() as belongings:
                agent = _agent(job, plan, place, belongings, limited)
                agent.context.state.update(remembered(recording.session))
                await drive(recording, agent)


async def _end_broken(recording: Recording, plan: Plan, error: BaseException) -> None:
    """Record that the environment broke.

    Raises:
        JournalError: it is the record that broke.
    """
    causes = leaves(error)
    broken_record = next((cause for cause in causes if isinstance(cause, JournalError)), None)
    if broken_record:
        raise broken_record
    cause = causes[0]
    expected = isinstance(cause, SandboxError | UsageError | OSError)
    if not expected:
        plan.log.error("session broke", session=recording.session.id, exc_info=cause)
    if recording.session.ended is None:
        text = str(cause) if expected else f"{type(cause).__name__}: {cause}"
        reason = "sandbox" if expected else "internal"
        await _end(recording, plan, "tool_error", reason=reason, error=text)


async def _end(
    recording: Recording, plan: Plan, outcome: Outcome, *, reason: str, error: str | None = None
) -> None:
    """Record the end; a sink that raises at it is in the log, and the session has its end.

    Raises:
        JournalError: it can't be recorded.
    """
    try:
        await recording.end(outcome, reason=reason, error=error)
    except JournalError:
        raise
    except Exception:
        if recording.session.ended is None:
            raise
        plan.log.exception("session broke", session=recording.session.id)


async def _write_row(recording: Recording, plan: Plan) -> None:
    await recording.kept()  # a session whose time was over did not wait for its own end
    await plan.record.finish(recording.session)


async def _give_up(recording: Recording, plan: Plan) -> None:
    """End a session that was cancelled, and the run with it: nobody waits for room any more.

    Raises:
        JournalError: the end can't be recorded.
    """
    plan.record.wait_no_more()
    with anyio.move_on_after(_END_S, shield=True):
        try:
            if recording.session.ended is None:
                reason = plan.brake.reason or "cancelled"
                await _end(recording, plan, "interrupted", reason=reason)
        finally:
            if recording.session.ended:
                await _write_row(recording, plan)


def _agent(job: Job, plan: Plan, place: Place, belongings: Belongings, limited: Limited) -> Agent:
    settings = plan.settings
    schemas = job.toolbox.schemas
    return Agent(
        model=plan.model,
        model_name=plan.model_name,
        toolbox=job.toolbox,
        tools=encode(schemas) if schemas and _in_text(settings) == NONE else b"",
        context=Context(
            session=job.session_id,
            sandbox=place.sandbox,
            bounds=Bounds(settings.tool_timeout, settings.tool_output),
            belongings=belongings,
        ),
        transcript=_transcript(plan, schemas),
        brake=plan.brake,
        limits=Limits(
            turns=settings.max_turns,
            tokens=settings.max_tokens,
            cost_usd=settings.max_session_cost_usd,
            time_s=settings.session_timeout,
            working_s=settings.working_time,
            calls=settings.max_calls,
        ),
        backoff=Backoff(
            attempts=settings.attempts,
            base_s=settings.retry_base,
            cap_s=settings.retry_cap,
            patience_s=settings.patience,
            time_s=settings.retry_time,
        ),
        prices=plan.prices,
        sampling=_sampling(settings),
        verify=job.prompt.verify,
        mirror=place.mirror,
        repeats=Repeats(settings.max_repeats),
        dialect=settings.tool_dialect,
        limited=limited,
    )


def _transcript(plan: Plan, schemas: Tools) -> Transcript:
    """Begin a transcript; where tools go as text, they are told in a layer of the system text."""
    dialect, ephemeral = _in_text(plan.settings), plan.settings.ephemeral_system
    if dialect != NONE:
        told = (write_tools(dialect, schemas), ephemeral)
        ephemeral = "\n\n".join(layer for layer in told if layer)
    return Transcript(ephemeral, plan.prefill, dialect)


def _in_text(settings: Settings) -> str:
    """Give the dialect that tools, calls and results are sent in, if they are sent as text."""
    return NONE if settings.native_tools else settings.tool_dialect


def _sampling(settings: Settings) -> dict[str, Json]:
    effort = settings.reasoning_effort
    return {**settings.sampling, **({"reasoning_effort": effort} if effort else {})}
