"""Pictures in content: trajectories are text, so each becomes a marker or a summary."""

from __future__ import annotations

from recorder.messages import PICTURES, Json
from recorder.shapes import array_of, object_of, text_in


def has_pictures(content: Json) -> bool:
    """Say whether *content*, or the envelope it is, has parts that are pictures."""
    if isinstance(content, str):  # as most is
        return False
    parts = object_of(content).get("content") if _is_envelope(content) else content
    return any(map(_is_picture, array_of(parts)))


def shown(output: Json) -> Json:
    """Give a tool's output without its pictures: marked in a list, summed up for an envelope.

    An envelope is ``{"_multimodal": true, "content": [parts], "text_summary": str}``.
    """
    if isinstance(output, str):  # as most is
        return output
    if _is_envelope(output):
        return _summary(object_of(output))
    if has_pictures(output):
        marker = {"type": "text", "text": "[screenshot]"}
        return [marker if _is_picture(part) else part for part in array_of(output)]
    return output


def _is_envelope(content: Json) -> bool:
    return object_of(content).get("_multimodal") is True


def _is_picture(part: Json) -> bool:
    return object_of(part).get("type") in PICTURES


def _summary(envelope: dict[str, Json]) -> str:
    texts = [object_of(part).get("text") for part in array_of(envelope.get("content"))]
    told = "\n".join(text for text in texts if isinstance(text, str))
    return text_in(envelope.get("text_summary")) or told or "[multimodal tool result]"
