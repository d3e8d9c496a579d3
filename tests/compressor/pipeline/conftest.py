"""Rows to compress, small enough to be counted by eye, and options that need no vocabulary."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compressor.pipeline.fate import Planner
from compressor.pipeline.options import Options
from compressor.pipeline.planning import planner_of, setup_of

BUDGET = 400


def make_row(name: str, steps: int = 2, size: int = 4) -> dict[str, Any]:
    """Make a messages row: *steps* calls whose results have *size* lines each."""
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "You fix things."},
        {"role": "user", "content": f"Fix {name}."},
    ]
    for step in range(steps):
        call = {"name": "terminal", "arguments": {"command": f"cat {name}-{step}"}}
        messages += [
            {
                "role": "assistant",
                "content": f"Look at {step}.",
                "tool_calls": [{"id": f"c{step}", "type": "function", "function": call}],
            },
            {
                "role": "tool",
                "tool_call_id": f"c{step}",
                "content": "\n".join(f"{name} {step} line {line}" for line in range(size)),
            },
        ]
    return {"id": name, "messages": [*messages, {"role": "assistant", "content": "Done."}]}


def make_line(name: str, steps: int = 2, size: int = 4) -> bytes:
    """Make a row as the line of a file."""
    return json.dumps(make_row(name, steps, size)).encode() + b"\n"


@pytest.fixture
def line() -> Callable[..., bytes]:
    """Give what makes a row as the line of a file."""
    return make_line


@pytest.fixture
def small() -> bytes:
    """A row that fits."""
    return make_line("small")


@pytest.fixture
def large() -> bytes:
    """A row that does not fit, and can be made to."""
    return make_line("large", 12, 40)


@pytest.fixture
def options() -> Callable[..., Options]:
    """Give options with a small budget; what is named is different."""

    def make(**named: Any) -> Options:
        small = {"target_tokens": BUDGET, "tokenizer": "estimate", "workers": 1}
        return Options(**{**small, **named})

    return make


@pytest.fixture
def planner(options) -> Planner:
    """What rows are planned with."""
    return planner_of(setup_of(options()))


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A file with rows of every fate: 40 that fit, 20 that do not, and three that are none."""
    lines = [make_line(f"row-{n}", *((12, 40) if n % 3 == 2 else (2, 4))) for n in range(60)]
    lines[7:7] = [b"no json\n", b'{"id": "empty", "messages": []}\n', b"\n", b"[1]\n"]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(lines))
    return path
