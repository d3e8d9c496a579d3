"""A session is the fold of its events.

``apply(session, event) -> session`` is the only way anything happens to a session, and it is pure.
The order of facts it admits::

    ToolsDeclared*  SessionStarted
    ( ModelFailed* ModelReplied (ToolStarted | ToolReturned)* | UserSpoke | Scored )*
    SessionEnded  (Scored* SessionResumed ...)*

A turn is a :class:`~recorder.messages.Message` or a :class:`~recorder.steps.Step`: a reply with
everything that came of its calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from recorder.aside import Aside, mended, put_aside
from recorder.errors import MisuseError
from recorder.events import (
    CRASHED,
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
    Unknown,
    UserSpoke,
    between,
)
from recorder.messages import Json, Message, Usage, add_usage
from recorder.steps import Step, Turn, opening_turns

_RECENT = 64
"""After so many facts :class:`Growing` sets aside what they brought."""


class Session(msgspec.Struct, frozen=True):
    """What is known of one session.

    ``seq`` is the number its next event must carry, ``resumed_at`` that of the event that began
    its current attempt. ``stalled`` counts the attempts in a row that were begun after a crash and
    brought nothing, ``idle_s`` is the time between attempts, in seconds, and ``drift`` names the
    settings that changed.
    ``advanced`` is when it last got further: requests that brought nothing, and what came after
    them in an attempt, belong to the time between that one and the next.
    """

    id: str = ""
    seq: int = 0
    tools: tuple[dict[str, Json], ...] = ()
    started: SessionStarted | None = None
    turns: tuple[Turn, ...] = ()
    orphans: tuple[ToolReturned, ...] = ()
    replies: int = 0
    failures: tuple[ModelFailed, ...] = ()
    failing: int = 0
    usage: Usage = Usage()
    rewards: dict[str, float | None] = {}
    attempt: int = 1
    resumed_at: int = 0
    stalled: int = 0
    idle_s: float = 0.0
    drift: tuple[str, ...] = ()
    ended: SessionEnded | None = None
    began: str = ""
    advanced: str = ""
    last: str = ""


def fold(events: Iterable[Event], session: Session | None = None) -> Session:
    """Apply *events* one after the other, beginning with *session* or with nothing."""
    growing = Growing(session or Session())
    for event in events:
        growing.add(event)
    return growing.session()


def apply(session: Session, event: Event) -> Session:
    """Give the session after *event*.

    Facts about a segment leave the session's place in its own order alone.

    Raises:
        MisuseError: the event belongs elsewhere, or can't come at this point.
    """
    if isinstance(event, SegmentOpened):
        return session
    if isinstance(event, ToolsDeclared):
        return msgspec.structs.replace(session, tools=event.tools)
    _admit(session, event)
    change = _CHANGES.get(type(event))
    changed = change(session, event) if change else session
    is_vain = isinstance(event, ModelFailed) or changed.ended is not None
    advanced = session.advanced if is_vain else event.ts
    return msgspec.structs.replace(
        changed, id=event.session, seq=event.seq + 1, advanced=advanced, last=event.ts
    )


def _admit(session: Session, event: Event) -> None:
    """Refuse what can't come now; unknown facts may come whenever their number is due."""
    name = type(event).__name__
    if event.seq != session.seq:
        raise MisuseError(
            f"session {event.session!r}: {name} has seq {event.seq}, expected {session.seq}"
        )
    if session.id and event.session != session.id:
        raise MisuseError(f"{name} of session {event.session!r} offered to {session.id!r}")
    if isinstance(event, Unknown):
        return
    if (session.started is None) != isinstance(event, SessionStarted):
        when = "before the session started" if session.started is None else "a second time"
        raise MisuseError(f"session {event.session!r}: {name} came {when}")
    if session.ended and not isinstance(event, SessionResumed | Scored):
        raise MisuseError(f"session {session.id!r} has ended: {name} can't be recorded")


def _start(session: Session, event: SessionStarted) -> Session:
    turns, orphans = opening_turns(event)
    return msgspec.structs.replace(
        session, started=event, began=event.ts, turns=turns, orphans=orphans
    )


def _reply(session: Session, event: ModelReplied) -> Session:
    return msgspec.structs.replace(
        session,
        turns=(*session.turns, Step(event)),
        replies=session.replies + 1,
        failing=0,
        stalled=0,
        usage=add_usage(session.usage, event.usage) if event.usage else session.usage,
    )


