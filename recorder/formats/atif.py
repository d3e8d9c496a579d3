"""``atif``: a session as one document of the Agent Trajectory Interchange Format, version 1.7.

A turn is a step, and a reply is one with the results of its calls as its observation. The models of
the format take no keys they do not know, so what it has no field for stands under ``extra``: who
spoke (``origin``), roles it does not know, how calls went, raw arguments that are no object, and in
the document's own ``extra`` the flags, as ``kind:step`` or ``kind:step:detail``.

Its readers refuse lone surrogates. A document that would hold some is written without them and says
so by ``"escaped": true`` in its ``extra``; :mod:`recorder.formats.atif_text` tells how.

Steps that the model did not produce are marked ``is_copied_context``, or by ``llm_call_count`` 0
where the harness spoke in its place: neither is trained on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from recorder.errors import FormatError
from recorder.events import ModelFailed, ModelReplied, SessionStarted
from recorder.formats.atif_observing import write_result
from recorder.formats.atif_reading import parse
from recorder.formats.atif_text import escaped
from recorder.formats.atif_writing import Manner, known, write_turn
from recorder.formats.hermes_writing import placed
from recorder.formats.style import AS_RECORDED, Style
from recorder.formats.turns import SYSTEM_ROLES, is_prefill, leading_system
from recorder.messages import Json, Message, Usage, add_usage
from recorder.session import Session
from recorder.shapes import object_of, text_in
from recorder.steps import Step
from recorder.version import VERSION

__all__ = ["LAYOUT", "parse", "render"]

LAYOUT = "documents"
"""Every session is a file of its own."""

_VERSION = "ATIF-v1.7"
_AGENT = "hermes-run"


def render(session: Session, style: Style = AS_RECORDED) -> dict[str, Json]:
    """Write *session* as a document; arguments are objects in any style, and tools a list.

    Raises:
        FormatError: nobody says anything in it, or something in it has no JSON form.
    """
    manner, replies = _manner(session, style), list(_replies(session))
    flags = [*(session.started.flags if session.started else ())]
    flags += [f"drift:{name}" for name in session.drift]
    flags += ["orphan_result"] * len(session.orphans)
    steps, notes = _steps(session, manner)
    if not steps:
        raise FormatError(f"session {session.id!r} has no turns: an ATIF document needs a step")
    name = {"session_id": session.id, "trajectory_id": session.id} if session.id else {}
    document: dict[str, Json] = {
        "schema_version": _VERSION,
        **name,
        "agent": _agent(session, manner),
        "steps": steps,
        "final_metrics": _total(session, replies, len(steps)),
        "extra": {"recorder": VERSION, "flags": [*flags, *notes], **_about(session)},
    }
    safe = escaped(document)
    return document if safe is None else {**safe, "extra": {**safe["extra"], "escaped": True}}


def _steps(session: Session, manner: Manner) -> tuple[list[dict[str, Json]], list[str]]:
    """Write the turns; a flag tells of those that are left out, before the step they came before.

    What only stood there for the model to go on from is no turn. A system message behind nothing
    but that would be taken for the lasting system prompt, which it is not.
    """
    steps: list[dict[str, Json]] = []
    flags: list[str] = []
    lasting, is_begun = len(leading_system(session)), False
    for place, turn in enumerate(session.turns):
        is_system = isinstance(turn, Message) and turn.role in SYSTEM_ROLES
        if isinstance(turn, Step) and is_prefill(turn.reply):
            flags.append(f"dropped_turn:{len(steps) + 1}:prefill")
        elif is_system and place >= lasting and not is_begun:
            flags.append(f"dropped_turn:{len(steps) + 1}:system")
        else:
            step, notes = write_turn(turn, manner)
            steps.append({"step_id": len(steps) + 1, **step})
            flags += [placed(note, len(steps)) for note in notes]
            is_begun = is_begun or not is_system
    return steps, flags


def _replies(session: Session) -> Iterator[ModelReplied]:
    """What the model itself said in this session."""
    for turn in session.turns:
        if isinstance(turn, Step) and turn.reply.origin == "model" and not is_prefill(turn.reply):
            yield turn.reply


def _manner(session: Session, style: Style) -> Manner:
    """How the steps are to be written: costs stand on every step of the model or on none."""
    started, replies = session.started, list(_replies(session))
    answered = next((reply.model for reply in replies if reply.model), "")
    return Manner(
        model=(started.model if started else "") or answered,
        is_priced=all(reply.usage and reply.usage.cost_usd is not None for reply in replies),
        is_inline=style.reasoning == "inline",
        opening=started.messages if started else (),
        began=session.began,
    )


def _agent(session: Session, manner: Manner) -> dict[str, Json]:
    """Name the agent: whom a document that was read named, else this software."""
    started = session.started
    metadata = started.metadata if started else {}
    given = object_of(object_of(metadata.get("atif")).get("agent"))
    agent: dict[str, Json] = {
        "name": text_in(given.get("name")) or _AGENT,
        "version": text_in(given.get("version")) or VERSION,
    }
    if manner.model:
        agent["model_name"] = manner.model
    if session.tools:
        agent["tool_definitions"] = [_definition(tool) for tool in session.tools]
    if started and (extra := known(_drawn(started))):
        agent["extra"] = extra
    return agent


def _definition(tool: dict[str, Json]) -> dict[str, Json]:
    """A tool as chat endpoints declare it."""
    return tool if object_of(tool.get("function")) else {"type": "function", "function": tool}


def _drawn(started: SessionStarted) -> dict[str, Json]:
    return {
        "provider": started.provider,
        "toolsets": list(started.toolsets),
        "tools_hash": started.tools_hash,
        "draw_seed": started.draw_seed,
        "sandbox": started.sandbox or None,
        "sampling": started.sampling,
    }


def _total(session: Session, replies: list[ModelReplied], steps: int) -> dict[str, Json]:
    """Sum up what the steps say; attempts that failed were paid for and stand on none of them."""
    spent, failed = _sum(replies), _sum(session.failures)
    whole = add_usage(spent, failed)
    total: dict[str, Json] = {
        "total_prompt_tokens": spent.input,
        "total_completion_tokens": spent.output,
        "total_cached_tokens": spent.cached,
        "total_steps": steps,
    }
    if whole.cost_usd is not None:
        total["total_cost_usd"] = whole.cost_usd
    extra: dict[str, Json] = {"api_calls": len(replies) + len(session.failures)}
    extra |= known({"reasoning_tokens": spent.reasoning or None})
    if failed != Usage():
        extra["failed_attempts"] = msgspec.to_builtins(failed)
    if spent.estimated:
        extra["estimated"] = True
    return {**total, "extra": extra}


def _sum(spenders: Iterable[ModelReplied | ModelFailed]) -> Usage:
    total = Usage()
    for one in spenders:
        total = add_usage(total, one.usage) if one.usage else total
    return total


def _about(session: Session) -> dict[str, Json]:
    """Tell what is known of the session beside its turns."""
    started, ended = session.started, session.ended
    asked: dict[str, Json] = {}
    if started:
        asked = {"prompt_index": started.prompt_index, "sample": started.sample}
        asked |= known({"prompt_key": started.prompt_key, "metadata": started.metadata})
    asked["outcome"] = ended.outcome if ended else None
    if ended:
        asked |= known({"exit_reason": ended.reason, "error": ended.error})
    orphans = [write_result(one) for one in session.orphans]
    asked |= known({"rewards": session.rewards, "orphan_results": orphans})
    return {**asked, "attempts": session.attempt}
