"""What a worker asks and tells the head, which the test plays."""

from __future__ import annotations

from typing import Any

import pytest

from hermes_run.config import Settings
from hermes_run.errors import NotAskedError
from hermes_run.failure import Failure
from hermes_run.fitting import Fitting
from hermes_run.job import Going
from hermes_run.prompts import Prompt, Reading
from hermes_run.throttle.lane import Permit
from hermes_run.throttle.notices import Notices
from hermes_run.tools.toolsets import load_shelf
from hermes_run.workers import afar
from hermes_run.workers.afar import (
    DistantDoor,
    DistantDraw,
    DistantRows,
    Shipping,
    session_of,
)
from hermes_run.workers.messages import (
    Answer,
    Answered,
    Enter,
    Facts,
    Failed,
    GivenUp,
    Handed,
    Row,
    Told,
    Want,
)
from recorder.events import ModelReplied, SessionStarted
from recorder.journal import open_journal
from recorder.json_text import encode
from recorder.messages import Message, Usage
from recorder.session import Session
from recorder.settings import JournalSettings
from recorder.standing import Standing, Standings
from recorder.statistics import StatisticsFold
from tests.hermes_run.workers.conftest import Worker, begin_call

PERMIT = Permit(lane=0, began=1.0, tokens=2.0, probe=True)
TS = "2026-11-22T17:00:00.000Z"


# --- the draw


def prompt_named(name: str) -> Prompt:
    """Read a row."""
    prompt = Reading().row(1, encode({"id": name, "prompt": "x"}))
    assert isinstance(prompt, Prompt)
    return prompt


@pytest.fixture
def known() -> Standings:
    """Give the standings of a worker that has run nothing yet."""
    return Standings("r", {}, StatisticsFold())


@pytest.fixture
def fitting() -> Fitting:
    """Give sessions the tools that there are by default."""
    settings = Settings(model="m")
    return Fitting(settings, load_shelf(settings))


async def test_a_session_that_is_handed_out_gets_its_tools_here(worker, known, fitting):
    """The prompt, which sample of it, and what it goes on from come from the head."""
    async with worker() as mine:
        draw = DistantDraw(mine.link, fitting, known)
        kept = begin_call(mine, draw.next)
        asked = await mine.head.hear()
        assert asked.what == Want()
        going = Going(Session(id="a-3"), anew=True)
        past = Standing(prompt_key="a", row_hash="", sample=3, attempt=2)
        mine.head.say(Answer(asked.number, Handed(prompt_named("a"), 3, going, past)))
        await kept.over.wait()
        job = kept.value
        assert (job.session_id, job.going.anew, job.toolsets) == ("a-3", True, ("default",))
        assert "terminal" in job.toolbox.tools
        assert known.sessions == {"a-3": past}


async def test_there_is_no_more_when_the_head_has_no_more(worker, known, fitting):
    """And nothing is known of anybody."""
    async with worker() as mine:
        kept = begin_call(mine, DistantDraw(mine.link, fitting, known).next)
        mine.head.say(Answer((await mine.head.hear()).number, None))
        await kept.over.wait()
        assert (kept.value, kept.error, known.sessions) == (None, None, {})


# --- the door


async def let_in(mine: Worker, door: DistantDoor) -> Any:
    """Give leave to one attempt."""
    kept = begin_call(mine, door.enter, "s", 12)
    asked = await mine.head.hear()
    assert asked.what == Enter("s", 12)
    mine.head.say(Answer(asked.number, PERMIT))
    await kept.over.wait()
    assert kept.value.entered == asked.number
    return kept.value


async def test_leave_comes_from_the_head_and_how_it_went_goes_there(worker):
    """Under the number of the question that got it."""
    async with worker() as mine:
        door = DistantDoor(mine.link, [None])
        permit = await let_in(mine, door)
        assert (permit.lane, permit.began, permit.tokens, permit.probe) == (0, 1.0, 2.0, True)
        usage = Usage(input=3, output=4)
        door.answered("s", permit, usage)
        assert await mine.head.hear() == Answered(permit.entered, usage)


async def test_the_head_judges_a_failure(worker):
    """The session gets it as the head gives it back."""
    async with worker() as mine:
        door = DistantDoor(mine.link, [None])
        permit = await let_in(mine, door)
        failure, judged = Failure(kind="key", error="no"), Failure(kind="left_out", error="e: no")
        kept = begin_call(mine, door.failed, permit, failure)
        asked = await mine.head.hear()
        assert asked.what == Failed(permit.entered, failure)
        mine.head.say(Answer(asked.number, judged))
        await kept.over.wait()
        assert kept.value == judged


async def test_an_attempt_that_is_cancelled_is_given_up(worker):
    """The head has its place back."""
    async with worker() as mine:
        door = DistantDoor(mine.link, [None])
        permit = await let_in(mine, door)
        door.given_up(permit)
        assert await mine.head.hear() == GivenUp(permit.entered)


async def test_who_is_cancelled_while_it_waits_is_given_up(worker):
    """Also where the leave was on its way already."""
    async with worker() as mine:
        kept = begin_call(mine, DistantDoor(mine.link, [None]).enter, "s", 0)
        asked = await mine.head.hear()
        mine.head.say(Answer(asked.number, PERMIT))
        kept.scope.cancel()
        await kept.over.wait()
        assert await mine.head.hear() == GivenUp(asked.number)


