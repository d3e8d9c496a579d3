"""How a journal commits, as the design promises it."""

from __future__ import annotations

import msgspec
import pytest

from recorder.settings import DEFAULTS, JournalSettings


def test_the_defaults_are_what_is_promised():
    """One sync in 50 ms, 5 ms where somebody waits, 8 MiB pending, 256 MiB a segment."""
    assert JournalSettings() == DEFAULTS
    assert (DEFAULTS.sync, DEFAULTS.window_s, DEFAULTS.hurry_s) == ("group", 0.05, 0.005)
    assert (DEFAULTS.pending_bytes, DEFAULTS.segment_bytes) == (8 * 2**20, 256 * 2**20)


@pytest.mark.parametrize("sync", ["event", "group", "none"])
def test_there_are_three_ways_to_sync(sync):
    """Settings survive being written down and read back, whichever it is."""
    settings = JournalSettings(sync=sync, window_s=0.1)
    assert msgspec.convert(msgspec.to_builtins(settings), JournalSettings) == settings


def test_another_way_to_sync_is_refused():
    """The error names it."""
    with pytest.raises(msgspec.ValidationError, match="'always'"):
        msgspec.convert({"sync": "always"}, JournalSettings)
