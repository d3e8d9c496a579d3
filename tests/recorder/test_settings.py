"""How a journal commits, as the design promises it."""

from __future__ import annotations

from recorder.settings import DEFAULTS, JournalSettings


def test_the_defaults_are_what_is_promised():
    """One sync in 50 ms, 5 ms where somebody waits, 8 MiB pending, 256 MiB a segment."""
    assert JournalSettings() == DEFAULTS
    assert (DEFAULTS.sync, DEFAULTS.window_s, DEFAULTS.hurry_s) == ("group", 0.05, 0.005)
    assert (DEFAULTS.pending_bytes, DEFAULTS.segment_bytes) == (8 * 2**20, 256 * 2**20)
