"""Real trajectories of other agents."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from recorder.formats import load
from recorder.formats.hermes import verify
from recorder.formats.turns import same_turns

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "trajectories"
FILES = sorted(FOLDER.glob("*.jsonl.gz"))


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_every_real_trajectory_comes_back_from_both_formats(path):
    """Text beside calls, parallel calls, unanswered calls and reasoning are all still there."""
    with gzip.open(path) as lines:
        rows = [json.loads(line) for line in lines]
    for row in rows:
        session = load("messages").parse(row)
        written = load("hermes").render(session)
        verify(session, written)
        again = load("hermes").parse(written)
        assert load("hermes").render(again)["conversations"] == written["conversations"]
        kept, had = counted(load("messages").render(session)), counted(row)
        assert kept.pop("reasoning", 0) >= had.pop("reasoning", 0)  # some stood in the text
        assert kept == had
        assert (
            same_turns(load("messages").parse(load("messages").render(session)))[2:]
            == (same_turns(session)[2:])
        )


def counted(row):
    """Count what must not get lost."""
    messages = [message for message in row["messages"] if message["role"] != "tool"]
    return Counter(
        key
        for message in messages
        for key in (
            message["role"],
            *["call"] * len(message.get("tool_calls") or []),
            *["reasoning"] * bool((message.get("reasoning_content") or "").strip()),
        )
    )
