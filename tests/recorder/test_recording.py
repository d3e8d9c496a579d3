"""One session being recorded."""

from __future__ import annotations

import itertools
from collections import Counter
from types import MappingProxyType
from typing import Any

import anyio
import anyio.lowlevel
import pytest

import recorder
from recorder.errors import JournalError, MisuseError
from recorder.events import (
    Scored,
    SessionEnded,
    SessionStarted,
    ToolReturned,
    ToolStarted,
    UserSpoke,
)
from recorder.given import DEEPEST, plain, read_calls, whole
from recorder.messages import Message, Times, ToolCall, Usage
from recorder.recording import Recording
from recorder.session import Session, fold

CALL = ToolCall("c", "f", "{}")
WRONG: Any = 5


class Book:
    """A ledger in memory: ``taken`` is what it accepted, ``said`` what was asked, in order."""

    def __init__(self):
        self.taken, self.said = [], []
        self.refusal = self.complaint = None
        self.cancel = {}

    async def accept(self, event):
        """Take *event*, after others had a turn."""
        self.cancel.get("accept", int)()
        await anyio.lowlevel.checkpoint()
        if self.refusal:
            raise self.refusal
        self.taken.append(event)
        self.said.append("accept")

    async def settle(self, _event):
        """Complain, if it is to."""
        self.said.append("settle")
        self.cancel.get("settle", int)()
        await anyio.lowlevel.checkpoint()
        if self.complaint:
            raise self.complaint

    async def durable(self):
        """Note that somebody waits."""
        self.said.append("durable")

    async def kept(self):
        """Note that somebody waits, and not in a hurry."""
        self.said.append("kept")

    async def writable(self):
        """Note that somebody asks whether there is room."""
        self.said.append("writable")


@pytest.fixture
def book():
    """Give an empty ledger."""
    return Book()


@pytest.fixture
async def recording(book):
    """Give a session that has started and whose model asked for something."""
    made = Recording(Session("s"), book)
    await made.record(SessionStarted, messages=[Message("user", "Hi")])
    await made.model_replied(calls=[CALL])
    book.said.clear()
    return made


async def test_facts_are_numbered_and_timed_and_make_the_session(book, recording):
    """What the ledger got folds to what the recording shows."""
    await recording.tool_started("c", effect="read")
    await recording.tool_returned("c", {"n": 1}, status="ok", exit_code=0, flags=("cut",))
    await recording.user_spoke("go on", origin="harness")
    await recording.scored({"verify": 1, "style": float("nan")}, source="tests")
    await recording.model_replied(
        text="Ho", usage={"input": 2}, times=Times(finished="now"), logprobs=[-0.5, None]
    )
    await recording.end("limit", reason="turns", error="too many")
    assert [event.seq for event in book.taken] == list(range(8))
    assert recording.session == fold(book.taken)
    assert recording.session.rewards == {"verify": 1.0, "style": None}
    assert recording.session.usage == Usage(input=2)
    assert recording.session.ended == book.taken[-1]
    assert [event.ts for event in book.taken] == sorted(event.ts for event in book.taken)


async def test_tasks_that_record_at_once_get_numbers_in_the_order_they_came(book, recording):
    """No number is given twice or left out, and each task's facts keep their order."""

    async def speak(name):
        for number in range(5):
            await recording.user_spoke([name, number])

    async with anyio.create_task_group() as tasks:
        for name in "abc":
            tasks.start_soon(speak, name)
    spoken = [event for event in book.taken if isinstance(event, UserSpoke)]
    assert [event.seq for event in spoken] == list(range(2, 17))
    assert Counter(event.content[0] for event in spoken) == {"a": 5, "b": 5, "c": 5}
    for name in "abc":
        assert [each.content[1] for each in spoken if each.content[0] == name] == [0, 1, 2, 3, 4]
    assert recording.session == fold(book.taken)


