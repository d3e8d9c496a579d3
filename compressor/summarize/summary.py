"""What a summarizer is asked with, and what it gives. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import msgspec

from compressor.trajectory import Turn

Status: TypeAlias = Literal["summarized", "digest_fallback"]


class Options(msgspec.Struct, frozen=True):
    """Which model writes the summaries, and how patiently it is waited for; times in seconds.

    ``cache`` is the directory that holds every summary that was paid for, ``concurrency`` bounds
    the requests under way at once, ``row_s`` the time one call of ``summarize`` may take in all,
    ``request_s`` that of one request, and ``attempts`` how often one request is tried.
    ``part_tokens`` is the length above which a region is summarized in parts.
    """

    model: str
    cache: Path
    base_url: str | None = None
    api_key: str | None = None
    concurrency: int = 8
    row_s: float = 600.0
    request_s: float = 180.0
    attempts: int = 4
    part_tokens: int = 24_000


class Usage(msgspec.Struct, frozen=True):
    """Tokens that an endpoint says it took and gave."""

    input: int = 0
    output: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.input + other.input, self.output + other.output)


class Summary(msgspec.Struct, frozen=True):
    """A text that fits the room it was asked for.

    ``paid`` says how many answers of the model this call paid for (0 when all came from the cache)
    and ``usage`` what they took; ``reason`` says why a local digest had to stand in.
    """

    text: str
    status: Status
    paid: int = 0
    usage: Usage = Usage()
    reason: str | None = None


class Summarizer(Protocol):
    """Writes what stands for turns that are cut."""

    async def summarize(self, turns: tuple[Turn, ...], room_tokens: int) -> Summary:
        """Give a text of at most *room_tokens* tokens for *turns*; only cancellation raises."""
        ...
