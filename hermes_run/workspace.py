"""Where a session works: its folder, what is in it at first, and what it was before a crash."""

from __future__ import annotations

import errno
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from pathlib import Path

import anyio
import msgspec
from anyio import to_thread

from hermes_run.decide import Stop
from hermes_run.errors import SandboxError
from hermes_run.job import Job
from hermes_run.plan import Plan
from hermes_run.recovery import (
    UNKNOWN_TEXT,
    Restore,
    Unknown,
    changed_last,
    recover,
    touched_workspace,
)
from hermes_run.sandboxes.fencing import marks
from hermes_run.sandboxes.machine import TEMPORARY
from hermes_run.sandboxes.mirror import Mirror, restore_mirror
from hermes_run.sandboxes.nowhere import Nowhere
from hermes_run.sandboxes.protocol import Command, Sandbox
from hermes_run.sandboxes.wall import Site
from hermes_run.sandboxes.workspaces import make_tree, remove, remove_tree, strip_tree
from recorder.recording import Recording
from recorder.session import Session
from recorder.standing import Standing
from recorder.steps import Step

WORKSPACES = "workspaces"
MIRRORS = "mirrors"
SCRATCH = "scratch"
FOLDERS = (WORKSPACES, MIRRORS, SCRATCH)
"""Folders of a run directory in which each session has one."""

_FINAL = ("completed", "refused")
"""Outcomes after which nothing can go on, so that the workspace is of no more use."""

ROOM_S = 1.0
"""How soon it is tried again where the disk was full, in seconds."""

_END_S = 30.0


class Place(msgspec.Struct, frozen=True):
    """A session's sandbox, and the mirror of its workspace where there is one."""

    sandbox: Sandbox
    mirror: Mirror | None = None


class _Ground(msgspec.Struct, frozen=True):
    """Where a session's folders are: its workspace and the mirror of it, and its scratch folder."""

    mirror: Mirror
    scratch: Path


@asynccontextmanager
async def open_workspace(
    recording: Recording, job: Job, plan: Plan
) -> AsyncGenerator[Place | None]:
    """Give the session a sandbox with a folder of its own, as its row says or its past left it.

    Where nothing in the session could ask for a sandbox there is none, and no folder either.
    Gives ``None`` where the session has to end before it goes on; that is recorded.

    Raises:
        SandboxError: the sandbox can't be opened, the row's ``setup`` command failed, or the
            workspace is lost.
        UsageError: the row's workspace can't be used, or it asks for what the wall has not.
    """
    ground = _ground_of(job, plan)
    try:
        is_new = await _stand(recording, ground, job, plan)
        if recording.session.ended:
            yield None
            return
        async with _open_sandbox(ground, job, plan) as sandbox:
            if is_new and job.prompt.setup:
                await _set_up(job.prompt.setup, sandbox, plan)
            is_mirrored = plan.settings.workspace_on_crash == "snapshot"
            yield Place(sandbox, ground.mirror if is_mirrored else None)
    finally:
        with anyio.move_on_after(_END_S, shield=True):
            if job.going or _has_folder(job, plan):
                await _leave(recording.session, ground, plan)


@asynccontextmanager
async def _open_sandbox(ground: _Ground, job: Job, plan: Plan) -> AsyncGenerator[Sandbox]:
    if not _has_folder(job, plan):
        yield Nowhere()
        return
    site = Site(
        folder=ground.mirror.workspace,
        scratch=ground.scratch,
        marks=marks(plan.record.run, plan.record.directory, job.session_id),
        image=job.prompt.image,
    )
    async with AsyncExitStack() as stack:
        sandbox = await _enter(stack, site, plan)
        with plan.watch.over(sandbox):
            yield sandbox


async def _enter(stack: AsyncExitStack, site: Site, plan: Plan) -> Sandbox:
    """Open a sandbox in *stack*; while the disk is full the session waits, as for its record."""
    while True:
        try:
            return await stack.enter_async_context(plan.wall.open(site))
        except SandboxError as error:
            if getattr(error.__cause__, "errno", None) != errno.ENOSPC:
                raise
        await anyio.sleep(ROOM_S)


async def _stand(recording: Recording, ground: _Ground, job: Job, plan: Plan) -> bool:
    """Put the workspace where the session goes on from; tells whether it is new."""
    if job.going is None or job.going.anew:
        await _begin(ground, job, plan)
        return True
    return await _take_up(recording, ground, job, plan)


async def _begin(ground: _Ground, job: Job, plan: Plan) -> None:
    """Make the workspace as the row says, whatever was there before."""
    if not _has_folder(job, plan):
        return
    given = job.prompt.workspace
    source = plan.folder / given if isinstance(given, str) else given
    await to_thread.run_sync(_make, ground, source)


def _make(ground: _Ground, source: Path | Mapping[str, str] | None) -> None:
    """Make what a session begins with, all in one thread: each visit to one costs its part."""
    _remove(ground)
    make_tree(ground.mirror.workspace, source)
    ground.scratch.mkdir(mode=0o700, parents=True)


def _clear(ground: _Ground) -> None:
    """Remove what a session has beside its workspace; what is empty first, which is quickest."""
    ground.mirror.remove()
    remove_tree(ground.scratch / TEMPORARY)
    remove_tree(ground.scratch)


