"""How a journal commits, and what it has done."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Sync: TypeAlias = Literal["event", "group", "none"]
"""``event``: each fact waits for its own sync; ``group``: one sync a window; ``none``: no sync."""


class JournalSettings(msgspec.Struct, frozen=True):
    """How a journal commits; times in seconds, sizes in bytes.

    ``window_s`` is the pause between commits under load, ``hurry_s`` the same while somebody waits
    for the disk. ``pending_bytes`` is how much may wait to be written, ``segment_bytes`` how large
    a segment grows, ``retry_s`` how often a full disk is tried again.
    """

    sync: Sync = "group"
    window_s: float = 0.05
    hurry_s: float = 0.005
    pending_bytes: int = 8 * 2**20
    segment_bytes: int = 256 * 2**20
    retry_s: float = 0.5


class JournalStatistics(msgspec.Struct, frozen=True):
    """What the journal has done so far.

    ``idle_s`` is the time since its last commit, in seconds; ``paused`` is what the disk said while
    it is full.
    """

    accepted: int
    durable: int
    bytes: int
    commits: int
    idle_s: float
    paused: str | None


DEFAULTS = JournalSettings()
"""What suits most runs."""
