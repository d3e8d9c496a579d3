"""Token counts as servers give them. Pure."""

from __future__ import annotations

from recorder.messages import Json, Usage
from recorder.shapes import object_of

_MOST = 2**53
"""Above this a count is nonsense, and a number that not every reader of JSON can hold."""


def read_usage(usage: Json) -> Usage | None:
    """Read token counts in the dialects of OpenAI, DeepSeek and OpenRouter.

    Source: OpenAI API reference, "The chat completion object", ``usage``; DeepSeek's
    ``prompt_cache_hit_tokens``; OpenRouter's ``cost``, in US dollars.
    """
    if not isinstance(usage, dict):
        return None
    counts = object_of(usage)
    given = _count(counts.get("prompt_tokens"))
    cached = object_of(counts.get("prompt_tokens_details")).get("cached_tokens")
    reasoning = object_of(counts.get("completion_tokens_details")).get("reasoning_tokens")
    return Usage(
        input=given,
        output=_count(counts.get("completion_tokens")),
        cached=min(given, _count(cached) or _count(counts.get("prompt_cache_hit_tokens"))),
        reasoning=_count(reasoning),
        cost_usd=_cost(counts.get("cost")),
    )


def _count(value: Json) -> int:
    return int(value) if isinstance(value, int | float) and 0 < value < _MOST else 0


def _cost(value: Json) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value < _MOST else None