@pytest.mark.parametrize(
    ("method", "given", "complaint"),
    [
        ("model_replied", ((), {"text": 5}), "text"),
        ("model_replied", ((), {"mood": "good"}), "no field mood"),
        ("model_replied", ((), {"calls": [{"id": "d"}]}), "no tool call"),
        ("model_replied", ((), {"calls": [ToolCall("d", WRONG, "{}")]}), "name"),
        ("model_replied", ((), {"calls": 5}), "no tool calls"),
        ("model_replied", ((), {"usage": 5}), "usage"),
        ("tool_returned", ((5, "ok"), {}), "call_id"),
        ("tool_returned", (("c", object()), {}), "JSON"),
        ("tool_returned", (("c", "ok"), {"status": "fine"}), "status"),
        ("tool_started", (("c",), {"effect": "strong"}), "effect"),
        ("user_spoke", (("Hi",), {"origin": "nobody"}), "origin"),
        ("scored", (({"verify": "good"},), {"source": "x"}), "Expected.*rewards"),
        ("scored", (({"verify": True},), {"source": "x"}), "got `bool`.*rewards"),
        ("scored", (({"verify": 10**400},), {"source": "x"}), "out of range"),
        ("end", (("won",), {}), "outcome"),
        ("record", ((SessionStarted,), {}), "a second time"),
    ],
)
async def test_a_fact_that_is_none_leaves_the_session_as_it_was(
    book, recording, method, given, complaint
):
    """The error says what is wrong, the ledger hears nothing, and the next fact is taken."""
    before, kept = recording.session, list(book.taken)
    with pytest.raises(MisuseError, match=complaint):
        await getattr(recording, method)(*given[0], **given[1])
    assert recording.session is before
    assert book.taken == kept
    await recording.tool_returned("c", "ok")
    assert recording.session.seq == before.seq + 1


async def test_what_the_ledger_refuses_did_not_happen(book, recording):
    """The same number is given to the next fact."""
    before = recording.session
    book.refusal = JournalError("the disk is gone")
    with pytest.raises(JournalError, match="gone"):
        await recording.user_spoke("lost")
    assert recording.session is before
    book.refusal = None
    await recording.user_spoke("kept")
    assert book.taken[-1].seq == before.seq
    assert recording.session == fold(book.taken)


async def test_what_was_accepted_is_a_fact_whoever_complains(book, recording):
    """A view that breaks raises, and the next fact gets the next number."""
    book.complaint = ValueError("the view broke")
    with pytest.raises(ValueError, match="view"):
        await recording.user_spoke("kept")
    book.complaint = None
    await recording.user_spoke("too")
    assert [event.seq for event in book.taken] == [0, 1, 2, 3]
    assert recording.session == fold(book.taken)


@pytest.mark.parametrize(("moment", "kept"), [("accept", False), ("settle", True)])
async def test_a_fact_is_recorded_whole_or_not_at_all_where_it_is_cancelled(
    book, recording, moment, kept
):
    """Before it was accepted it never happened, afterwards it is a fact."""
    with anyio.CancelScope() as scope:
        book.cancel[moment] = scope.cancel
        await recording.user_spoke("perhaps")
    assert scope.cancelled_caught
    assert recording.session.seq == 2 + kept
    assert recording.session == fold(book.taken)
    book.cancel.clear()
    await recording.user_spoke("surely")
    assert book.taken[-1].seq == 2 + kept


@pytest.mark.parametrize("effect", ["workspace", "external"])
async def test_an_effect_that_lasts_waits_until_its_start_is_durable(book, recording, effect):
    """First the fact, then the disk, then the effect."""
    await recording.tool_started("c", effect=effect)
    assert book.said == ["accept", "settle", "durable"]


@pytest.mark.parametrize("effect", ["pure", "read"])
async def test_an_effect_that_changes_nothing_waits_for_nothing(book, recording, effect):
    """Its start is accepted, that is enough."""
    await recording.tool_started("c", effect=effect)
    assert book.said == ["accept", "settle"]


