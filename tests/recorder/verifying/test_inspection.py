"""Every line, every session: what is wrong is found, named and located."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

import recorder
from recorder.errors import RunDirectoryError
from recorder.events import (
    ModelReplied,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    ToolReturned,
    ToolsDeclared,
    ToolStarted,
    Unknown,
    UserSpoke,
    timestamp,
    tools_hash,
)
from recorder.framing import frame
from recorder.lock import own
from recorder.messages import Message, ToolCall
from recorder.verifying import inspect, survey

START = (SessionStarted, {})
TOOLS = ({"name": "f"},)
HASH = tools_hash(TOOLS)
WITH_TOOLS = (SessionStarted, {"tools_hash": HASH})
CALLS = (ModelReplied, {"calls": (ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}"))})


def back(call_id: str | None) -> tuple[type, dict[str, Any]]:
    """Let a tool return."""
    return ToolReturned, {"call_id": call_id, "status": "ok", "output": "x"}


def end(outcome: str = "completed") -> tuple[type, dict[str, Any]]:
    """End the session."""
    return SessionEnded, {"outcome": outcome}


def declared(name: str = HASH) -> ToolsDeclared:
    """Declare tools."""
    return ToolsDeclared(session="", seq=1, ts=timestamp(0), tools_hash=name, tools=TOOLS)


def told(verdict, check: str) -> list[str]:
    """What was told of one kind."""
    return [fault.what for fault in verdict.faults if fault.check == check]


def test_a_sound_run_has_no_fault(run, judge):
    """Everything is counted, and rows and statistics are as the journal says."""
    verdict = judge(run)
    assert verdict.sound
    assert verdict.outcomes == {"completed": 1, "limit": 1}
    assert verdict.statistics == "equal"
    counts = verdict.counts
    assert (counts.sessions, counts.rows, counts.equal) == (2, 2, 2)
    assert (counts.calls, counts.results, counts.tools) == (2, 2, 1)
    assert (counts.segments, counts.repeated, counts.torn) == (1, 0, 0)


def test_an_empty_journal_is_sound(write_run, judge):
    """A run that was killed before it began holds nothing that could be wrong."""
    verdict = judge(write_run())
    assert verdict.sound
    assert verdict.statistics == "missing"


def test_there_must_be_a_journal(tmp_path):
    """A folder without one holds no run."""
    with pytest.raises(RunDirectoryError, match="can't be read"):
        survey(tmp_path)


def test_a_journal_that_vanishes_meanwhile_is_an_error_of_the_directory(run, journal):
    """What can't be read is not called damaged."""
    seen = survey(run)
    journal(run).unlink()
    with pytest.raises(RunDirectoryError, match="can't be read"):
        inspect(seen)


def test_a_gap_is_found_once_and_the_rest_of_the_session_left_alone(write_run, judge, events):
    """The session counts as damaged, not as ended."""
    given = events(START, (ModelReplied, {"text": "a"}), (UserSpoke, {"content": "b"}), end())
    verdict = judge(write_run([*given[:1], *given[2:]]))
    assert told(verdict, "order") == ["session 's' has seq 2 where 1 is due"]
    assert verdict.faults[0].session == "s"
    assert verdict.faults[0].place.line == 3
    assert verdict.cuts["s"].kept == 1
    assert (verdict.counts.sessions, verdict.counts.damaged, verdict.outcomes) == (1, 1, {})


def test_of_two_different_events_with_one_number_neither_counts(write_run, judge, events):
    """The session is sound up to that number, whatever came behind."""
    given = events(START, (ModelReplied, {"text": "a"}), (UserSpoke, {"content": "b"}))
    other = events(START, (ModelReplied, {"text": "other"}))
    verdict = judge(write_run([*given, other[1]]))
    assert told(verdict, "order") == ["session 's' has two different events with seq 1"]
    assert verdict.cuts["s"].kept == 1


def test_a_conflict_before_a_gap_counts_too(write_run, judge, events):
    """A session is cut where its first fault is, not where the first was seen."""
    replies = [(ModelReplied, {"text": str(n)}) for n in range(5)]
    given = events(START, *replies)
    other = events(START, (ModelReplied, {"text": "other"}))
    verdict = judge(write_run([*given[:4], given[5], other[1], given[5]]))
    assert verdict.fault_counts == {"order": 2}
    assert verdict.cuts["s"].kept == 1


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ([(ModelReplied, {"text": "a"})], "came before the session started"),
        ([START, START], "came a second time"),
        ([START, end("limit"), (ModelReplied, {"text": "a"})], "has ended"),
        ([START, (ToolStarted, {"call_id": "a", "effect": "read"})], "no call is open"),
    ],
)
def test_transitions_that_no_session_makes_are_found(write_run, judge, events, given, fault):
    """What can't be folded is a fault of that session."""
    (what,) = told(judge(write_run(events(*given))), "order")
    assert fault in what


