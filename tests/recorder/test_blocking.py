"""The record for agents that are not async."""

from __future__ import annotations

import recorder


def test_an_agent_without_an_event_loop_records_what_it_does(tmp_path):
    """The journal can be read back, and the session has ended."""
    with recorder.open_sync(tmp_path / "mine") as record:
        with record.session(prompt="Hi") as session:
            session.model_replied(text="Ho")
    [folded] = recorder.fold_journal(tmp_path / "mine" / "journal").sessions.values()
    assert folded.ended is not None
    assert folded.ended.outcome == "completed"