async def test_a_call_is_taken_for_one_with_an_effect_unless_said_otherwise(book, recording):
    """The careful answer is the default."""
    await recording.tool_started("c")
    assert (book.taken[-1].effect, book.said[-1]) == ("external", "durable")


async def test_an_end_is_durable(book, recording):
    """So is everything before it; anybody may ask for that at any time."""
    await recording.durable()
    assert book.said == ["durable"]
    await recording.end()
    assert book.said == ["durable", "accept", "settle", "kept"]
    assert recording.session.ended.outcome == "completed"


async def test_what_was_recorded_can_not_be_changed_afterwards(book, recording):
    """Whoever gave a value keeps their own."""
    output, rewards = {"rows": [1]}, {"verify": 1.0}
    await recording.tool_returned("c", output)
    await recording.scored(rewards, source="x")
    output["rows"].append(2)
    rewards["verify"] = 0.0
    returned, scored = book.taken[-2:]
    assert isinstance(returned, ToolReturned)
    assert isinstance(scored, Scored)
    assert (returned.output, scored.rewards) == ({"rows": [1]}, {"verify": 1.0})


async def test_an_effect_begins_when_its_start_is_on_the_disk(tmp_path):
    """Whoever reads the journal at that moment finds it."""
    async with (
        recorder.open(tmp_path / "run") as record,
        record.session("Hi", id="s") as session,
    ):
        await session.model_replied(calls=[CALL])
        await session.tool_started("c", effect="workspace")
        statistics = record.journal.statistics()
        assert statistics.durable == statistics.accepted
        folded = recorder.fold_journal(tmp_path / "run" / "journal").sessions["s"]
        [started] = folded.turns[-1].started  # type: ignore[union-attr]
        assert started == ToolStarted(
            session="s", seq=2, ts=started.ts, call_id="c", effect="workspace"
        )
    assert isinstance(session.session.ended, SessionEnded)


@pytest.mark.parametrize(
    ("fields", "call"),
    [
        ({"id": "c", "name": "f", "arguments": "{}"}, CALL),
        (CALL, CALL),
        ({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}, CALL),
        (MappingProxyType({"id": "c", "name": "f", "arguments": "{}"}), CALL),
        ({"name": "f"}, ToolCall("", "f", "")),
        ({"id": None, "name": "f", "arguments": ""}, ToolCall("", "f", "")),
        (
            {"id": "c", "name": "f", "arguments": {"a": [1, "é"]}},
            ToolCall("c", "f", '{"a":[1,"é"]}'),
        ),
        ({"id": "c", "function": {"name": "f", "arguments": None}}, ToolCall("c", "f", "null")),
        ({"id": "c", "name": "f", "arguments": "{not json"}, ToolCall("c", "f", "{not json")),
    ],
)
def test_calls_are_read_in_our_own_form_and_in_that_of_openai_chat(fields, call):
    """Text stays as it came, other arguments are written as JSON."""
    assert read_calls([fields]) == (call,)


@pytest.mark.parametrize(
    "calls",
    [
        5,
        [5],
        ["f"],
        "f",
        {"id": "c", "name": "f"},
        [{}],
        [{"function": {}}],
        [{"id": 5, "name": "f"}],
        [{"name": None}],
        [[CALL]],
        [{"name": "f", "arguments": object()}],
        [object()],
    ],
)
def test_what_is_no_call_is_refused(calls):
    """Whatever it is, the error is the caller's."""
    with pytest.raises(MisuseError):
        read_calls(calls)


