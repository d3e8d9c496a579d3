"""The row of ``trajectories.jsonl``: a session as ``hermes``, with everything to sort rows by."""

from __future__ import annotations

from collections.abc import Iterable

from recorder.events import ToolReturned, between
from recorder.formats import hermes
from recorder.formats.foreign import ORPHANS
from recorder.formats.pictures import shown
from recorder.messages import Json, Times, Usage
from recorder.session import Session
from recorder.shapes import object_of, text_in
from recorder.stats import error_counts, tool_stats
from recorder.steps import Step, pair


def render(session: Session, run: str = "") -> dict[str, Json]:
    """Write *session* of *run* as a row; equal sessions give equal rows.

    Times are in seconds, costs in US dollars; both are None where they are not known, as are
    numbers of tokens where nobody counted any.

    Raises:
        FormatError: something in the session has no JSON form.
    """
    return around(session, hermes.render(session), run)


def around(session: Session, written: dict[str, Json], run: str) -> dict[str, Json]:
    """Put the columns of a row around *written*, which is *session* as ``hermes``."""
    started, ended = session.started, session.ended
    outcome = ended.outcome if ended else None
    return {
        "id": session.id,
        "prompt_index": started.prompt_index if started else 0,
        "sample": started.sample if started else 0,
        "conversations": written["conversations"],
        "completed": outcome == "completed",
        "partial": outcome != "completed" and session.replies > 0,
        "outcome": outcome,
        "exit_reason": ended.reason if ended else "",
        "error": ended.error if ended else None,
        **_provenance(session),
        **_tools(session),
        **_spent(session),
        "rewards": session.rewards,
        "timing": _timing(session),
        "flags": [*(started.flags if started else ()), *_drift(session), *written["flags"]],
        "metadata": _metadata(session),
        "run": run,
    }


def _metadata(session: Session) -> dict[str, Json]:
    """What the session was started with, and the results that fit no call or come second.

    Nobody's own word is written over: then these results are flagged only.
    """
    given = session.started.metadata if session.started else {}
    left: list[ToolReturned] = [*session.orphans]
    for turn in session.turns:
        if isinstance(turn, Step) and turn.results:
            found = pair(turn)
            left += (*found.orphans, *found.duplicates)
    if not left or ORPHANS in given:
        return given
    return {**given, ORPHANS: [{"call_id": o.call_id, "output": shown(o.output)} for o in left]}


def _provenance(session: Session) -> dict[str, Json]:
    """Who answered: the model that said so last, else the one that was asked for."""
    started = session.started
    replies = (turn.reply for turn in reversed(session.turns) if isinstance(turn, Step))
    answered = next((reply.model for reply in replies if reply.model), None)
    return {
        "model": answered or (started.model if started else ""),
        "provider": started.provider if started else "",
        "api_calls": session.replies + len(session.failures),
        "toolsets_used": list(started.toolsets) if started else [],
        "sandbox": (started.sandbox if started else "") or None,
    }


def _tools(session: Session) -> dict[str, Json]:
    """Statistics of every tool of the run, called or not, so that all its rows are alike."""
    of_run = session.started.run_tools if session.started else ()
    offered = filter(None, (*of_run, *map(_name, session.tools)))
    zero = {name: {"count": 0, "success": 0, "failure": 0} for name in offered}
    stats = {**zero, **tool_stats(session)}
    return {"tool_stats": stats, "tool_error_counts": error_counts(stats)}


def _name(tool: dict[str, Json]) -> str:
    function = object_of(tool.get("function")) or tool
    return text_in(function.get("name"))


def _spent(session: Session) -> dict[str, Json]:
    usage: Usage = session.usage
    replies = (turn.reply for turn in session.turns if isinstance(turn, Step))
    counted = usage != Usage() or any(reply.usage for reply in replies)
    return {
        "usage": {
            "input": usage.input if counted else None,
            "output": usage.output if counted else None,
            "cached": usage.cached if counted else None,
            "reasoning": usage.reasoning if counted else None,
            "estimated": usage.estimated,
        },
        "cost_usd": usage.cost_usd,
    }


def _drift(session: Session) -> list[str]:
    """What was not as it was when the session started, after it was resumed."""
    return [f"drift:{name}" for name in session.drift]


def _timing(session: Session) -> dict[str, Json]:
    """When the session ran, in how many attempts, and how long it waited for model and tools.

    Tools that ran side by side count one after the other. Where the clock was set back, nothing
    is known of how long it took but that it took no less than nothing.
    """
    steps = [turn for turn in session.turns if isinstance(turn, Step)]
    whole = between(session.began, session.last) if session.began else None
    return {
        "started": session.began or None,
        "finished": session.last if session.ended else None,
        "seconds": whole if whole is None else round(whole, 3),
        "attempts": session.attempt,
        "model_s": _sum(step.reply.times for step in steps),
        "tool_s": _sum(result.times for step in steps for result in step.results),
    }


def _sum(times: Iterable[Times | None]) -> float | None:
    known = [between(one.started, one.finished) for one in times if one and one.finished]
    return round(sum(known), 3) if known else None
