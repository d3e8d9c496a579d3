"""The task list, and what a session that goes on knows of its past."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_run.tools import shell
from hermes_run.tools.python import _KEY as PYTHON
from hermes_run.tools.remembering import remembered
from hermes_run.tools.todo import ITEMS, STATUSES, Change, Item, change, recalled
from recorder.events import ModelReplied, ToolReturned
from recorder.messages import Status, ToolCall
from recorder.session import Session
from recorder.steps import Step

TS = "2026-11-22T17:00:00.000Z"
IDS = st.sampled_from(["1", "2", "3", "four"])
CHANGES = st.lists(
    st.builds(
        Change,
        id=IDS,
        content=st.none() | st.text(max_size=5),
        status=st.none() | st.sampled_from(STATUSES),
    ),
    max_size=5,
)


def step(*calls: tuple[str, str, Status]) -> Step:
    """Make a step of calls, each with its result."""
    made = tuple(ToolCall(f"c{n}", name, raw) for n, (name, raw, _) in enumerate(calls))
    results = tuple(
        ToolReturned(session="s", seq=n + 2, ts=TS, call_id=f"c{n}", status=status, output="...")
        for n, (_, _, status) in enumerate(calls)
    )
    return Step(ModelReplied(session="s", seq=1, ts=TS, calls=made), results=results)


async def test_a_list_is_written_read_and_merged(said):
    """It always comes back whole, with counts."""
    assert (await said("todo"))["todos"] == []
    await said("todo", todos=[{"id": "1", "content": "a", "status": "in_progress"}])
    await said("todo", todos=[{"id": "2", "content": "b"}], merge=True)
    told = await said("todo", todos=[{"id": "1", "status": "completed"}], merge=True)
    assert told == {
        "todos": [
            {"id": "1", "content": "a", "status": "completed"},
            {"id": "2", "content": "b", "status": "pending"},
        ],
        "summary": {"total": 2, "pending": 1, "in_progress": 0, "completed": 1, "cancelled": 0},
    }
    assert await said("todo") == told
    assert (await said("todo", todos=[]))["todos"] == []


async def test_an_id_may_be_a_number(said):
    """It is the same as when it is written as text."""
    await said("todo", todos=[{"id": 1, "content": "a"}, {"id": 2, "content": "b"}])
    told = await said("todo", todos=[{"id": "1", "status": "completed"}], merge=True)
    assert [(each["id"], each["status"]) for each in told["todos"]] == [
        ("1", "completed"),
        ("2", "pending"),
    ]


@pytest.mark.parametrize(
    ("todos", "why"),
    [
        ([{"id": " ", "content": "a"}], "needs an id"),
        ([{"id": "1"}], "is new and needs content"),
        ([{"id": "1", "content": " "}], "is new and needs content"),
    ],
)
async def test_a_change_that_makes_no_task_is_refused_and_the_list_stays(use, said, todos, why):
    """The text says why."""
    await said("todo", todos=[{"id": "0", "content": "kept"}])
    output = await use("todo", todos=todos)
    assert (output.status, why in output.content) == ("error", True)
    assert (await said("todo"))["summary"]["total"] == 1


async def test_a_list_has_an_end(use):
    """One call has no more, and merges neither."""
    many = [{"id": str(n), "content": "a"} for n in range(ITEMS)]
    assert (await use("todo", todos=[*many, {"id": "x", "content": "a"}])).status == "invalid"
    assert (await use("todo", todos=many)).status == "ok"
    more = await use("todo", todos=[{"id": "x", "content": "a"}], merge=True)
    assert "can have 256 tasks, not 257" in more.content


def test_long_content_is_cut():
    """So that the list can be shown."""
    (item,) = change((), [Change("i" * 99, "c" * 2000)], merge=False)
    assert item == Item("i" * 80, "c" * 1000, "pending")


@given(calls=st.lists(st.tuples(CHANGES, st.booleans()), max_size=6))
def test_a_session_that_goes_on_has_the_list_that_its_calls_left(calls):
    """Whatever they were, and a call that runs once more changes nothing."""
    items = ()
    turns = []
    for todos, merge in calls:
        changed = change(items, todos, merge=merge)
        if not isinstance(changed, str):
            items = changed
            assert change(items, todos, merge=merge) == items
        shown = [
            {k: v for k, v in (("id", t.id), ("content", t.content), ("status", t.status)) if v}
            for t in todos
        ]
        turns.append(step(("todo", json.dumps({"todos": shown, "merge": merge}), "ok")))
    assert recalled(Session(id="s", turns=tuple(turns))) == items


def test_calls_that_were_not_run_are_not_recalled():
    """Nor are reads, other tools and what is no JSON."""
    todos = json.dumps({"todos": [{"id": "1", "content": "a"}]})
    turns = (
        step(("todo", todos, "invalid"), ("todo", "{", "ok"), ("other", todos, "ok")),
        step(("todo", "{}", "ok")),
    )
    assert recalled(Session(id="s", turns=turns)) == ()


def test_a_session_that_goes_on_remembers_its_tools():
    """A new one has nothing to remember."""
    assert remembered(Session(id="s")) == {}
    cut = step(("terminal", "{}", "unknown"), ("python", "{}", "timeout"))
    assert set(remembered(Session(id="s", turns=(cut,)))) == {shell._LEFT}
    todos = json.dumps({"todos": [{"id": "1", "content": "a"}]})
    calls = step(("terminal", "{}", "ok"), ("python", "{}", "ok"), ("todo", todos, "ok"))
    state = remembered(Session(id="s", turns=(calls,)))
    assert state["todo.items"] == (Item("1", "a", "pending"),)
    assert state[PYTHON].is_anew
    assert state[shell._SEEN]
