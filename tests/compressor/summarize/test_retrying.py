"""When to ask again, and how long to wait."""

from __future__ import annotations

from pathlib import Path

import pytest

from compressor.errors import SummaryError
from compressor.summarize import Options
from compressor.summarize.retrying import failure_of_status, pause, retry_after

OPTIONS = Options("m", Path("x"), attempts=3, pause_s=1.0, row_s=100.0)


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (429, "", "again"),
        (429, "insufficient_quota", "never"),
        (500, "", "again"),
        (529, "", "again"),
        (408, "", "again"),
        (401, "", "never"),
        (404, "model_not_found", "never"),
        (400, "", "row"),
        (400, "context_length_exceeded", "less"),
        (413, "", "less"),
        (400, "content_filter", "row"),
    ],
)
def test_a_status_says_what_follows(status, code, verdict):
    """What passes is tried again, what never passes is not."""
    error = failure_of_status(status, "no", code, {"retry-after": "7"}, 0.0)
    assert (error.verdict, error.pause_s, str(error)) == (verdict, 7.0, "no")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.0),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, 50.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:00 -0000"}, 50.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, 0.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "nan"}, 0.0),
        ({"retry-after": "99999999"}, 0.0),
    ],
)
def test_the_pause_an_endpoint_asks_for_is_read(headers, seconds):
    """In seconds, milliseconds or as a date; nonsense is no pause."""
    assert retry_after(headers, 10.0) == seconds


def test_pauses_grow_and_keep_to_what_was_asked_for():
    """Full jitter on top of it, up to a bound; then there is an end."""
    again = SummaryError("x", "again", 5.0)
    assert [pause(OPTIONS, attempt, again, 0.5) for attempt in (1, 2, 3)] == [5.5, 6.0, None]
    assert pause(OPTIONS, 1, SummaryError("x"), 0.5) is None
    assert pause(OPTIONS, 1, SummaryError("x", "again", 101.0), 0.5) is None
    patient = Options("m", Path("x"), attempts=99, pause_s=1.0)
    assert pause(patient, 60, SummaryError("x", "again"), 1.0) == 30.0


def test_a_text_that_is_too_long_is_known_by_the_words_of_servers():
    """Not all of them give a code."""
    said = "This model's maximum context length is 4096 tokens."
    assert failure_of_status(400, said, "", {}, 0.0).verdict == "less"
