"""Whether a result is that of a call that failed, as its text tells."""

from __future__ import annotations

from recorder.events import ToolReturned, timestamp
from recorder.stats import judge

_EPOCH = timestamp(0)


def is_failure(text: str) -> bool:
    """Say whether *text* reads as the result of a failed call, as the recorder's statistics do.

    Rows hold no executor's status, so that the text is all there is.
    """
    if text[:1] in ("{", "[") and '"error"' not in text and '"success"' not in text:
        return False  # nothing in it could say so: not worth reading as JSON
    result = ToolReturned(session="row", seq=0, ts=_EPOCH, call_id="call", output=text)
    return judge(result) == "failure"
