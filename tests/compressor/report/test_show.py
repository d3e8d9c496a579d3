"""The report as people and programs see it."""

from __future__ import annotations

import html.parser
import io
import json
import re

import msgspec
import pytest
from inline_snapshot import snapshot
from rich.console import Console

from compressor.report import Fold, Report, RowOutcome, as_dict, as_html, as_json, show
from compressor.report.words import facts, percent, short, shown

HOSTILE = "<script>alert(1)</script>\"'&\x1b[31m[bold]\ud800"
ROW = RowOutcome(
    row="a",
    status="unchanged",
    before=900,
    after=900,
    budget=1_000,
    strategy="ladder",
    counter="o200k",
)


def made(*outcomes, settings=None):
    """Fold *outcomes* into a report."""
    fold = Fold(settings)
    for outcome in outcomes:
        fold.add(outcome)
    return fold.report()


def varied(**fields):
    """A row that differs from an unchanged one in *fields*."""
    return msgspec.structs.replace(ROW, **fields)


@pytest.fixture
def report():
    """Every status once or twice, digests of every origin."""
    return made(
        *[ROW] * 2,
        varied(
            status="compressed",
            before=4_000,
            after=990,
            edits={"elide": 1, "mask": 3},
            cuts=2,
            assistant_before=20,
            assistant_after=11,
            digest="model",
        ),
        varied(status="compressed", before=2_000, after=500, cuts=1, digest="digest_fallback"),
        varied(status="over_budget", before=9_000, after=3_000, reason="no room", digest="local"),
        varied(status="failed", before=0, after=0, reason="not JSON"),
        settings={"strategy": "ladder"},
    )


def printed(report, width=80):
    """What *report* looks like in a terminal of *width* signs."""
    out = io.StringIO()
    show(report, Console(file=out, width=width))
    return out.getvalue()


def test_the_terminal_shows_statuses_facts_and_histograms(report):
    """The last line of the table is the sum; the bin of the budget is marked."""
    assert printed(report) == snapshot("""\
unchanged               2   33.3 %
compressed              2   33.3 %
over budget             1   16.7 %
             1  no room
failed                  1   16.7 %
             1  not JSON
rows in                 6    100 %

budget           1,000 tokens; 2 of the 3 rows over it are within it now (66.7 %)
tokens           16,800 to 6,290, 62.6 % less
longest row      9,000 to 3,000 tokens
assistant turns  11 of 20 kept (55.0 %)
edits            1 elide in 1 row, 3 mask in 1 row, 3 cuts in 2 rows
digests          1 written here, 1 written by the model, 1 where the model gave none to use
counted with     o200k
strategy         ladder

  tokens   before                           after
     431 |                                  ████████▍ 1
     609 |
     861 | ████████████████▋ 2              █████████████████████████ 3       <-
    1.2k |
    1.7k | ████████▍ 1
    2.4k |                                  ████████▍ 1
    3.4k | ████████▍ 1
    4.9k |
    6.9k | ████████▍ 1
5 rows counted; <- marks the budget
""")


def test_reasons_are_counted_wherever_a_report_is_shown():
    """Why rows are over their budget or failed: in the terminal, as JSON and on the page."""
    over, failed = varied(status="over_budget", before=9_000), varied(status="failed", before=0)
    report = made(
        *[msgspec.structs.replace(over, reason="no room")] * 3,
        *[msgspec.structs.replace(over, reason="nothing more")] * 2,
        *[msgspec.structs.replace(failed, reason="not JSON")] * 4,
    )
    told = json.loads(as_json(report))
    assert told["over_budget"] == {"no room": 3, "nothing more": 2}
    assert told["failed"] == {"not JSON": 4}
    for rows, why in ((3, "no room"), (2, "nothing more"), (4, "not JSON")):
        assert f"{rows:>14}  {why}\n" in printed(report)
        assert f'<td class="number">{rows}</td><td class="number"></td><td>{why}</td>' in as_html(
            report
        )


def test_the_histograms_of_a_terminal_fit_into_it(report):
    """Whatever its width is, down to forty signs; with many bins two of them share a line."""
    wide = made(*(varied(before=20 * 2**at, after=20) for at in range(18)))
    for width in (40, 60, 200):
        for told in (report, wide):
            bars = [line for line in printed(told, width).splitlines() if " | " in line]
            assert bars
            assert len(bars) <= 20
            assert max(map(len, bars)) <= max(width, 40)


def test_a_terminal_that_knows_ascii_only_gets_that(report):
    """Bars are made of another sign there."""
    content = io.BytesIO()
    out = io.TextIOWrapper(content, encoding="ascii")
    show(report, Console(file=out, width=80))
    out.flush()
    assert "3.4k | ######### 1" in content.getvalue().decode()


def test_an_empty_report_has_its_sum_only():
    """No rows in: no facts, no histograms, no pictures."""
    assert "rows in                 0" in printed(Report())
    assert "tokens" not in printed(Report())
    assert "<svg" not in as_html(Report())
    assert as_dict(Report())["hit_rate"] is None
    assert as_dict(Report())["histogram"] == []


def test_rows_that_all_failed_have_no_histograms():
    """There are no tokens to draw."""
    failed = made(varied(status="failed", before=0, after=0))
    assert "no reason given" in printed(failed)
    assert "before" not in printed(failed)
    assert "<svg" not in as_html(failed)