def test_a_fact_must_say_whose_it_is(write_run, judge, events):
    """Nobody could say where it belongs."""
    verdict = judge(write_run(events(START, session="")))
    assert verdict.fault_counts == {"order": 1}
    assert verdict.counts.sessions == 0


def test_what_a_row_began_with_is_the_rows_own_business(write_run, judge, events):
    """Unanswered calls and orphan results in a given history are no fault of the record."""
    history = (
        Message("tool", "x", call_id="zzz"),
        Message("user", "q"),
        Message("assistant", calls=(ToolCall("a", "f"),)),
    )
    given = events((SessionStarted, {"messages": history}), end("limit"))
    assert "calls" not in judge(write_run(given)).fault_counts


@pytest.mark.parametrize("outcome", ["interrupted", "limit", "uncertain", "tool_error"])
def test_a_session_that_was_cut_short_may_lack_results(write_run, judge, events, outcome):
    """Nobody waited for them."""
    assert "calls" not in judge(write_run(events(START, CALLS, end(outcome)))).fault_counts


AGAIN = (ToolStarted, {"call_id": "a", "effect": "external"})


@pytest.mark.parametrize(
    "twice",
    [
        [CALLS, *[(ToolStarted, {"call_id": "a", "effect": "read"})] * 2],
        [CALLS, AGAIN, (SessionResumed, {"attempt": 2, "previous": "crashed"}), AGAIN],
    ],
)
def test_a_call_may_be_started_again_that_only_reads_or_after_a_crash(
    write_run, judge, events, twice
):
    """The one leaves nothing; of the other somebody else has decided that it may."""
    assert "calls" not in judge(write_run(events(START, *twice, end("limit")))).fault_counts


@pytest.mark.parametrize(
    ("given", "fault", "kept"),
    [
        ([CALLS, back("a"), end()], "it ended as completed with 1 unanswered calls", 3),
        ([CALLS, back("b"), back("b"), end("limit")], "a second result came for call 'b'", 3),
        ([CALLS, back("c")], "a result came for 'c', which nobody called", 2),
        ([CALLS, back("a"), back("b"), back(None)], "came for None", 4),
        ([back("a"), end()], "while no call was open ('a')", 1),
        (
            [CALLS, (ToolStarted, {"call_id": "z", "effect": "read"})],
            "'z' was started, which nobody called",
            2,
        ),
        ([CALLS, AGAIN, AGAIN], "'a' was started again, though it may have taken effect", 3),
    ],
)
def test_calls_and_results_must_match(write_run, judge, events, given, fault, kept):
    """The session is sound up to the event that does not fit."""
    verdict = judge(write_run(events(START, *given)))
    (what,) = told(verdict, "calls")
    assert fault in what
    assert verdict.cuts["s"].kept == kept


def test_of_several_things_that_do_not_fit_the_first_counts(write_run, judge, events):
    """All are told."""
    verdict = judge(write_run(events(START, CALLS, back("b"), back("b"), back("b"), back("z"))))
    assert verdict.fault_counts == {"calls": 3}
    assert verdict.cuts["s"].kept == 3


def test_results_without_ids_go_by_position(write_run, judge, events):
    """Also while some are missing."""
    given = events(START, CALLS, back(None), back(None), CALLS, back(None))
    assert judge(write_run(given)).sound


def test_what_did_not_fit_before_a_session_began_anew_is_a_fault_all_the_same(
    write_run, judge, events
):
    """It stands in the journal, if not in the conversation."""
    anew = (SessionResumed, {"attempt": 2, "previous": "crashed", "anew": True})
    verdict = judge(write_run(events(START, CALLS, back("c"), anew)))
    assert verdict.fault_counts == {"calls": 1}
    assert verdict.cuts["s"].kept == 2


def test_tools_must_be_declared_in_the_segment_that_refers_to_them(write_run, judge, events):
    """Each segment can be read alone; one complaint for each is enough."""
    first, second = events(WITH_TOOLS), events(WITH_TOOLS, session="t")
    third = events(WITH_TOOLS, session="u")
    verdict = judge(write_run([declared(), *first], [*second, *third]))
    (what,) = told(verdict, "tools")
    assert "in this segment" in what
    assert verdict.cuts == {}
    assert verdict.counts.not_ended == 3


def test_a_session_whose_tools_nobody_knows_is_damaged_from_its_beginning(write_run, judge, events):
    """Unless they are known from elsewhere."""
    directory = write_run(events(WITH_TOOLS, (ModelReplied, {"text": "a"})))
    verdict = judge(directory)
    assert "anywhere" in told(verdict, "tools")[0]
    assert verdict.fault_counts == {"tools": 1}
    assert verdict.cuts["s"].kept == 0
    known = judge(directory, [TOOLS])
    assert known.fault_counts == {"tools": 1}
    assert known.cuts == {}


