"""Statistics of one session.

How a call went is what its executor said. Records of foreign agents have no executor: there the
text of the result decides, as well as text can.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Literal, TypeAlias

from recorder.events import ToolReturned
from recorder.messages import Json, ToolCall
from recorder.session import Session
from recorder.shapes import object_of
from recorder.steps import Step, pair
from recorder.thinking import speak

Verdict: TypeAlias = Literal["success", "failure"]


_BY_STATUS: dict[str, Verdict] = {
    "ok": "success",
    "error": "failure",
    "timeout": "failure",
    "invalid": "failure",
}


def tool_stats(session: Session) -> dict[str, dict[str, int]]:
    """Count calls, successes and failures of each tool that was called.

    A non-zero exit code is no failure. Of several results for one call the first counts; one that
    names no call counts for none unless its executor stands behind it.
    """
    stats: dict[str, dict[str, int]] = {}
    for call, result in _calls(session):
        counts = stats.setdefault(call.name, {"count": 0, "success": 0, "failure": 0})
        counts["count"] += 1
        verdict = judge(result) if result else None
        if verdict:
            counts[verdict] += 1
    return stats


def tool_error_counts(session: Session) -> dict[str, int]:
    """Count the failures of each tool that was called."""
    return error_counts(tool_stats(session))


def error_counts(stats: dict[str, dict[str, int]]) -> dict[str, int]:
    """Take the failures of each tool out of its statistics."""
    return {name: counts["failure"] for name, counts in stats.items()}


def reasoning_stats(session: Session) -> dict[str, int | bool]:
    """Count the replies with and without reasoning; an empty block is none."""
    replies = [turn.reply for turn in session.turns if isinstance(turn, Step)]
    reasoned = sum(bool(speak(reply.reasoning, reply.text).reasoning) for reply in replies)
    return {
        "total_assistant_turns": len(replies),
        "turns_with_reasoning": reasoned,
        "turns_without_reasoning": len(replies) - reasoned,
        "has_any_reasoning": reasoned > 0,
    }


def _calls(session: Session) -> Iterator[tuple[ToolCall, ToolReturned | None]]:
    for turn in session.turns:
        if isinstance(turn, Step):
            yield from pair(turn).pairs


def judge(result: ToolReturned) -> Verdict | None:
    """Say how a call went: by its executor's status, else by the text of what it gave back."""
    if result.status is not None:
        return _BY_STATUS.get(result.status)
    if not result.call_id:
        return None
    return "failure" if _reads_as_failure(result.output) else "success"


_FAILURE_TEXT = re.compile(
    r"error:|error (?:executing|calling|running|invoking)\b|traceback \(most recent call last\)"
    r"|tool '[^'\n]{0,200}' (?:does not exist|not found)",
    re.IGNORECASE,
)
_WRAPPER = re.compile(r"<untrusted_tool_result[^>\n]*>(.*)</untrusted_tool_result>", re.DOTALL)


def _reads_as_failure(output: Json) -> bool:
    """Judge an output nobody judged; one that says nothing at all is no success."""
    if isinstance(output, str):
        return _text_reads_as_failure(output)
    return output is None or _value_reads_as_failure(output)


def _text_reads_as_failure(output: str) -> bool:
    text = output.strip()
    if wrapped := _WRAPPER.fullmatch(text):
        text = wrapped[1].strip()
    if not text:
        return True
    if text[0] in "{[":
        try:
            return _value_reads_as_failure(json.loads(text))
        except (ValueError, RecursionError):
            return False
    return bool(_FAILURE_TEXT.match(text))


def _value_reads_as_failure(value: Json) -> bool:
    outer = object_of(value)
    nested = object_of(outer.get("content"))
    return any((outer.get("error"), outer.get("success") is False, nested.get("error")))
