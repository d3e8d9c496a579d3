"""Who has to go where the machine itself is about to have nothing left, of memory or of disk.

That is whoever took it, as far as can be told, and not just anybody who has some: what fills the
machine may be no session at all, and then there is nothing to be gained from ending one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

LEAST = 16 * 2**20
"""Nobody is looked for, or ended, because of less than this, in bytes."""

PARTS = 16
"""What fell by so small a part of a session's allowance is looked into."""

RESERVE = 128 * 2**20
"""What must be left of the machine's memory and disk, in bytes, or somebody goes."""

SHARE = 4
"""Who has to go has at least one part in so many of what is missing."""

Session = TypeVar("Session")


class Seen(msgspec.Struct, frozen=True):
    """What was left of the machine at some time, and what each session had of it."""

    left: int
    had: Mapping[Any, int] = {}


def step_of(allowed: int) -> int:
    """How much less must be left before somebody may have too much, in bytes."""
    return max(LEAST, allowed // PARTS)


def blamed(found: Mapping[Session, int], left: int, before: Seen, most: int) -> Session | None:
    """Tell which session has to go so that the others can go on; nobody, where that helps nobody.

    Args:
        found: what each has now, in bytes.
        left: what the machine has left now.
        before: how it was when there was still enough.
        most: the most that the machine ever had left in this run.
    """
    grown = {one: now - before.had.get(one, 0) for one, now in found.items()}
    for took, missing in ((grown, before.left - left), (found, most - left)):
        largest = max(took, key=took.__getitem__, default=None)
        if largest is None or took[largest] <= LEAST:
            continue
        if took[largest] * SHARE >= missing:
            return largest
    return None


def size(count: int) -> str:
    """Write a number of bytes as people do."""
    return f"{count / 2**30:.3g} GiB" if count >= 2**30 else f"{count / 2**20:.3g} MiB"
