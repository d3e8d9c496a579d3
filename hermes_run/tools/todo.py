"""The session's task list.

The list is the fold of the calls that changed it, so that a session that goes on after a crash has
exactly the list that its record shows. Nothing of it is on disk beside the record.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hermes_run.tools.arguments import Refused, check
from hermes_run.tools.call import failure
from hermes_run.tools.schema import tool
from hermes_run.tools.tool import Context, Output
from recorder.messages import ToolCall
from recorder.session import Session
from recorder.steps import Step, pair

ITEMS = 256
CONTENT_CHARACTERS = 1_000
"""Of longer items only the beginning is kept, so that the list can be shown."""

_KEY = "todo.items"

Status = Literal["pending", "in_progress", "completed", "cancelled"]
STATUSES: tuple[Status, ...] = ("pending", "in_progress", "completed", "cancelled")


class Item(msgspec.Struct, frozen=True):
    """One task of the list, in the order of which the tasks matter."""

    id: str
    content: str
    status: Status


class Change(msgspec.Struct, frozen=True):
    """What a call says of one task; in a merge, what is not said stays."""

    id: str | int
    content: str | None = None
    status: Status | None = None


Items = tuple[Item, ...]


@tool(effect="pure")
async def todo(
    context: Context,
    todos: Annotated[list[Change], Meta(max_length=ITEMS)] | None = None,
    merge: bool = False,  # noqa: FBT001, FBT002 - the model's, by name
) -> Output:
    """Manage the task list of this session, for work of three steps and more.

    Call it without arguments to read the list. With todos it is written anew; with merge=true tasks
    are updated by id and new ones are added. List order is priority. Have one task in_progress at a
    time, and mark it completed as soon as it is. Always returns the whole list.

    Args:
        todos: The tasks: id, content and status (pending, in_progress, completed or cancelled).
            Leave it out to read the list.
        merge: Update the tasks named and add new ones, instead of replacing the list.
    """
    items: Items = context.state.get(_KEY, ())
    if todos is not None:
        changed = change(items, todos, merge=merge)
        if isinstance(changed, str):
            return failure(changed)
        items = context.state[_KEY] = changed
    return Output(_shown(items))


def change(items: Items, todos: list[Change], *, merge: bool) -> Items | str:
    """Give the list as *todos* leave it, or say why they can't be applied.

    Of equal ids the last one counts.
    """
    by_id = {item.id: item for item in items} if merge else {}
    for each in todos:
        name = str(each.id).strip()
        if not name:
            return "Each task needs an id that is not empty"
        before = by_id.get(name)
        content = each.content.strip() if each.content else before.content if before else ""
        if not content:
            return f"The task {name[:40]!r} is new and needs content"
        status = each.status or (before.status if before else "pending")
        by_id[name] = Item(name[:80], content[:CONTENT_CHARACTERS], status)
    if len(by_id) > ITEMS:
        return f"The list can have {ITEMS} tasks, not {len(by_id)}; leave out what is done"
    return tuple(by_id.values())


def recalled(session: Session) -> Items:
    """Give the task list as the calls recorded in *session* left it."""
    items: Items = ()
    for turn in session.turns:
        if isinstance(turn, Step):
            done = [
                (result.seq, call)
                for call, result in pair(turn).pairs
                if result and result.status == "ok"
            ]
            for _, call in sorted(done, key=lambda each: each[0]):
                items = _again(items, call)
    return items


def expect(state: dict[str, Any], session: Session) -> None:
    """Put the list of a session that goes on where its next call looks for it."""
    if items := recalled(session):
        state[_KEY] = items


def _again(items: Items, call: ToolCall) -> Items:
    """Apply a recorded call once more; what was refused then is refused now."""
    checked = check(call.arguments, todo) if call.name == todo.name else None
    if checked is None or isinstance(checked, Refused) or checked.values["todos"] is None:
        return items
    todos = msgspec.convert(checked.values["todos"], list[Change], from_attributes=True)
    changed = change(items, todos, merge=checked.values["merge"] is True)
    return items if isinstance(changed, str) else changed


def _shown(items: Items) -> str:
    counts = {status: sum(item.status == status for item in items) for status in STATUSES}
    told = {
        "todos": msgspec.to_builtins(items),
        "summary": {"total": len(items), **counts},
    }
    return json.dumps(told, ensure_ascii=False)
