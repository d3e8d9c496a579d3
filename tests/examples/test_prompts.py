"""The example tasks: the simulated model does them with the real tools, for every row."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest

from hermes_run.models.simulated.families import FAMILIES
from hermes_run.models.simulated.policy import begin
from hermes_run.models.simulated.server import serve
from hermes_run.models.simulated.slips import LESSONS, draw
from hermes_run.sandboxes.plain import open_plain
from hermes_run.tools.call import execute
from hermes_run.tools.tool import Context
from hermes_run.tools.toolsets import load_toolbox
from recorder.messages import ToolCall

ROOT = Path(__file__).resolve().parents[2]
PROMPTS = ROOT / "examples" / "prompts.jsonl"
ROWS = [json.loads(line) for line in PROMPTS.read_text(encoding="utf-8").splitlines()]
TURNS = 16

Message = dict[str, Any]


def furnish(row: dict[str, Any], folder: Path) -> None:
    """Lay out the files of a row."""
    for path, text in row["workspace"].items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def judge(row: dict[str, Any], folder: Path) -> bool:
    """Run the judgement of a row."""
    done = subprocess.run(
        ["bash", "-c", row["verify"]],
        cwd=folder,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    return done.returncode == 0


async def converse(prompt: str, folder: Path) -> list[Message]:
    """Hold a session with the simulated model over HTTP and give its messages."""
    toolbox = load_toolbox(["default"])
    messages: list[Message] = [{"role": "user", "content": prompt}]
    async with (
        open_plain(folder) as sandbox,
        serve() as url,
        aiohttp.ClientSession() as client,
    ):
        context = Context(session="s", sandbox=sandbox)
        for _ in range(TURNS):
            body = {"model": "simulated", "messages": messages, "tools": toolbox.schemas}
            async with client.post(f"{url}/chat/completions", json=body) as response:
                assert response.status == 200
                reply = (await response.json())["choices"][0]["message"]
            messages.append(reply)
            calls = [as_call(call) for call in reply.get("tool_calls", [])]
            if not calls:
                return messages
            results: dict[str, Message] = {}
            async with anyio.create_task_group() as group:
                for call in calls:
                    group.start_soon(partial(answer, call, toolbox, context, results))
            messages += [results[call.id] for call in calls]
    raise AssertionError(f"no end after {TURNS} turns: {messages[-2:]}")


def as_call(call: Message) -> ToolCall:
    """Read a call of a reply."""
    return ToolCall(id=call["id"], **call["function"])


async def answer(call: ToolCall, toolbox, context: Context, results: dict[str, Message]) -> None:
    """Run a call and keep its result."""
    output = await execute(call, toolbox, context)
    results[call.id] = {"role": "tool", "tool_call_id": call.id, "content": output.content}


@pytest.mark.parametrize("row", [pytest.param(row, id=row["id"]) for row in ROWS])
async def test_a_task_is_not_done_before_its_session_and_is_done_after(row, tmp_path):
    """The judgement fails on the untouched workspace and passes once the model has worked in it."""
    furnish(row, tmp_path)
    assert not judge(row, tmp_path)
    messages = await converse(row["prompt"], tmp_path)
    assert judge(row, tmp_path), messages
    replies = [message for message in messages if message["role"] == "assistant"]
    assert all(reply["reasoning_content"] for reply in replies)
    assert replies[-1]["content"]
    assert len(replies) > 2


def test_the_rows_have_what_a_row_needs():
    """There are 64 rows, each with an id of its own; some carry metadata."""
    assert len(ROWS) == 64
    assert len({row["id"] for row in ROWS}) == 64
    assert all({"id", "prompt", "workspace", "verify"} <= row.keys() for row in ROWS)
    assert len({row["prompt"] for row in ROWS}) == 64
    assert 10 < sum("metadata" in row for row in ROWS) < 64


def test_every_row_is_taken_by_the_family_it_was_written_for():
    """No family takes the task of another, and every family has five rows or more."""
    taken = {row["id"]: begin(row["prompt"]) for row in ROWS}
    assert {key: found[0].name for key, found in taken.items() if found} == {
        row["id"]: row["id"].rpartition("-")[0] for row in ROWS
    }
    counts = Counter(key.rpartition("-")[0] for key in taken)
    assert counts.keys() == {family.name for family in FAMILIES}
    assert min(counts.values()) >= 5


def test_about_one_row_in_four_begins_with_a_mistake_and_every_kind_occurs():
    """The mistakes every family can make occur, and so do those that only one makes."""
    families = [(row["prompt"], begin(row["prompt"])) for row in ROWS]
    drawn = [draw(prompt, found[0].slips) for prompt, found in families if found]
    made = Counter(slip for slip in drawn if slip)
    assert 12 <= made.total() <= 20
    assert made.keys() == {*LESSONS, "column", "single", "old_string"}


def test_the_file_is_what_its_script_writes():
    """The rows are generated from sources that are kept beside them."""
    written = subprocess.run(
        [sys.executable, ROOT / "scripts" / "make_examples"], check=True, capture_output=True
    ).stdout
    assert written == PROMPTS.read_bytes()
