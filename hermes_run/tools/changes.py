"""Change several files, all or none.

Everything is worked out on a draft first. Only then are files moved, written and deleted, in this
order; where one of these steps fails, those before it are undone.
"""

from __future__ import annotations

import errno

import anyio
import msgspec

from hermes_run.sandboxes.protocol import Command
from hermes_run.tools.paths import near_names, quoted
from hermes_run.tools.reading import FILE_BYTES
from hermes_run.tools.tool import Context

STEP_S = 10.0
WHOLE_S = 60.0
"""How long the steps together may take, which nothing else cuts short."""

SAID_BYTES = 1_000


class Refusal(msgspec.Struct, frozen=True):
    """Why a file can't be changed; *missing* where there is none."""

    text: str
    missing: bool = False


class Draft(msgspec.Struct, frozen=True):
    """Files as they are and as they are to be (``None`` for none), and what will be said.

    ``moves`` are pairs of names that are taken before anything is written; ``said`` are pairs of a
    line and a diff.
    """

    before: dict[str, bytes | None] = {}
    after: dict[str, bytes | None] = {}
    moves: list[tuple[str, str]] = []
    said: list[tuple[str, str]] = []
    notes: list[str] = []


class _Step(msgspec.Struct, frozen=True):
    """Move *path* to another name, write it, or remove it."""

    path: str
    to: str | None = None
    content: bytes | None = None


async def look_up(context: Context, path: str) -> bytes | Refusal:
    """Read a file that is to be changed.

    Raises:
        OSError: the sandbox refuses.
    """
    content = await context.sandbox.read(path, FILE_BYTES + 1)
    if len(content) > FILE_BYTES:
        return Refusal(f"it is larger than {FILE_BYTES} bytes; use a command such as sed")
    return content


async def drafted(context: Context, draft: Draft, path: str) -> bytes | Refusal:
    """Give a file as it is in the draft, looking it up the first time."""
    path = path.removeprefix("./")
    if path not in draft.before:
        try:
            content = await look_up(context, path)
        except FileNotFoundError:
            content = None
        except OSError as error:
            return Refusal(str(error.strerror))
        if isinstance(content, Refusal):
            return content
        draft.before[path] = draft.after[path] = content
    content = draft.after[path]
    if content is not None:
        return content
    if draft.before[path] is not None:
        return Refusal("the patch deletes it or moves it away before", missing=True)
    return Refusal(f"there is no such file{await near_names(context, path)}", missing=True)


def put(draft: Draft, path: str, content: bytes | None) -> None:
    """Have a file written, or deleted; it was looked up before."""
    draft.after[path.removeprefix("./")] = content


def move(draft: Draft, path: str, to: str) -> None:
    """Have a file moved to a name where nothing is; both were looked up before."""
    old, new = path.removeprefix("./"), to.removeprefix("./")
    draft.after[new], draft.after[old] = draft.after[old], None
    if draft.before[old] is not None and draft.before[new] is None:
        draft.moves.append((old, new))


async def carry_out(context: Context, draft: Draft) -> str:
    """Do what the draft says, or undo what was done of it; gives what went wrong, or nothing."""
    done: list[_Step] = []
    with anyio.move_on_after(WHOLE_S, shield=True) as scope:
        for step, back in _steps(draft):
            # What fails may have been done in part, so it is undone as well.
            done.append(back)
            try:
                await _do(context, step)
            except OSError as error:
                left = await _undo(context, done)
                undone = f"; not undone: {', '.join(left)}" if left else "; nothing is changed"
                return f"{step.path}: {error.strerror}{undone}"
    if scope.cancelled_caught:
        return f"the change of {len(draft.after)} files was stopped half way; look at them again"
    return ""


def _steps(draft: Draft) -> list[tuple[_Step, _Step]]:
    """Write out the steps, each with the one that undoes it."""
    there = dict(draft.before)
    steps: list[tuple[_Step, _Step]] = []
    for old, new in draft.moves:
        steps.append((_Step(old, to=new), _Step(new, to=old)))
        there[new], there[old] = there[old], None
    changed = [path for path, content in draft.after.items() if content != there[path]]
    # A deletion comes last: of all steps it is the hardest to undo.
    changed.sort(key=lambda path: draft.after[path] is None)
    return steps + [
        (_Step(path, content=draft.after[path]), _Step(path, content=there[path]))
        for path in changed
    ]


async def _do(context: Context, step: _Step) -> None:
    if step.to is not None:
        # Makes the folders, and refuses what is outside.
        await context.sandbox.write(step.to, b"")
        await _command(context, f"mv -f {quoted(step.path)} {quoted(step.to)}")
    elif step.content is not None:
        await context.sandbox.write(step.path, step.content)
    else:
        await _command(context, f"rm -f {quoted(step.path)}")


async def _undo(context: Context, done: list[_Step]) -> list[str]:
    """Go back step by step; gives the files that could not be brought back."""
    left: list[str] = []
    for back in reversed(done):
        try:
            await (_do(context, back) if back.to is None else _move_back(context, back))
        except OSError:
            left.append(back.to or back.path)
    return left


async def _move_back(context: Context, back: _Step) -> None:
    """Undo a move, which may have been done, or have come as far as an empty file, or not begun."""
    if not await _is_there(context, back.path):
        return
    moved = back.to is not None and not await _is_there(context, back.to)
    await _do(context, back if moved else _Step(back.path))


async def _is_there(context: Context, path: str) -> bool:
    try:
        await context.sandbox.read(path, 0)
    except OSError:
        return False
    return True


async def _command(context: Context, line: str) -> None:
    finished = await context.sandbox.run(Command(line, STEP_S, SAID_BYTES))
    if finished.exit_code != 0:
        said = finished.output.decode("utf-8", "replace").strip()
        raise OSError(errno.EIO, said or "the command was stopped")
