"""What a figure is, and what a benchmark prints."""

from __future__ import annotations

import msgspec
import pytest

from bench.answer import Answer, arguments, at_least, at_most, parsed, ratios, tell


@pytest.mark.parametrize(
    ("figure", "ratio", "passed"),
    [
        (at_most("ms", "ms", [40.0, 10.0, 30.0], 60.0), 0.5, True),
        (at_most("ms", "ms", [60.0], 60.0), 1.0, True),
        (at_most("ms", "ms", [90.0], 60.0), 1.5, False),
        (at_least("MB/s", "MB/s", [40.0], 20.0), 0.5, True),
        (at_least("MB/s", "MB/s", [10.0], 20.0), 2.0, False),
        (at_least("MB/s", "MB/s", [0.0], 20.0), float("inf"), False),
        (at_most("lost", "", [0.0], 0.0), 0.0, True),
        (at_most("lost", "", [1.0], 0.0), float("inf"), False),
        (at_most("told only", "ms", [1.0]), None, None),
    ],
)
def test_a_budget_is_kept_up_to_all_of_it_whichever_way_it_points(figure, ratio, passed):
    """The ratio is the part of the budget that is used; nothing may be a budget, too."""
    assert (figure.ratio, figure.passed) == (ratio, passed)


def test_a_figure_is_the_median_of_its_repeats_with_the_lowest_and_highest():
    """One repeat that was disturbed moves the spread and not the figure."""
    figure = at_most("ms", "ms", [3.0, 900.0, 2.0])
    assert (figure.median, figure.low, figure.high) == (3.0, 2.0, 900.0)
    assert ratios([2.0, 9.0], [4.0, 3.0]) == [0.5, 3.0]


def test_an_answer_is_one_line_with_the_versions_and_the_machine(turn, capsys):
    """What is printed can be read back, and says where it was found."""
    tell(turn)
    (line,) = capsys.readouterr().out.splitlines()
    said = msgspec.json.decode(line, type=Answer)
    assert said.figures == turn.figures
    assert said.curves == turn.curves
    assert {"python", "openai"} <= said.versions.keys()
    assert {"cores", "system"} <= said.machine.keys()


@pytest.mark.parametrize(
    ("typed", "repeats"), [([], 5), (["--quick"], 2), (["--quick", "--repeats", "1"], 1)]
)
def test_a_quick_look_measures_twice_at_most(monkeypatch, typed, repeats):
    """Nobody waits for five repeats to see that a benchmark works."""
    monkeypatch.setattr("sys.argv", ["bench", *typed])
    assert parsed(arguments("What?", repeats=5)).repeats == repeats


def test_no_repeats_at_all_are_refused(monkeypatch, capsys):
    """A median of nothing is not asked for."""
    monkeypatch.setattr("sys.argv", ["bench", "--repeats", "0"])
    with pytest.raises(SystemExit):
        parsed(arguments("What?", repeats=5))
    assert "--repeats takes 1 or more" in capsys.readouterr().err
