"""What comes back from behind a wall is taken apart without trust."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_run.sandboxes.reports import LINE_BYTES, Report, read_report, read_reports

numbers = st.integers(0, 999_999_999)
reports = st.one_of(
    st.sampled_from([Report("begun"), Report("ready")]),
    st.builds(Report, st.just("ended"), numbers, st.integers(0, 255), numbers),
    st.builds(Report, st.sampled_from(["here", "lost", "gone"]), numbers),
)


def written(report: Report) -> bytes:
    """Write a report as the supervisor does."""
    fields: dict[str, tuple[int, ...]] = {
        "begun": (),
        "ready": (),
        "ended": (report.number, report.code, report.group),
    }
    values = fields.get(report.verb, (report.number,))
    return " ".join([report.verb, *map(str, values)]).encode()


@given(reports)
def test_a_report_is_read_as_it_was_written(report):
    """Every kind, with every number."""
    assert read_report(written(report)) == report


@given(st.lists(reports), st.lists(st.integers(0, 400)))
def test_it_does_not_matter_in_which_pieces_reports_come(sent, cuts):
    """What is left of a line waits for the rest of it."""
    whole = b"".join(written(report) + b"\n" for report in sent)
    ends = sorted({min(cut, len(whole)) for cut in cuts} | {len(whole)})
    found: list[Report] = []
    rest = b""
    for start, end in zip([0, *ends], ends, strict=False):
        heard = read_reports(rest + whole[start:end])
        found += heard.reports
        rest = heard.rest
        assert heard.noise == b""
    assert (found, rest) == (sent, b"")


@given(st.binary(max_size=600))
def test_nothing_that_comes_raises_or_is_kept_without_end(content):
    """Every byte is a report's, noise, or the short beginning of a line."""
    heard = read_reports(content)
    assert len(heard.rest) <= LINE_BYTES
    assert all(written(report) in content for report in heard.reports) or b" 0" in content
    assert len(heard.noise) <= len(content) + 1


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"begun 1",
        b"ready 1",
        b"ended 1 2",
        b"ended 1 256 0",
        b"ended 1 -1 0",
        b"ended 1 0 0 0",
        b"here",
        b"here  1",
        b" here 1",
        b"here 1 ",
        b"here 1\r",
        b"here 1234567890",
        b"gone x",
        b"other 1",
        "here ١".encode(),
    ],
)
def test_what_is_no_report_is_none(line):
    """A number too many or too large, a word of another kind, a digit of another script."""
    assert read_report(line) is None
    assert read_reports(line + b"\n").noise == line + b"\n"


def test_a_line_without_end_is_noise_once_it_is_too_long():
    """It is not collected."""
    heard = read_reports(b"x" * (LINE_BYTES + 1))
    assert (heard.noise, heard.rest) == (b"x" * (LINE_BYTES + 1) + b"\n", b"")
