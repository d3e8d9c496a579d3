"""Whether a result is that of a call that failed, as its text or a mark beside it tells."""

from __future__ import annotations

from recorder.events import ToolReturned, timestamp
from recorder.messages import Json
from recorder.shapes import object_of
from recorder.stats import judge

_FAILED = ("error", "failed", "failure", "timeout")
_EPOCH = timestamp(0)


def is_failure(text: str) -> bool:
    """Say whether *text* reads as the result of a failed call, as the recorder's statistics do.

    Rows hold no executor's status, so that the text is all there is.
    """
    if text[:1] in ("{", "[") and '"error"' not in text and '"success"' not in text:
        return False  # nothing in it could say so: not worth reading as JSON
    result = ToolReturned(session="row", seq=0, ts=_EPOCH, call_id="call", output=text)
    return judge(result) == "failure"


def is_marked(fields: dict[str, Json]) -> bool:
    """Say whether what stands beside or in a result says that its call failed."""
    held = [fields, object_of(fields.get("result")), object_of(fields.get("content"))]
    return is_flagged(fields) or any(
        bool(one.get("error")) or one.get("success") is False for one in held
    )


def is_flagged(fields: dict[str, Json]) -> bool:
    """Say whether a result is marked as failed by a flag or a status of its own."""
    return fields.get("is_error") is True or fields.get("status") in _FAILED