def test_messages_may_be_mappings_with_the_fields_of_a_message():
    """They are given as they are, with their calls in our own form."""
    messages = [Message("user", "Hi"), {"role": "user", "content": "Ho", "calls": []}, 5]
    assert whole(iter(messages)) == messages
    calls = [{"id": "c", "function": {"name": "f", "arguments": {}}}]
    [asked] = whole([MappingProxyType({"role": "assistant", "calls": calls})])
    assert asked == {"role": "assistant", "calls": (CALL,)}


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ([{"role": "tool", "tool_call_id": "c"}], "can't have tool_call_id: the fields of"),
        ([{"role": "user", 1: 2, None: 3, "a": 4}], "can't have 1, None, a:"),
        ([MappingProxyType({"role": "tool", "tool_call_id": "c"})], "can't have tool_call_id"),
        ([{"role": "assistant", "calls": [{"id": "c"}]}], "no tool call"),
        (None, "no messages: None"),
        (5, "no messages: 5"),
    ],
)
def test_what_would_not_be_recorded_of_a_message_is_refused(messages, complaint):
    """Nothing is left out in silence."""
    with pytest.raises(MisuseError, match=complaint):
        whole(messages)


@pytest.mark.parametrize(
    "fields",
    [{"usage": {"prompt_tokens": 3, "input": 1}}, {"times": {"began": "now"}}],
)
async def test_what_would_not_be_recorded_of_a_reply_is_refused(recording, fields):
    """Tokens under another name would be lost, and nobody would know."""
    with pytest.raises(MisuseError, match=r"can't have (prompt_tokens|began): the fields of"):
        await recording.model_replied(text="Ho", **fields)
    assert recording.session.seq == 2


@pytest.mark.parametrize(
    "value", [None, True, 5, -(2**70), 0.5, "text", "\ud800", [], {"a": [{}]}, "[" * 1000]
)
def test_a_plain_value_stays_what_it_is(value):
    """So does one that only looks nested."""
    assert plain(value) == value


def test_a_value_becomes_what_a_reader_will_get():
    """Tuples are lists, what is not a number is null, other mappings are objects."""
    assert plain((1, float("inf"))) == [1, None]
    assert plain(MappingProxyType({"a": CALL})) == {
        "a": {"id": "c", "name": "f", "arguments": "{}"}
    }


def nested(levels):
    """Put lists and objects into one another by turns."""
    value = "bottom"
    for kind in itertools.islice(itertools.cycle("[{"), levels):
        value = [value, []] if kind == "[" else {"in": value, "beside": {}}
    return value


def test_a_value_may_be_nested_as_deeply_as_a_reader_can_follow():
    """One level more is refused, however it is built."""
    assert plain(nested(DEEPEST - 1)) == nested(DEEPEST - 1)
    for deep in (nested(DEEPEST + 1), nested(100_000)):
        with pytest.raises(MisuseError):
            plain(deep)
    assert plain([[]] * 1000) == [[]] * 1000


def test_exactly_the_deepest_value_is_taken():
    """The bound counts the value itself."""
    value = None
    for _ in range(DEEPEST):
        value = [value]
    assert plain(value) == value
    with pytest.raises(MisuseError, match="more than 128 levels"):
        plain([value])


async def test_several_facts_are_accepted_without_another_between_them(book, recording):
    """They follow one another, and only then are others told."""
    await recording.model_replied(calls=[CALL, ToolCall("d", "f", "{}")])
    book.said.clear()
    facts = [{"call_id": name, "output": name} for name in ("d", "c")]
    await recording.record_all(ToolReturned, facts)
    assert [event.call_id for event in book.taken[-2:]] == ["d", "c"]
    assert book.said == ["accept", "accept", "settle", "settle"]
    assert recording.session == fold(book.taken)


async def test_of_several_facts_all_are_kept_or_none(book, recording):
    """One that has the wrong shape keeps the others out."""
    before = list(book.taken)
    with pytest.raises(MisuseError):
        await recording.record_all(
            ToolReturned, [{"call_id": "c", "output": "x"}, {"call_id": 5, "output": "y"}]
        )
    assert book.taken == before
    assert recording.session == fold(before)
