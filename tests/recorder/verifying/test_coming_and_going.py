"""Segments of a live run may be gone before they are looked at: the disk was full."""

from __future__ import annotations

import pytest

from recorder.errors import RunDirectoryError
from recorder.lock import own
from recorder.verifying import inspect, survey
from recorder.verifying.scanning import Extent, last_lines


def test_a_segment_that_is_gone_before_it_is_measured_is_passed_over(run, judge):
    """A name of which no file is left is what a removal between two looks leaves to see."""
    (run / "journal" / "00001-later.jsonl").symlink_to(run / "nowhere")
    verdict = judge(run)
    assert verdict.sound
    assert verdict.counts.segments == 1


def test_a_segment_that_is_gone_after_it_was_measured_says_of_nobody_where_it_ends(run, journal):
    """The sessions of all others are found as before."""
    here = Extent(journal(run), journal(run).stat().st_size)
    gone = Extent(run / "journal" / "00001-later.jsonl", 100)
    assert last_lines([here, gone]) == last_lines([here])


def test_a_segment_of_a_live_run_may_go_while_it_is_looked_at(run, journal):
    """What was in it comes in another; in a run that nobody owns it is a loss."""
    late = run / "journal" / "00001-later.jsonl"
    late.write_bytes(journal(run).read_bytes().splitlines(keepends=True)[0])
    with own(run):
        live = survey(run)
    still = survey(run)
    late.unlink()
    verdict = inspect(live)
    assert verdict.sound
    assert verdict.counts.rows == verdict.counts.equal == 2
    with pytest.raises(RunDirectoryError, match="can't be read"):
        inspect(still)
