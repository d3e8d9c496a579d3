"""Events: validated at birth, and of a shape that data set loaders leave alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import MisuseError
from recorder.events import (
    Known,
    ModelReplied,
    Scored,
    SessionEnded,
    ToolReturned,
    between,
    birth,
    seconds,
    timestamp,
    tools_hash,
)
from recorder.messages import ToolCall

STAMP = {"session": "s", "seq": 0, "ts": timestamp(0)}


@given(st.integers(0, 4_102_444_800_000))
def test_a_timestamp_has_three_decimals_and_reads_back(milliseconds):
    """Milliseconds survive, whole seconds keep their zeros."""
    written = timestamp(milliseconds / 1000 + 0.0001)
    assert len(written) == len("2026-11-22T17:00:00.000Z")
    assert round(seconds(written) * 1000) == milliseconds


@given(
    whole=st.integers(-(10**10), 10**11),
    part=st.sampled_from([0.0, 0.0005, 0.001, 0.9995, 0.9999994, 0.9999995, 1e-7, 1.5e-6]),
)
def test_a_timestamp_is_the_moment_that_datetime_knows(whole, part):
    """Microseconds are rounded as there, up to the next second too, and before the epoch."""
    moment = datetime.fromtimestamp(whole + part, UTC)
    milliseconds = moment.microsecond // 1000
    assert timestamp(whole + part) == f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"


def test_a_timestamp_is_utc():
    """The epoch is the epoch wherever the machine stands."""
    assert timestamp(0) == "1970-01-01T00:00:00.000Z"
    assert seconds("2026-11-22T17:00:00.250Z") == 1795366800.25


@pytest.mark.parametrize(
    "ts",
    ["", "2026-11-22T17:00:00Z", "2026-11-22T17:00:00.000+00:00", "٢٠٢٦-11-22T17:00:00.000Z", "x"],
)
def test_an_event_without_a_proper_time_is_not_born(ts):
    """Readers order and load by the exact form of the time."""
    with pytest.raises(ValueError, match="ts must look like"):
        SessionEnded(session="s", seq=0, ts=ts, outcome="completed")


def test_an_event_with_an_impossible_place_is_not_born():
    """Places count from zero."""
    with pytest.raises(ValueError, match="seq must be 0 or more"):
        SessionEnded(session="s", seq=-1, ts=timestamp(0), outcome="completed")


def test_no_key_of_an_event_has_a_name_that_loaders_guess_a_meaning_into():
    """Hugging Face ``datasets`` takes rows with such keys for one chat trace."""
    kinds = get_args(Known)
    assert len(kinds) == 11
    names = {name for kind in kinds for name in kind.__struct_fields__}
    assert names.isdisjoint({"type", "message", "payload", "crc"})


def test_the_tag_of_an_event_is_its_name_in_small_letters():
    """A tag reads like the fact it stands for."""
    tags = {kind.__struct_config__.tag for kind in get_args(Known)}
    assert {"session_started", "model_replied", "scored", "user_spoke"} < tags


def test_birth_makes_an_event_of_checked_fields():
    """Lists and objects of plain JSON become the values they stand for."""
    calls = [{"id": "c", "name": "f", "arguments": "{}"}]
    reply = birth(ModelReplied, {**STAMP, "text": "Hi", "calls": calls})
    assert reply == ModelReplied(**STAMP, text="Hi", calls=(ToolCall("c", "f", "{}"),))


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({**STAMP, "status": "fine"}, "status"),
        ({**STAMP, "bytes": "many"}, "bytes"),
        ({**STAMP, "ts": "yesterday"}, "ts must look like"),
        ({"seq": 0, "ts": timestamp(0)}, "session"),
        ({**STAMP, "zeal": 1, "answer": 2}, "no field answer, zeal"),
    ],
)
def test_birth_refuses_what_is_missing_unknown_or_of_the_wrong_type(fields, complaint):
    """The error names the field."""
    with pytest.raises(MisuseError, match=complaint):
        birth(ToolReturned, fields)


def test_fields_at_their_default_are_not_written():
    """A line holds what was said and nothing else."""
    event = Scored(**STAMP, rewards={"verify": None}, source="verify")
    assert msgspec.to_builtins(event).keys() == {"event", *STAMP, "rewards", "source"}


def test_tools_are_named_by_their_content():
    """Order of keys does not count, content does, and no text is too odd to be hashed."""
    one, same = {"name": "f", "description": "d"}, {"description": "d", "name": "f"}
    assert tools_hash((one,)) == tools_hash((same,))
    assert tools_hash((one,)) != tools_hash((one, one))
    assert len(tools_hash(({"name": "\ud800"},))) == 16


def test_the_time_between_two_moments_is_never_less_than_none():
    """Somebody else's clock may have been set back, or name no zone: then it is the one here."""
    assert between("2026-01-01T10:00:00.000Z", "2026-01-01T10:00:01.500Z") == 1.5
    assert between("2026-01-01T10:00:01.500Z", "2026-01-01T10:00:00.000Z") == 0.0
    assert 86_400 < between("2026-01-01T10:00:00", "2026-01-03T10:00:00.000Z") < 3 * 86_400