def test_estimates_and_looking_ahead_are_told():
    """What a reader has to know about the numbers stands with them."""
    told = dict(facts(made(varied(exact=False, looked_ahead=True, counter=""))))
    assert told["counted with"] == "?; 1 row estimated, not exact"
    assert told["looked ahead"] == "in 1 row"
    assert told["budget"] == "1,000 tokens; no row was over it"
    assert dict(facts(Report()))["tokens"] == "0 to 0, - less"


def test_json_has_counts_shares_and_histograms(report):
    """In ASCII, with everything that other programs need and no points."""
    told = json.loads(as_json(report))
    assert told["rows"] == sum(told["statuses"].values()) == 6
    assert told["hit_rate"] == 0.666667
    assert told["assistant_turns_kept"] == 0.55
    assert told["budgets"] == {"1000": 6}
    assert "points" not in told
    first, last = told["histogram"][0], told["histogram"][-1]
    assert (first["low"], first["after"]) == (431, 1)
    assert (last["high"], last["before"]) == (9_742, 1)
    assert sum(bar["before"] for bar in told["histogram"]) == 5
    assert as_json(report).isascii()


class Page(html.parser.HTMLParser):
    """Collects tags, attributes and text, and sees that every tag is closed."""

    VOID = ("meta",)

    def __init__(self):
        """Start outside of everything."""
        super().__init__()
        self.tags, self.attributes, self.text, self.open = [], [], [], []

    def handle_starttag(self, tag, attrs):
        """Open *tag*."""
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """See a tag that closes itself."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        """Close *tag*, which must be the last one opened."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """Keep the text."""
        self.text.append(data)


def read(text):
    """Parse a page to its end."""
    page = Page()
    page.feed(text)
    page.close()
    assert not page.open
    return page


def test_the_page_has_pictures_tables_and_settings(report):
    """Two histograms and a point for each row that was counted."""
    page = read(as_html(report, "Rows of a test"))
    assert page.tags.count("svg") == 3
    assert page.tags.count("circle") == 5
    assert page.tags.count("rect") == 7
    headings = [
        text for text in page.text if text in ("Settings", "Rows that failed", "Rows of a test")
    ]
    assert headings == ["Rows of a test", "Rows of a test", "Rows that failed", "Settings"]


def test_the_page_needs_nothing_else(report):
    """No script, no address, nothing to load; the browser is told to refuse it as well."""
    text = as_html(report)
    page = read(text)
    assert {"script", "link", "img", "iframe", "a"}.isdisjoint(page.tags)
    assert not [
        name for name, _ in page.attributes if name in ("src", "href") or name.startswith("on")
    ]
    assert "http" not in re.sub("http-equiv", "", text)
    assert "url(" not in text
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes


def test_hostile_names_stay_text():
    """Markup, quotes, escapes and lone surrogates of a row change nothing but the text."""
    hostile = varied(
        row=HOSTILE,
        status="over_budget",
        before=2_000,
        after=2_000,
        reason=HOSTILE,
        strategy=HOSTILE,
        counter=HOSTILE,
        edits={HOSTILE: 1},
    )
    report = made(hostile, settings={HOSTILE: HOSTILE})
    text = as_html(report, HOSTILE)
    text.encode()
    page = read(text)
    plain = read(
        as_html(made(msgspec.structs.replace(hostile, row="r", reason="r"), settings={"s": "s"}))
    )
    assert page.tags == plain.tags
    assert "<script>alert(1)</script>\"'& [31m[bold]\ufffd" in page.text
    for told in (printed(report), as_json(report)):
        assert "\x1b" not in told
        told.encode()


@pytest.mark.parametrize("before", [1, 16, 2**24, 10**12])
def test_rows_of_any_length_can_be_drawn(before):
    """One row alone, of one token or of more than the last bin begins with."""
    page = read(as_html(made(varied(before=before, after=0), varied(before=before, after=1))))
    numbers = [float(value) for name, value in page.attributes if name in ("x", "y", "cx", "cy")]
    assert all(0 <= number <= 640 for number in numbers)


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (0, "0"),
        (999, "999"),
        (1_000, "1k"),
        (1_540, "1.5k"),
        (9_960, "10k"),
        (999_499, "999k"),
        (999_500, "1M"),
        (1_250_000, "1.2M"),
    ],
)
def test_tokens_are_told_in_few_signs(tokens, said):
    """At most five."""
    assert short(tokens) == said


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 0, "-"),
        (0, 9, "0 %"),
        (9, 9, "100 %"),
        (1, 3, "33.3 %"),
        (9_999, 10_000, "99.9 %"),
        (1, 10_000, "0.1 %"),
    ],
)
def test_a_share_is_all_or_nothing_only_when_it_is(part, whole, said):
    """99.99 % of the rows are not all of them."""
    assert percent(part, whole) == said


def test_what_cannot_be_printed_is_a_blank():
    """No escape reaches a terminal."""
    assert shown("a\x1b[0m\n\u202eb\ud800") == "a [0m  b\ufffd"


def test_more_rows_and_more_tokens_than_there_were_are_said():
    """A split writes more rows than it reads, and may write more tokens."""
    said = dict(facts(Report(rows=2, written=5, tokens_before=1_000, tokens_after=1_100)))
    assert said["rows written"].startswith("5: rows over the budget were split")
    assert said["tokens"] == "1,000 to 1,100, 10.0 % more"
