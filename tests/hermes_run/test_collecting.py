"""While a run goes on, cycles are looked for less often, and not among what stays."""

from __future__ import annotations

import gc

import pytest

from hermes_run.collecting import collecting_seldom


def fail_while_collecting_seldom(frozen: int, before: tuple[int, int, int]) -> None:
    """Look at what holds inside, and raise."""
    with collecting_seldom():
        assert gc.get_freeze_count() > frozen
        assert all(now > then for now, then in zip(gc.get_threshold(), before, strict=True))
        raise LookupError


def test_what_is_there_is_passed_over_until_the_end():
    """It is as it was before afterwards, also where the block raises."""
    before = gc.get_threshold()
    with pytest.raises(LookupError):
        fail_while_collecting_seldom(gc.get_freeze_count(), before)
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_cycles_that_die_meanwhile_are_still_found():
    """They are only found later."""
    with collecting_seldom():
        gc.disable()
        try:
            cycle: list[object] = []
            cycle.append(cycle)
            del cycle
            assert gc.collect() > 0
        finally:
            gc.enable()
