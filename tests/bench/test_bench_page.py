"""The report is one page that needs nothing else, and draws every curve."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from bench import page, table
from bench.answer import Answer, Curve


def parsed(said, **named):
    """Make the page and read it as XML; gives what it is."""
    text = page.as_html(said, table.sentence(table.judged(said), quick=False), **named)
    return ET.fromstring(text.removeprefix("<!DOCTYPE html>\n"))


@pytest.fixture
def whole(turn, skipped, failure):
    """A page with everything on it."""
    return parsed([turn, skipped, failure])


def test_the_page_loads_and_runs_nothing(turn, skipped, failure):
    """It can be opened without a network, and from an archive in ten years."""
    text = page.as_html([turn, skipped, failure], "")
    assert not re.search(r"https?://|\bsrc=|\bhref=|@import|url\(", text)
    assert "default-src 'none'" in text
    assert not list(parsed([turn, failure]).iter("script"))


def test_what_benchmarks_say_is_text(failure):
    """Markup in an error or in a name is shown as it is written."""
    found = parsed([failure], title="<b>Benchmarks</b> & more")
    assert found.findtext("head/title") == "<b>Benchmarks</b> & more"
    assert "<script>x</script> &  [31mred | more" in (found.findtext(".//pre") or "")


def test_the_table_has_a_line_for_every_figure_and_marks_what_missed(whole):
    """It is the table of the command."""
    judged, of_turn = ([row[1::5] for row in rows(each)] for each in whole.iter("tbody"))
    assert [row[1] for row in judged] == ["pass", "miss", "skipped", "failed"]
    assert of_turn == [["ours / sdk", "pass"], ["two workers / one", "miss"], ["ours", None]]


def rows(body):
    """Give the cells of a table."""
    return [[cell.text for cell in row.iter("td")] for row in body.iter("tr")]


def test_budgets_and_figures_without_one_have_a_bar(whole):
    """Those that are missed have another colour, and what is beyond the paper an arrow."""
    bars = {bar.findtext("title"): bar.get("class") for bar in whole.iter("rect")}
    assert bars == {
        "turn: ours / sdk: 0.310, <= 0.500": "kept",
        "turn: two workers / one: 1.70, >= 1.80": "missed",
        "ours: 1,350 us": "plain",
    }


def test_curves_with_the_same_axes_are_drawn_together_and_empty_ones_are_not(whole):
    """Two lines in one picture with a legend, a third in another with its own scale."""
    pictures = [svg for svg in whole.iter("svg") if svg.find(".//polyline") is not None]
    assert [len(list(svg.iter("polyline"))) for svg in pictures] == [2, 1]
    assert [svg.get("aria-label") for svg in pictures] == [
        "turns/s over sessions",
        "MB over prompts",
    ]
    assert [key.text for key in whole.iter("span")] == ["● ours", "● theirs <i>", "● memory"]
    said = [text.text for text in pictures[0].iter("text")]
    assert {"sessions (logarithmic)", "turns/s (logarithmic)", "100"} <= set(said)
    assert "ours: sessions 64, turns/s 700" in [title.text for title in pictures[0].iter("title")]


def test_all_that_is_drawn_is_on_the_paper(whole):
    """No point and no bar leaves its picture."""
    for svg in whole.iter("svg"):
        _, _, width, height = map(float, svg.attrib["viewBox"].split())
        for line in svg.iter("polyline"):
            points = [point.split(",") for point in line.attrib["points"].split()]
            assert all(0 <= float(x) <= width and 0 <= float(y) <= height for x, y in points)
        for bar in svg.iter("rect"):
            assert 0 <= float(bar.attrib["x"]) + float(bar.attrib["width"]) <= width


def test_more_lines_than_colours_and_figures_without_a_number_are_no_trouble(broken):
    """Colours begin anew; what can't be drawn stands in the table."""
    curves = tuple(Curve(f"n{at}", "x", "y", ((at, at), (at + 1, 0))) for at in range(10))
    curves += (Curve("endless", "x", "y", ((1.0, float("inf")),)),)
    found = parsed([Answer("scale", 1, {}, (broken,), curves)])
    assert [line.get("class") for line in found.iter("g")] == [f"c{at % 8}" for at in range(10)]
    assert "endless" in [cell.text for cell in found.iter("td")]
    assert not list(found.iter("rect"))
