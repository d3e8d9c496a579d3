"""What the head of a run and its workers say to each other. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from hermes_run.brake import Cause
from hermes_run.config import Settings
from hermes_run.failure import Failure
from hermes_run.job import Going
from hermes_run.prompts import Prompt
from hermes_run.throttle.lane import Permit
from hermes_run.throttle.told import Heard
from recorder.events import Event, ModelReplied, SessionStarted, ToolReturned, UserSpoke
from recorder.messages import Usage
from recorder.settings import JournalStatistics
from recorder.standing import Standing


class Begin(msgspec.Struct, frozen=True):
    """The first thing a worker hears: the run, and its own share of it.

    Relative paths in the rows begin from ``folder``.
    """

    directory: Path
    run: str
    settings: Settings
    folder: Path


class Handed(msgspec.Struct, frozen=True):
    """A session that is to be run; ``past`` is where one stands that goes on."""

    prompt: Prompt
    sample: int
    going: Going | None = None
    past: Standing | None = None


class Stop(msgspec.Struct, frozen=True):
    """The run is stopping: what is in flight ends by itself."""

    cause: Cause
    reason: str


class Cancel(msgspec.Struct, frozen=True):
    """What is in flight is given up."""


class Asked(msgspec.Struct, frozen=True):
    """A question of a worker; the answer has the same number."""

    number: int
    what: Any


class Answer(msgspec.Struct, frozen=True):
    """What the head says to a question."""

    number: int
    value: Any


class Want(msgspec.Struct, frozen=True):
    """Asked: another session. The answer is :class:`Handed`, or nothing when there is no more."""


class Enter(msgspec.Struct, frozen=True):
    """Asked: leave to send *size* bytes. The answer is a permit, or nothing where the run stops."""

    session: str
    size: int


class Failed(msgspec.Struct, frozen=True):
    """Asked: what the failure of an attempt is for its session. The answer is a failure."""

    entered: int
    failure: Failure


class Row(msgspec.Struct, frozen=True):
    """Asked: that a row be written. The answer is nothing, and comes when it is."""

    session: str
    content: bytes
    completed: bool


class Answered(msgspec.Struct, frozen=True):
    """An attempt ended well; ``entered`` is the number of the question that got it leave."""

    entered: int
    usage: Usage | None


class GivenUp(msgspec.Struct, frozen=True):
    """An attempt was cancelled, or waits for leave no more."""

    entered: int


class Told(msgspec.Struct, frozen=True):
    """What an endpoint told of its rates."""

    lane: int
    heard: Heard


class Facts(msgspec.Struct, frozen=True):
    """Events that are durable now, without their contents, and how the journal stands."""

    events: tuple[Event, ...]
    journal: JournalStatistics


class Broke(msgspec.Struct, frozen=True):
    """A worker can't go on.

    ``record`` says that it is the record which can't be written, ``errno`` what the system said of
    it, ``trace`` where it was, if nobody has foreseen it.
    """

    text: str
    record: bool = False
    errno: int | None = None
    trace: str = ""


class Done(msgspec.Struct, frozen=True):
    """A worker has nothing left; ``notices`` say what its servers of tools came to."""

    notices: tuple[str, ...]


class Numbered(Permit, frozen=True):
    """A permit that came from the head, with the number of the question that got it."""

    entered: int = 0


def counted(event: Event) -> Event:
    """Give *event* without what nobody counts: what was said in it stays where it is recorded."""
    match event:
        case ModelReplied():
            calls = tuple(msgspec.structs.replace(call, arguments="") for call in event.calls)
            return ModelReplied(
                session=event.session, seq=event.seq, ts=event.ts, calls=calls, usage=event.usage
            )
        case ToolReturned() if event.status is not None:
            return msgspec.structs.replace(event, output=None)
        case SessionStarted():
            return SessionStarted(session=event.session, seq=event.seq, ts=event.ts)
        case UserSpoke():
            return msgspec.structs.replace(event, content="")
        case _:
            return event
