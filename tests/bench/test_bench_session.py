"""The benchmarks of whole sessions each print one line that a program can read."""

from __future__ import annotations


def reached(most, sessions):
    """Whether more than half of the *sessions* were there at once: a busy machine begins slowly."""
    return all(sessions / 2 < each <= sessions for each in most.values())


def test_a_session_is_measured_against_a_bare_loop(quick):
    """Each number of sessions has a figure for both and their ratio, and was really reached."""
    answer, found = quick("session")
    assert (answer["bench"], answer["repeats"]) == ("session", 2)
    for name in ("at 4", "at 4, chunks at once", "at 8"):
        parts = [f"session {name}", f"bare SDK {name}", f"ours to bare SDK {name}"]
        assert all(0 < found[part]["low"] <= found[part]["median"] for part in parts)
    assert reached(answer["checks"]["at 4"]["most"], 4)
    assert found["session with a workspace at 4"]["low"] > 0
    assert [curve["name"] for curve in answer["curves"]] == ["ours", "bare SDK"]


def test_the_share_of_the_record_is_measured_against_none_and_against_bare_files(quick):
    """Each kind of record has a figure for what a session costs with it, and the share one."""
    answer, found = quick("share")
    full, housed, leisurely = answer["inputs"]["loads"]
    assert full["concurrency"] == housed["concurrency"] > leisurely["concurrency"] > 1
    assert [load["workspaces"] for load in (full, housed, leisurely)] == [False, True, False]
    for load in (full, housed, leisurely):
        for kind in ("on", "journal only", "off", "aiofiles"):
            assert found[f"session, {kind}, {load['name']}"]["low"] > 0
        assert reached(answer["checks"][load["name"]]["most"], load["concurrency"])
    assert found["recorder's share of the CPU, core full"]["budget"] == 0.05


def test_bytes_are_counted_against_what_was_said(quick):
    """The journal holds all that was said, and all files hold the journal and the rows."""
    _, found = quick("bytes")
    parts = ("journal", "rows, made from it,", "all files")
    journal, rows, every = (found[f"{part} to the conversation's bytes"]["low"] for part in parts)
    assert 1 < journal < every
    assert journal + rows <= every
    assert found["of them the journal's"]["low"] > 0
