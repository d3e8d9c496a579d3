"""The run's own log is a help, and never in the way."""

from __future__ import annotations

import json

from hermes_run.runlog import RUN_LOG, open_log


def test_every_line_is_an_object_with_what_was_said(tmp_path):
    """Tracebacks are in it, and text that no file takes is written in other words."""
    with open_log(tmp_path) as log:
        log.warning("half \ud800", session="a")
    (line,) = (tmp_path / RUN_LOG).read_text().splitlines()
    assert json.loads(line)["session"] == "a"


def test_a_log_that_cannot_be_written_stops_nobody(tmp_path):
    """A full disk is told by those whose writing counts."""
    (tmp_path / RUN_LOG).symlink_to("/dev/full")
    with open_log(tmp_path) as log:
        log.warning("lost")