async def _set_up(line: str, sandbox: Sandbox, plan: Plan) -> None:
    settings = plan.settings
    command = Command(line, settings.tool_timeout, settings.tool_output, lasting=True)
    done = await sandbox.run(command)
    if done.exit_code != 0:
        said = done.stopped or done.output.decode("utf-8", "replace").strip()[-500:]
        raise SandboxError(f"the row's setup command ended with {done.exit_code}: {said}")


async def _take_up(recording: Recording, ground: _Ground, job: Job, plan: Plan) -> bool:
    """Bring the workspace of a session that goes on to where the record says it was.

    Tells whether it was made anew.
    """
    session, mirror = recording.session, ground.mirror
    settle = job.going is not None and job.going.settle
    has_mirror = await to_thread.run_sync(_has_mirror, session, mirror, plan)
    recovery = recover(session, has_mirror=has_mirror, settle=settle)
    if isinstance(recovery, Stop):
        await recording.end(recovery.outcome, reason=recovery.reason, error=recovery.error)
        return False
    if isinstance(recovery, Restore):
        # A restoration that died half way leaves no workspace, and then nothing to hold one.
        await anyio.Path(mirror.workspace.parent).mkdir(mode=0o700, exist_ok=True)
        if not await restore_mirror(mirror, recovery.seq):
            raise SandboxError(f"the copy of the workspace in {mirror.folder} is gone")
    # What nobody has worked in yet is made again: it may have been cut short while it was made.
    is_fresh = plan.settings.workspace_on_crash == "fresh" or not _is_used(job)
    is_new = is_fresh or not touched_workspace(session)
    if is_new:
        await _begin(ground, job, plan)
    elif not await to_thread.run_sync(_is_standing, ground):
        raise SandboxError(
            f"the workspace {mirror.workspace} is gone, and with it what the session did; "
            "`--restart-failed` begins the session anew"
        )
    if isinstance(recovery, Unknown):
        for call in recovery.calls:
            await recording.tool_returned(call.id, UNKNOWN_TEXT, status="unknown")
    return is_new


def _is_standing(ground: _Ground) -> bool:
    """Tell whether there is a workspace; its scratch folder is made where it is missing."""
    ground.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    return ground.mirror.workspace.is_dir()


def _has_mirror(session: Session, mirror: Mirror, plan: Plan) -> bool:
    last = session.turns[-1] if session.turns else None
    if plan.settings.workspace_on_crash != "snapshot" or not isinstance(last, Step):
        return False
    return mirror.stands_before(changed_last(last))


async def leave_workspace(session: Session, job: Job, plan: Plan) -> None:
    """Remove what *session* needs no more, if it is over, as its process did not get to do it.

    Raises:
        SandboxError: something can't be removed.
    """
    await _leave(session, _ground_of(job, plan), plan)


async def _leave(session: Session, ground: _Ground, plan: Plan) -> None:
    """Remove what a session that is over needs no more."""
    if session.ended is None or session.ended.outcome not in _FINAL:
        return
    await to_thread.run_sync(_keep if plan.settings.keep_workspaces else _remove, ground)


def _keep(ground: _Ground) -> None:
    _clear(ground)
    strip_tree(ground.mirror.workspace)


def _remove(ground: _Ground) -> None:
    _clear(ground)
    remove_tree(ground.mirror.workspace)


async def sweep_workspaces(plan: Plan, sessions: Mapping[str, Standing]) -> None:
    """Remove what sessions that need nothing more left behind when their process died.

    Raises:
        SandboxError: something can't be removed.
    """
    needed = {folder_name(name) for name, each in sessions.items() if each.ended not in _FINAL}
    kept = (WORKSPACES,) if plan.settings.keep_workspaces else ()
    for kind in FOLDERS:
        folder = anyio.Path(plan.record.directory / kind)
        left = [Path(path) async for path in folder.iterdir()] if await folder.exists() else []
        for path in left:
            if path.name not in needed and kind not in kept:
                await remove(path)


def _has_folder(job: Job, plan: Plan) -> bool:
    """Whether the session gets a workspace: one that nobody uses is only made to be kept."""
    return plan.settings.keep_workspaces or _is_used(job)


def _is_used(job: Job) -> bool:
    """Whether anything in the session may use its workspace."""
    prompt = job.prompt
    if prompt.setup or prompt.verify or prompt.image is not None or prompt.workspace is not None:
        return True
    return any(tool.has_folder for tool in job.toolbox.tools.values())


def _ground_of(job: Job, plan: Plan) -> _Ground:
    directory, name = plan.record.directory, folder_name(job.session_id)
    scratch = directory / SCRATCH / name
    mirror = Mirror(
        folder=directory / MIRRORS / name,
        workspace=directory / WORKSPACES / name,
        beside=scratch / TEMPORARY,
    )
    return _Ground(mirror, scratch)


def folder_name(session_id: str) -> str:
    """A session id as one safe folder name; ids come from input rows."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in session_id)
    safe = kept.lstrip(".")[:80]
    if safe and safe == session_id:
        return safe
    digest = sha256(session_id.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{safe}.{digest[:8]}"
