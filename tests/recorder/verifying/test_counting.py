"""``statistics.json`` is the fold of the journal, or was so at an earlier point."""

from __future__ import annotations

import json

import pytest

import recorder
from recorder.lock import own


def write(run, **keys) -> None:
    """Change the statistics."""
    path = run / "statistics.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **keys}))


@pytest.mark.parametrize("keys", [{"replies": 3}, {"outcomes": {"completed": 2}}, {"began": ""}])
def test_statistics_that_the_journal_does_not_come_to_are_a_fault(run, judge, keys):
    """Whatever is wrong in them."""
    write(run, **keys)
    verdict = judge(run)
    assert verdict.fault_counts == {"statistics": 1}
    assert verdict.statistics == "wrong"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"started": "many"}'])
def test_statistics_that_can_not_be_read_are_a_fault(run, judge, content):
    """Also while the run is live: they are replaced in one piece."""
    (run / "statistics.json").write_bytes(content)
    with own(run):
        assert judge(run).fault_counts == {"statistics": 1}


def test_statistics_of_a_live_run_are_not_compared(run, judge):
    """They are written now and then."""
    write(run, replies=3)
    with own(run):
        verdict = judge(run)
    assert verdict.sound
    assert verdict.statistics == "not compared"


def test_statistics_of_a_damaged_journal_are_not_compared(run, journal, judge):
    """The journal does not come to anything."""
    path = journal(run)
    path.write_bytes(path.read_bytes().replace(b"too long", b"too short"))
    verdict = judge(run)
    assert verdict.statistics == "not compared"
    assert "statistics" not in verdict.fault_counts


def test_statistics_that_are_missing_are_said_to_be(run, judge):
    """They can be made again from the journal."""
    (run / "statistics.json").unlink()
    verdict = judge(run)
    assert verdict.sound
    assert verdict.statistics == "missing"


async def test_statistics_of_a_process_that_was_killed_are_older(tmp_path, judge, session_in):
    """They were right once, and the journal went on."""
    directory = tmp_path / "run"
    async with recorder.open(directory) as record:
        async with session_in(record, "one"):
            pass
        await record.write_statistics()
        then = (directory / "statistics.json").read_bytes()
        async with session_in(record, "two"):
            pass
    (directory / "statistics.json").write_bytes(then)
    verdict = judge(directory)
    assert verdict.sound
    assert verdict.statistics == "older"
