"""The tool ``patch``: change parts of files, one by one or many at once."""

from __future__ import annotations

from typing import Literal

from anyio import to_thread

from hermes_run.tools.call import failure
from hermes_run.tools.changes import Draft, Refusal, carry_out, drafted, look_up, move, put
from hermes_run.tools.diffs.applying import apply_hunks
from hermes_run.tools.diffs.hunks import BadPatch, FilePatch
from hermes_run.tools.diffs.rows import split_rows
from hermes_run.tools.diffs.showing import show_edits
from hermes_run.tools.diffs.unified import parse_unified
from hermes_run.tools.diffs.v4a import is_v4a, parse_v4a
from hermes_run.tools.files import not_done, turn
from hermes_run.tools.replacing import Replaced, replace
from hermes_run.tools.schema import tool
from hermes_run.tools.texts import Text, decode, encode, is_binary
from hermes_run.tools.tool import Context, Output

NOTE_BYTES = 400
PARTS_SHOWN = 20
SHOWN_BYTES = 16_000
"""The diff of one file is cut at this size."""

_INVALID = ("invalid", ("invalid_arguments",))


@tool(effect="workspace")
async def patch(  # noqa: PLR0913, PLR0917 - models name their arguments
    here: Context,
    mode: Literal["replace", "patch"] = "replace",
    path: str | None = None,
    old_string: str | None = None,
    new_string: str | None = None,
    replace_all: bool = False,  # noqa: FBT001, FBT002 - models name their arguments
    patch: str | None = None,
) -> str | Output:
    """Change parts of files; use this instead of sed or awk.

    mode='replace' exchanges old_string for new_string in path. old_string must stand in the file as
    given, white space included, and only once unless replace_all is set; take in lines around it to
    make it the only one.

    mode='patch' takes a patch of one file or many: a unified diff as git writes it, or the form
    '*** Begin Patch', '*** Update File: PATH', '@@', lines with ' ', '-' or '+', '*** End Patch'
    (also '*** Add File: PATH', '*** Delete File: PATH', '*** Move to: PATH'). All of it is done or
    nothing.

    The result shows what was changed as a diff. Where something does not fit, the nearest lines are
    shown.

    Args:
        mode: 'replace' or 'patch'.
        path: The file, relative to the workspace; for mode='replace'.
        old_string: The text to replace, without line numbers; for mode='replace'.
        new_string: The text to put there, empty to delete; for mode='replace'.
        replace_all: Replace it wherever it stands.
        patch: The patch; for mode='patch'.
    """
    if mode == "patch" or (patch and old_string is None):
        if not patch:
            return failure("mode='patch' needs patch: a unified diff or a V4A patch", *_INVALID)
        return await _patched(here, patch, path)
    if path is None or old_string is None or new_string is None:
        missing = {"path": path, "old_string": old_string, "new_string": new_string}
        names = ", ".join(name for name, value in missing.items() if value is None)
        return failure(f"mode='replace' needs {names}", *_INVALID)
    return await _exchanged(here, path, (old_string, new_string), replace_all)


async def _exchanged(
    here: Context,
    path: str,
    strings: tuple[str, str],
    every: bool,  # noqa: FBT001
) -> str | Output:
    """Replace a string in one file."""
    try:
        async with turn(here):
            content = await look_up(here, path)
            if isinstance(content, Refusal):
                return failure(f"{path} was not changed: {content.text}")
            made = await to_thread.run_sync(_replace, content, *strings, every)
            if isinstance(made, str):
                return failure(f"{path} was not changed: {made}")
            await here.sandbox.write(path, made[2])
    except OSError as error:
        return await not_done(here, "patch", path, error)
    before, replaced, _ = made
    lines = ", ".join(str(line) for line in replaced.lines)
    more = ", ..." if replaced.count > len(replaced.lines) else ""
    said = [f"Replaced {replaced.count} in {path} (line {lines}{more})"]
    said += [f"[{replaced.note}]"] if replaced.note else []
    room = here.bounds.output_bytes - NOTE_BYTES - len("\n".join(said))
    return "\n".join([*said, show_edits(split_rows(before.text).lines, replaced.edits, room)])


def _replace(
    content: bytes,
    old: str,
    new: str,
    every: bool,  # noqa: FBT001
) -> tuple[Text, Replaced, bytes] | str:
    before = _text(content)
    if isinstance(before, str):
        return before
    replaced = replace(before.text, old, new, every=every)
    if isinstance(replaced, str):
        return replaced
    written = encode(replaced.text, before)
    if written is None:
        return f"the file is {before.encoding}, which has not all characters of new_string"
    return before, replaced, written


