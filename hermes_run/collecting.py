"""Look for cycles of dead objects less often, and never among what stays.

A full collection goes through everything that there is, at 0.2 s for 500 sessions, and meanwhile
nothing else happens. What was imported and opened before the sessions begin stays to the end.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager

NEW = 5_000
"""So many more new objects than before make a collection of the youngest."""

YOUNG, OLD = 20, 50
"""So many collections of the younger ones make one of the next older ones."""


@contextmanager
def collecting_seldom() -> Generator[None]:
    """Let the collector pass over what is there now, and look at what comes less often.

    Only for a program that does nothing else: it holds for the whole process.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW, YOUNG, OLD)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
