"""One run, one owner."""

from __future__ import annotations

import os

from recorder.lock import holder, own


def test_a_directory_is_owned_until_the_block_ends(tmp_path):
    """Whoever asks is told by whom."""
    with own(tmp_path):
        assert holder(tmp_path) == os.getpid()
    assert holder(tmp_path) is None