def _text(content: bytes) -> Text | str:
    if is_binary(content):
        return "it is a binary file; use a command"
    text = decode(content)
    if text.damaged or encode(text.text, text) != content:
        return "it is not UTF-8 text; use a command"
    return text


async def _patched(here: Context, patch: str, path: str | None) -> str | Output:
    """Apply a patch, all of it or nothing."""
    parsed = await to_thread.run_sync(_parsed, patch, path)
    if isinstance(parsed, BadPatch):
        return failure(f"Nothing was changed. The patch can't be read: {parsed.text}")
    async with turn(here):
        draft = Draft()
        refusals: list[str] = []
        for one in parsed:
            refused = await _drafted(here, draft, one)
            refusals += [f"{one.path}: {refused.text}"] if refused else []
        if refusals:
            return failure("\n".join(["Nothing was changed.", *refusals]))
        if draft.before == draft.after:
            return failure("Nothing was changed: the files are already as the patch makes them")
        broken = await carry_out(here, draft)
    return failure(broken) if broken else _told(draft, here.bounds.output_bytes - NOTE_BYTES)


def _parsed(patch: str, path: str | None) -> tuple[FilePatch, ...] | BadPatch:
    return parse_v4a(patch) if is_v4a(patch) else parse_unified(patch, path)


async def _drafted(here: Context, draft: Draft, one: FilePatch) -> Refusal | None:
    """Put what happens to one file into the draft, or say why it can't."""
    content = await drafted(here, draft, one.path)
    draft.notes.extend(f"{one.path}: {note}" for note in one.notes)
    if one.kind == "add":
        return await to_thread.run_sync(_add, draft, one, content)
    if isinstance(content, Refusal):
        other = f" (the patch also calls it {one.otherwise}; a move is to be said)"
        return Refusal(content.text + (other if one.otherwise else ""))
    if one.to is not None:
        free = await drafted(here, draft, one.to)
        if not isinstance(free, Refusal) or not free.missing:
            why = free.text if isinstance(free, Refusal) else "there is such a file"
            return Refusal(f"it can't be moved to {one.to}: {why}")
    return await to_thread.run_sync(_change, draft, one, content)


def _add(draft: Draft, one: FilePatch, content: bytes | Refusal) -> Refusal | None:
    if isinstance(content, Refusal) and not content.missing:
        return content
    applied = apply_hunks("", one.hunks)
    if isinstance(applied, BadPatch):
        return Refusal(applied.text)
    made = applied.text.encode()
    if isinstance(content, bytes) and content not in {b"", made}:
        return Refusal("there is such a file already; update it, or write it with write_file")
    put(draft, one.path, made)
    draft.said.append((f"Added {one.path} ({len(split_rows(applied.text).lines)} lines)", ""))
    return None


def _change(draft: Draft, one: FilePatch, content: bytes) -> Refusal | None:
    """Apply the hunks of an update, a move or a deletion, which may have none."""
    made = _applied(content, one)
    if isinstance(made, Refusal):
        return made
    written, shown, notes = made
    draft.notes.extend(f"{one.path}: {note}" for note in notes)
    if one.kind == "delete":
        if one.hunks and written:
            return Refusal("the patch deletes it but not all of its lines")
        put(draft, one.path, None)
        draft.said.append((f"Deleted {one.path}", ""))
        return None
    put(draft, one.path, written)
    if one.to is not None:
        move(draft, one.path, one.to)
    head = f"Changed {one.path}" if one.to is None else f"Moved {one.path} to {one.to}"
    draft.said.append((head, shown))
    return None


def _applied(content: bytes, one: FilePatch) -> tuple[bytes, str, tuple[str, ...]] | Refusal:
    if not one.hunks:
        return content, "", ()
    before = _text(content)
    if isinstance(before, str):
        return Refusal(before)
    applied = apply_hunks(before.text, one.hunks)
    if isinstance(applied, BadPatch):
        return Refusal(applied.text)
    written = encode(applied.text, before)
    if written is None:
        return Refusal(f"it is {before.encoding}, which has not all characters of the new lines")
    shown = show_edits(split_rows(before.text).lines, applied.edits, SHOWN_BYTES)
    return written, shown, applied.notes


def _told(draft: Draft, room: int) -> str:
    """Say what was done to each file, with as much of the diffs as there is room for."""
    notes = [f"[{note}]" for note in draft.notes[:PARTS_SHOWN]]
    room -= sum(len(note.encode()) + 1 for note in notes)
    parts: list[str] = []
    for head, shown in draft.said:
        whole = f"{head}\n{shown}" if shown else head
        room -= len(whole.encode("utf-8", "replace")) + 1
        parts.append(whole if room >= 0 else head)
    return "\n".join([*parts, *notes])