def _fail(session: Session, event: ModelFailed) -> Session:
    return msgspec.structs.replace(
        session,
        failures=(*session.failures, event),
        failing=session.failing + 1,
        usage=add_usage(session.usage, event.usage) if event.usage else session.usage,
    )


def _speak(session: Session, event: UserSpoke) -> Session:
    said = Message(event.role, event.content, event.origin)
    return msgspec.structs.replace(session, turns=(*session.turns, said))


def _call(session: Session, event: ToolStarted) -> Session:
    step = _step_with_calls(session)
    if step is None:
        raise MisuseError(
            f"session {session.id!r}: tool call {event.call_id!r} started, but no call is open"
        )
    changed = msgspec.structs.replace(step, started=(*step.started, event))
    return msgspec.structs.replace(session, turns=(*session.turns[:-1], changed))


def _return(session: Session, event: ToolReturned) -> Session:
    step = _step_with_calls(session)
    if step is None:
        return msgspec.structs.replace(session, orphans=(*session.orphans, event))
    changed = msgspec.structs.replace(step, results=(*step.results, event))
    stalled = session.stalled if event.status == "unknown" else 0
    turns = (*session.turns[:-1], changed)
    return msgspec.structs.replace(session, turns=turns, stalled=stalled)


def _step_with_calls(session: Session) -> Step | None:
    """The last turn, if it is a reply that asked for something."""
    last = session.turns[-1] if session.turns else None
    return last if isinstance(last, Step) and last.reply.calls else None


def _score(session: Session, event: Scored) -> Session:
    return msgspec.structs.replace(session, rewards={**session.rewards, **event.rewards})


def _resume(session: Session, event: SessionResumed) -> Session:
    resumed = msgspec.structs.replace(
        session,
        attempt=event.attempt,
        resumed_at=event.seq,
        stalled=session.stalled + 1 if event.previous == CRASHED else 0,
        idle_s=session.idle_s + between(session.advanced, event.ts),
        drift=session.drift + tuple(name for name in event.drift if name not in session.drift),
        ended=None,
        failing=0,
    )
    return _begin_anew(resumed, event.ts) if event.anew else resumed


def _begin_anew(session: Session, ts: str) -> Session:
    """Give the session as it was when it started; only what was recorded about it remains."""
    started = session.started
    assert started is not None  # noqa: S101  # narrowed: nothing is resumed before it starts
    fresh = Session(
        id=session.id,
        tools=session.tools,
        attempt=session.attempt,
        resumed_at=session.resumed_at,
        stalled=session.stalled,
        drift=session.drift,
    )
    return msgspec.structs.replace(_start(fresh, started), began=ts)


def _end(session: Session, event: SessionEnded) -> Session:
    return msgspec.structs.replace(session, ended=event)


_CHANGES: dict[type, Callable[[Session, Any], Session]] = {
    SessionStarted: _start,
    ModelFailed: _fail,
    ModelReplied: _reply,
    ToolStarted: _call,
    ToolReturned: _return,
    UserSpoke: _speak,
    Scored: _score,
    SessionResumed: _resume,
    SessionEnded: _end,
}


class Growing:
    """A session that many facts are added to, however many it has already.

    :func:`apply` copies whatever a fact is added to. Here it finds only what the last few facts
    brought; what was there before them is set aside, and put together when it is asked for.
    """

    def __init__(self, session: Session) -> None:
        self._window = session
        self._recent = 0
        self._aside: Aside | None = None

    def add(self, event: Event) -> None:
        """Apply *event*; where this raises as :func:`apply` does, nothing changes."""
        self._window = apply(self._window, event)
        if isinstance(event, SessionResumed) and event.anew:
            self._aside = None
        self._recent += 1
        if self._recent >= _RECENT:
            self._set_aside()

    def session(self) -> Session:
        """Give the session as it is now."""
        window, aside = self._window, self._aside
        if aside is None:
            return window
        return msgspec.structs.replace(
            window,
            turns=(*aside.turns, *mended(window.turns, aside)),
            orphans=(*aside.orphans, *window.orphans),
            failures=(*aside.failures, *window.failures),
        )

    def _set_aside(self) -> None:
        """Leave only the last turn to be copied, without what came of its calls so far."""
        window, self._recent = self._window, 0
        aside = self._aside = self._aside or Aside()
        turns = put_aside(window.turns, aside)
        aside.orphans += window.orphans
        aside.failures += window.failures
        self._window = msgspec.structs.replace(window, turns=turns, orphans=(), failures=())
