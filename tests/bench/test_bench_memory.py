"""The benchmarks of memory and of the event loop's lag each print one line to be read."""

from __future__ import annotations

import pytest


def test_memory_is_measured_for_sessions_in_flight_and_for_many_prompts(quick):
    """Each number of sessions was really in flight; each look at the prompts is a point."""
    answer, figures = quick("memory")
    assert answer["bench"] == "memory"
    for sessions in (20, 100):
        for kind in ("in flight", "streaming"):
            figure = figures[f"a session {kind} of {sessions}"]
            assert (figure["unit"], figure["budget"]) == ("KB", 64)
            assert figure["median"] > 0
            assert answer["checks"][f"{kind} {sessions}"]["running"] == sessions
            assert answer["checks"][f"{kind} {sessions}"]["history"] > 2 * 1_400
    looks = [20, 40, 100, 200, 400, 1000, 2000]
    assert [count for count, _ in answer["curves"][0]["points"]] == looks
    assert figures["growth from 20 to 2000 prompts"]["budget"] == 41
    for look in answer["checks"]["prompts"].values():
        assert 0 < look["rss"] <= look["peak"]


def test_lag_is_measured_while_sandboxes_open_and_while_they_run(quick):
    """The budget is for the whole run, and commands, tool calls and the panel were all there."""
    answer, figures = quick("lag")
    if answer["skipped"]:
        pytest.skip(answer["skipped"])
    assert (answer["bench"], answer["repeats"]) == ("lag", 2)
    for sessions in (4, 8):
        assert len(answer["checks"][f"at {sessions}"]) == 2
        for phase in ("", ", opening", ", running", ", held up"):
            parts = [figures[f"lag {part} at {sessions}{phase}"] for part in ("p50", "p99", "max")]
            medians = [part["median"] for part in parts]
            assert medians == sorted(medians)
            assert parts[2]["high"] > 0
            assert [part.get("budget") for part in parts] == [None, None if phase else 50.0, None]
    assert 0 <= answer["checks"]["server_busy"] < 1