async def test_nothing_is_asked_in_a_run_that_stops(worker):
    """The head gave no leave, so there is nothing to give up."""
    async with worker() as mine:
        kept = begin_call(mine, DistantDoor(mine.link, [None]).enter, "s", 0)
        mine.head.say(Answer((await mine.head.hear()).number, None))
        await kept.over.wait()
        assert isinstance(kept.error, NotAskedError)
        mine.link.tell("next")
        assert await mine.head.hear() == "next"


async def test_what_endpoints_told_goes_to_the_head_once_and_before_anything_else(worker):
    """With the number of the lane it was told on."""
    async with worker() as mine:
        notices = Notices()
        door = DistantDoor(mine.link, [None, notices])
        permit = await let_in(mine, door)
        notices.leave([("x-ratelimit-limit-requests", "60")], refused=False)
        door.answered("s", permit, None)
        told = await mine.head.hear()
        assert isinstance(told, Told)
        assert (told.lane, told.heard.headers) == (1, {"x-ratelimit-limit-requests": "60"})
        assert await mine.head.hear() == Answered(permit.entered, None)


# --- the facts


def start_of(name: str) -> SessionStarted:
    """Give the start of a session."""
    return SessionStarted(session=name, seq=0, ts=TS, messages=(Message("user", "x" * 100),))


async def test_the_head_hears_of_a_fact_when_it_is_durable_and_not_before(worker, tmp_path):
    """In the order in which they were recorded, without what was said in them."""
    settings = JournalSettings(window_s=3600.0)  # nothing is written unless somebody waits
    async with worker() as mine, open_journal(tmp_path, "r", settings) as journal:
        shipping = Shipping(journal, mine.link)
        await journal.accept(start_of("first"))  # after an idle moment it is written at once
        await journal.durable()
        events = [start_of(name) for name in ("a", "b", "c")]
        for event in events:
            await journal.accept(event)
            await shipping(event)
        assert journal.statistics().durable < 4
        shipping.send()
        assert (await mine.head.hear()).events == ()
        await journal.durable()
        shipping.send()
        told = await mine.head.hear()
        assert isinstance(told, Facts)
        assert [event.session for event in told.events] == ["a", "b", "c"]
        assert not any(getattr(event, "messages", ()) for event in told.events)
        assert told.journal.durable == 4


async def test_the_head_hears_again_and_again_how_the_journal_stands(worker, tmp_path, monkeypatch):
    """Also where nothing happens: it knows that the worker has begun, and if it is paused."""
    monkeypatch.setattr(afar, "SEND_S", 0.0)
    monkeypatch.setattr(afar, "QUIET_S", 0.0)
    async with worker() as mine, open_journal(tmp_path, "r") as journal:
        shipping = Shipping(journal, mine.link)
        mine.tasks.start_soon(shipping.keep_sending)
        for _ in range(3):
            assert isinstance(await mine.head.hear(), Facts)
        shipping.sending.cancel()


# --- the rows


async def test_the_head_knows_all_of_a_session_before_its_row(worker, tmp_path):
    """Whatever it was told of before."""
    async with worker() as mine, open_journal(tmp_path, "r") as journal:
        rows = DistantRows(tmp_path, mine.link)
        rows.shipping = shipping = Shipping(journal, mine.link)
        event = ModelReplied(session="s", seq=0, ts=TS, text="x")
        await journal.accept(event)
        await shipping(event)
        await journal.durable()
        kept = begin_call(mine, lambda: rows.append(b'{"id": "s", "x": 1}\n', completed=True))
        assert [one.session for one in (await mine.head.hear()).events] == ["s"]
        asked = await mine.head.hear()
        assert asked.what == Row("s", b'{"id": "s", "x": 1}\n', completed=True)
        assert not kept.over.is_set()
        mine.head.say(Answer(asked.number, None))
        await kept.over.wait()
        assert kept.error is None


async def test_rows_and_statistics_are_the_heads(worker, tmp_path):
    """Nothing is written here, and nothing waits for room."""
    async with worker() as mine:
        rows = DistantRows(tmp_path, mine.link)
        rows.wait_no_more()
        await rows.write_statistics(b"{}")
        kept = begin_call(mine, lambda: rows.append(b'{"id": "s"}\n', completed=False))
        asked = await mine.head.hear()  # no facts: there is no journal yet
        assert asked.what == Row("s", b'{"id": "s"}\n', completed=False)
        mine.head.say(Answer(asked.number, None))
        await kept.over.wait()
    assert (rows.paused, list(tmp_path.iterdir())) == (None, [])


@pytest.mark.parametrize("name", ["plain", "\ud800", "a\u2028b"])
@pytest.mark.parametrize("text", ["plain", "\udc00 alone"])
def test_a_row_says_whose_it_is_whatever_is_in_it(name, text):
    """Lone surrogates come from models, tools, and input files."""
    assert session_of(encode({"conversations": [text], "id": name, "tail": text})) == name


def test_what_is_no_row_says_nothing():
    """It is a fault of the program."""
    with pytest.raises(ValueError, match="Expecting value"):
        session_of(b"nothing")
