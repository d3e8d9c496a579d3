"""One prompt, one sample: a workspace, a session, its score and its row."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from hashlib import sha256

import anyio
import msgspec
from structlog.typing import FilteringBoundLogger

from hermes_run.brake import Brake
from hermes_run.config import Settings
from hermes_run.errors import SandboxError, UsageError, leaves
from hermes_run.limits import Limits
from hermes_run.loop import Agent, drive
from hermes_run.models.protocol import Model
from hermes_run.models.wire import Transcript
from hermes_run.prompts import Prompt
from hermes_run.retry import Backoff
from hermes_run.sandboxes.plain import open_plain
from hermes_run.sandboxes.protocol import Command, Sandbox
from hermes_run.sandboxes.workspaces import prepare, remove
from hermes_run.tools.tool import Bounds, Context
from hermes_run.tools.toolbox import Toolbox
from recorder.errors import JournalError
from recorder.json_text import encode
from recorder.messages import Json, Message
from recorder.record import Record
from recorder.recording import Recording
from recorder.session import Session

WORKSPACES = "workspaces"
_END_S = 30.0


class Job(msgspec.Struct, frozen=True):
    """A session to run: a prompt, which sample of it, and the tools it gets."""

    prompt: Prompt
    sample: int
    toolbox: Toolbox
    toolsets: tuple[str, ...]

    @property
    def session_id(self) -> str:
        """The session's id: the prompt's key and the sample."""
        return f"{self.prompt.key}-{self.sample}"


class Plan(msgspec.Struct, frozen=True):
    """What all sessions of a run share."""

    settings: Settings
    model: Model
    model_name: str
    provider: str
    record: Record
    brake: Brake
    log: FilteringBoundLogger
    prefill: tuple[Message, ...] = ()


async def attempt(job: Job, plan: Plan) -> Session:
    """Run *job* to its end, whatever that is, and write its row.

    Raises:
        JournalError: the record can't be written; the run must stop.
    """
    recording = await _start(job, plan)
    try:
        await _run(recording, job, plan)
    finally:
        await _finish(recording, plan)
    return recording.session


async def _start(job: Job, plan: Plan) -> Recording:
    return await plan.record.start(
        job.prompt.messages,
        job.toolbox.schemas,
        id=job.session_id,
        prompt_key=job.prompt.key,
        prompt_index=job.prompt.index,
        row_hash=job.prompt.row_hash,
        sample=job.sample,
        toolsets=job.toolsets,
        model=plan.model_name,
        provider=plan.provider,
        sampling=_sampling(plan.settings),
        metadata=job.prompt.metadata,
    )


async def _run(recording: Recording, job: Job, plan: Plan) -> None:
    """Drive the session within its time, in its own workspace."""
    with anyio.move_on_after(plan.settings.session_timeout) as clock:
        try:
            async with _workspace(job, plan) as sandbox:
                await drive(recording, _agent(job, plan, sandbox))
        except Exception as error:  # noqa: BLE001  # whatever broke a session ends that session only
            await _end_broken(recording, plan, error)
    if clock.cancelled_caught and recording.session.ended is None:
        await recording.end("limit", reason="session_timeout")


async def _end_broken(recording: Recording, plan: Plan, error: Exception) -> None:
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
        await recording.end("tool_error", reason="sandbox" if expected else "internal", error=text)


async def _finish(recording: Recording, plan: Plan) -> None:
    """Write the row; a session that has no end by now was cancelled.

    Short, because whoever cancelled waits for it.
    """
    with anyio.move_on_after(_END_S, shield=True):
        if recording.session.ended is None:
            await recording.end("interrupted", reason=plan.brake.reason or "cancelled")
        await plan.record.finish(recording.session)


@asynccontextmanager
async def _workspace(job: Job, plan: Plan) -> AsyncGenerator[Sandbox]:
    """Give the session a folder of its own, filled as its row says.

    Raises:
        SandboxError: the row's ``setup`` command failed.
    """
    folder = plan.record.directory / WORKSPACES / _folder_name(job.session_id)
    try:
        await prepare(folder, job.prompt.workspace)
        async with open_plain(folder) as sandbox:
            if job.prompt.setup:
                await _set_up(job.prompt.setup, sandbox, plan.settings)
            yield sandbox
    finally:
        if not plan.settings.keep_workspaces:
            with anyio.move_on_after(_END_S, shield=True):
                await remove(folder)


async def _set_up(line: str, sandbox: Sandbox, settings: Settings) -> None:
    done = await sandbox.run(Command(line, settings.tool_timeout, settings.tool_output))
    if done.exit_code != 0:
        said = done.output.decode("utf-8", "replace").strip()[-500:]
        raise SandboxError(f"the row's setup command ended with {done.exit_code}: {said}")


def _agent(job: Job, plan: Plan, sandbox: Sandbox) -> Agent:
    settings = plan.settings
    schemas = job.toolbox.schemas
    return Agent(
        model=plan.model,
        model_name=plan.model_name,
        toolbox=job.toolbox,
        tools=encode(schemas) if schemas else b"",
        context=Context(
            session=job.session_id,
            sandbox=sandbox,
            bounds=Bounds(settings.tool_timeout, settings.tool_output),
        ),
        transcript=Transcript(settings.ephemeral_system, plan.prefill),
        brake=plan.brake,
        limits=Limits(
            turns=settings.max_turns,
            tokens=settings.max_tokens,
            time_s=settings.session_timeout,
        ),
        backoff=Backoff(settings.attempts, settings.retry_base, settings.retry_cap),
        sampling=_sampling(settings),
        verify=job.prompt.verify,
    )


def _sampling(settings: Settings) -> dict[str, Json]:
    effort = settings.reasoning_effort
    return {**settings.sampling, **({"reasoning_effort": effort} if effort else {})}


def _folder_name(session_id: str) -> str:
    """A session id as one safe folder name; ids come from input rows."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in session_id)
    safe = kept.lstrip(".")[:80]
    return safe if safe == session_id else f"{safe}.{_digest(session_id)}"


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
