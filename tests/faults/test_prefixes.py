"""Any prefix of a journal resumes to the rows of the run that was not cut."""

from __future__ import annotations

from recorder.framing import frame, unframe
from recorder.events import UserSpoke


def test_a_framed_fact_is_read_back_as_it_was() -> None:
    """Cutting a journal at its lines rests on lines being facts."""
    fact = UserSpoke(session="a-0", seq=0, ts="2026-11-22T17:00:00.000Z", content="hello")
    assert unframe(frame(fact).removesuffix(b"\n")) == fact
