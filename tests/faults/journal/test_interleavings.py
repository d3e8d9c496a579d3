"""Sessions that were recorded at once: however their facts fell between each other, they are these.

A journal is a list of facts in some order, cut into segments anywhere; where a disk was full, the
last facts of one segment stand again in the next.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hermes_run.cli.status import fold_once
from recorder.archive import Archive
from recorder.events import (
    Event,
    ModelFailed,
    ModelReplied,
    Scored,
    SegmentOpened,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    ToolReturned,
    ToolsDeclared,
    ToolStarted,
    UserSpoke,
    timestamp,
    tools_hash,
)
from recorder.framing import frame
from recorder.messages import Message, ToolCall, Usage
from recorder.reader import fold_journal, read
from recorder.session import Session, fold
from recorder.standing import stand
from recorder.statistics import StatisticsFold
from recorder.verifying import inspect, survey

TOOLS = ({"type": "function", "function": {"name": "f", "parameters": {}}},)
HASH = tools_hash(TOOLS)
TEXTS = st.text(max_size=5)
OPENED = SegmentOpened(
    session="", seq=0, ts=timestamp(0), schema=1, run="r", writer="w", sync="group", version="0"
)
DECLARED = ToolsDeclared(session="", seq=1, ts=timestamp(0), tools_hash=HASH, tools=TOOLS)
Fact = tuple[type, dict[str, Any]]


@st.composite
def turns(draw) -> list[Fact]:
    """Draw what a model, its tools and its user say in a turn."""
    usage = draw(st.none() | st.builds(Usage, input=st.integers(0, 9), cost_usd=st.just(0.25)))
    if draw(st.booleans()):
        failed = {"attempt": 1, "failure": "timeout", "wait_s": 0.5, "usage": usage}
        return [(ModelFailed, failed), (UserSpoke, {"content": draw(TEXTS)})]
    ids = [f"c{number}" for number in range(draw(st.integers(0, 3)))]
    calls = tuple(ToolCall(name, "f", "{}") for name in ids)
    facts: list[Fact] = [(ModelReplied, {"text": draw(TEXTS), "calls": calls, "usage": usage})]
    facts += [(ToolStarted, {"call_id": name, "effect": "read"}) for name in ids]
    for name in draw(st.permutations(ids)):
        status = draw(st.sampled_from(["ok", "error", "timeout"]))
        facts.append((ToolReturned, {"call_id": name, "output": draw(TEXTS), "status": status}))
    return facts


@st.composite
def sessions(draw, name: str) -> list[Event]:
    """Draw a session of some turns and attempts; the last may be in flight."""
    prompt = (Message("user", draw(TEXTS)),)
    facts: list[Fact] = [(SessionStarted, {"messages": prompt, "tools_hash": HASH})]
    attempts = draw(st.integers(1, 3))
    for attempt in range(1, attempts + 1):
        if attempt > 1:
            crashed = {"attempt": attempt, "previous": "interrupted", "anew": draw(st.booleans())}
            facts.append((SessionResumed, crashed))
        facts += [fact for turn in draw(st.lists(turns(), max_size=2)) for fact in turn]
        if attempt < attempts:
            facts.append((SessionEnded, {"outcome": "interrupted"}))
    if draw(st.booleans()):
        facts.append((Scored, {"rewards": {"r": 0.5}, "source": "test"}))
        facts.append((SessionEnded, {"outcome": draw(st.sampled_from(["completed", "limit"]))}))
    began = draw(st.integers(0, 100))
    return [
        kind(session=name, seq=seq, ts=timestamp(began + seq), **fields)
        for seq, (kind, fields) in enumerate(facts)
    ]


@st.composite
def journals(draw) -> tuple[dict[str, list[Event]], list[list[Event]]]:
    """Draw sessions, and segments with their facts in an order that keeps each session's own."""
    names = [f"s{number}" for number in range(draw(st.integers(1, 4)))]
    played = {name: draw(sessions(name)) for name in names}
    order = draw(st.permutations([name for name in names for _ in played[name]]))
    facts = {name: iter(events) for name, events in played.items()}
    mixed = [next(facts[name]) for name in order]
    cuts = sorted(draw(st.lists(st.integers(0, len(mixed)), max_size=3)))
    edges = list(zip([0, *cuts], [*cuts, len(mixed)], strict=True))
    again = [draw(st.integers(0, 3)) for _ in edges]
    return played, [mixed[max(0, a - k) : b] for (a, b), k in zip(edges, again, strict=True)]


@pytest.fixture
def write(tmp_path: Path):
    """Write segments into a run directory that nothing else is in."""

    def written(segments: list[list[Event]]) -> Path:
        journal = tmp_path / "run" / "journal"
        shutil.rmtree(journal, ignore_errors=True)
        journal.mkdir(parents=True)
        for number, events in enumerate(segments):
            lines = b"".join(map(frame, [OPENED, DECLARED, *events]))
            (journal / f"{number:05}-w.jsonl").write_bytes(lines)
        return journal

    return written


@given(drawn=journals())
@settings(max_examples=75, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_interleaving_folds_the_same(write, drawn):
    """Whoever reads the journal, and for whatever purpose, sees what each session is alone."""
    played, segments = drawn
    journal = write(segments)
    alone = {name: fold(events, Session(tools=TOOLS)) for name, events in played.items()}
    assert fold_journal(journal).sessions == alone
    one_by_one = StatisticsFold()
    for events in played.values():
        for event in events:
            one_by_one.add(event)
    standings = stand(journal)
    assert standings.statistics.value() == one_by_one.value()
    assert fold_once(read(journal))[0].value() == one_by_one.value()
    assert {name for name, each in standings.sessions.items() if each.over} == {
        name for name, session in alone.items() if session.ended
    }
    archive = Archive(journal, played)
    assert {name: archive.fold(name) for name in played} == alone
    verdict = inspect(survey(journal.parent))
    assert verdict.fault_counts.keys() <= {"rows"}  # nobody has written them
    assert verdict.counts.sessions == len(played)