def test_tools_must_be_those_their_hash_stands_for(write_run, judge):
    """A list under a foreign name would change what sessions were given."""
    assert "stands for" in told(judge(write_run([declared("0" * 16)])), "tools")[0]


def test_a_segment_must_say_what_it_is_first_and_only_once(write_run, judge, events, heading):
    """Its first line, and no other."""
    assert judge(write_run(events(START), heading=False)).fault_counts == {"segments": 1}
    assert judge(write_run([heading()])).fault_counts == {"segments": 1}


@pytest.fixture
def write_run(write_run, tmp_path) -> Any:
    """Write several runs in one test."""
    count = 0

    def write(*parts: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        return write_run(*parts, **options).rename(tmp_path / f"written-{count}")

    return write


@pytest.mark.parametrize("schema", [0, 2, 99])
def test_a_segment_of_another_schema_is_not_trusted(write_run, judge, heading, schema):
    """Its facts may mean something else."""
    verdict = judge(write_run([heading(schema=schema)], heading=False))
    assert told(verdict, "segments") == [f"schema {schema} is not known here, only 1 to 1"]


def test_a_segment_of_another_run_does_not_belong(write_run, judge, heading):
    """Files of two runs in one folder are told apart."""
    verdict = judge(write_run([heading()], [heading(run="other")], heading=False))
    assert told(verdict, "segments") == ["this segment is of the run 'other', not 'r'"]


def test_facts_of_a_later_version_are_counted_and_no_fault(write_run, judge, events):
    """Of a session or of a segment."""
    later = Unknown(
        event="dreamt",
        session="s",
        seq=1,
        ts=timestamp(1),
        raw=b'{"event":"dreamt","session":"s","seq":1,"ts":"1970-01-01T00:00:01.000Z"',
    )
    closed = Unknown(
        event="closed",
        session="",
        seq=1,
        ts=timestamp(1),
        raw=b'{"event":"closed","session":"","seq":1,"ts":"1970-01-01T00:00:01.000Z"',
    )
    verdict = judge(write_run([*events(START), later, closed]))
    assert verdict.sound
    assert verdict.counts.unknown == 2


def test_names_that_are_no_unicode_are_read_like_any_other(write_run, judge, events):
    """Lone surrogates come from models and from input rows."""
    verdict = judge(write_run(events(START, end("limit"), session="\ud800")))
    assert verdict.outcomes == {"limit": 1}


def test_times_that_no_calendar_has_make_a_line_corrupt(write_run, judge, events):
    """Nothing could be ordered or measured by them."""
    directory = write_run(events(START))
    path = directory / "journal" / "00000-w.jsonl"
    line = events(START, session="t")[0]
    body = frame(line).replace(b"1970-01-01", b"1970-99-99").rpartition(b',"crc"')[0]
    raw = Unknown(event="", session="", seq=0, ts="", raw=body)
    path.write_bytes(path.read_bytes() + frame(raw))
    assert told(judge(directory), "lines") == [
        f"there is no such time ({len(frame(raw)) - 1} bytes)"
    ]


def test_a_line_whose_checksum_is_right_and_whose_shape_is_not_is_corrupt(run, journal, judge):
    """With or without its newline: somebody wrote exactly that."""
    path = journal(run)
    raw = Unknown(event="", session="", seq=0, ts="", raw=b'{"event":"model_replied"')
    path.write_bytes(path.read_bytes() + frame(raw)[:-1])
    verdict = judge(run)
    assert "shape" in told(verdict, "lines")[0]
    assert verdict.torn == ()


def test_the_tail_of_a_live_run_is_being_written(run, journal, judge):
    """It is not called torn, and rows that are not there yet are late."""
    path = journal(run)
    path.write_bytes(path.read_bytes() + b'{"event":"mod')
    (run / "trajectories.jsonl").write_bytes(b"")
    with own(run):
        verdict = judge(run)
    assert verdict.sound
    assert verdict.pid
    assert verdict.torn == ()
    assert verdict.counts.late == 1


def test_what_is_written_while_it_is_looked_at_is_left_out(run, journal):
    """A live journal grows; the look at it has an end."""
    seen = survey(run)
    path = journal(run)
    path.write_bytes(path.read_bytes() + b"whatever\n")
    assert inspect(seen).sound


async def test_memory_is_flat_in_the_number_of_finished_sessions(tmp_path, judge):
    """What is kept of a session is a few words, however much it said."""
    async with recorder.open(tmp_path / "big") as record:
        for number in range(100):
            async with record.session(prompt="x" * 100_000, id=str(number)) as session:
                await session.scored({"r": 1.0}, source="test")
    tracemalloc.start()
    verdict = judge(tmp_path / "big")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert verdict.counts.bytes > 10_000_000
    assert peak < 5_000_000
