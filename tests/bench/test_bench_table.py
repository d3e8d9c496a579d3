"""All answers as one table, and what they come to."""

from __future__ import annotations

import json

import msgspec
import pytest

from bench import table
from bench.answer import Answer, at_most


def test_a_line_says_the_figure_its_spread_its_budget_and_whether_that_is_kept(turn):
    """Budgets point either way, and a figure may have none."""
    assert [row.cells for row in table.rows(turn)] == [
        ("turn", "ours / sdk", "0.310", "0.290 .. 0.330", "<= 0.500", "0.620", "pass"),
        ("turn", "two workers / one", "1.70", "1.70 .. 1.70", ">= 1.80", "1.06", "miss"),
        ("turn", "ours", "1,350 us", "1,300 .. 1,400", "", "", ""),
    ]


def test_what_has_a_budget_comes_first(turn):
    """In a table of a hundred lines it is not looked for."""
    backwards = msgspec.structs.replace(turn, figures=turn.figures[::-1])
    assert [row.verdict for row in table.rows(backwards)] == ["miss", "pass", ""]


def test_failed_and_skipped_questions_have_a_line(skipped, failure):
    """A question without an answer is not left out; what it said can do nothing to a terminal."""
    assert table.rows(skipped)[0].cells[:2] == ("sandbox", "bwrap is not there")
    assert table.rows(skipped)[0].verdict == "skipped"
    (row,) = table.rows(failure)
    assert row.verdict == "failed"
    assert row.figure.endswith("<script>x</script> &  [31mred | more")
    assert table.rows(type(failure)("lag", ""))[0].figure == "it failed without a word"


def test_text_is_laid_out_in_columns_with_the_checks_below(turn):
    """What shows the figures to mean something stands beside them."""
    head, *lines, checks = [table.text_head(), *table.text(turn)]
    assert lines[0].index("ours / sdk") == head.index("figure")
    assert lines[0].index("0.290 ..") == lines[1].index("1.70 ..") == head.index("low ..")
    assert checks.strip() == "(server_busy 0.123, completed.64 640)"


def test_a_long_list_of_checks_is_cut_in_the_table_only():
    """An answer with two hundred numbers has a line like any other."""
    answer = Answer("compress", 1, {}, (), checks={str(at): at for at in range(40)})
    assert list(table.text(answer))[-1].endswith("11 11, and 28 more)")
    assert len(table.checks(answer)) == 40
    assert list(table.text(msgspec.structs.replace(answer, checks={"refused": {}}))) == []


def test_markdown_has_what_is_judged_in_a_table_and_all_else_below(turn, failure):
    """The first table is what one reads; what would end a cell is escaped."""
    lines = list(table.markdown([turn, failure]))
    head, rule, first, second, failed, *rest = lines
    assert head.count("|") == rule.count("|") == first.count("|") == 8
    assert "| 0.310 | 0.290 .. 0.330 | <= 0.500 |" in first
    assert "two workers" in second
    assert r"red \| more" in failed
    assert [line for line in rest if "1,350 us" in line]
    assert sum("ours / sdk" in line for line in lines) == 1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (0.00042, "0.00042"),
        (0.5, "0.500"),
        (9.876, "9.88"),
        (12.34, "12.3"),
        (-250.4, "-250"),
        (1_234_567.8, "1,234,568"),
        (float("inf"), "-"),
        (float("nan"), "-"),
    ],
)
def test_numbers_have_three_digits_or_all_before_the_point(value, said):
    """More digits than were measured are not shown."""
    assert table.number(value) == said


def test_the_document_says_what_is_missed_and_what_failed(turn, skipped, failure):
    """It is JSON, and has with each figure what part of its budget it uses."""
    document = json.loads(json.dumps(table.document([turn, skipped, failure], quick=False)))
    assert (document["budgets"], document["missed"]) == (2, ["turn: two workers / one"])
    assert document["skipped"] == ["sandbox"]
    assert document["failures"] == [{"bench": "lag", "error": failure.error}]
    first, second, third = document["answers"][0]["figures"]
    assert (first["ratio"], first["passed"]) == (0.62, True)
    assert second["passed"] is False
    assert (third["ratio"], third["passed"]) == (None, None)


@pytest.mark.parametrize(
    ("names", "quick", "code"),
    [
        (["kept"], False, 0),
        (["skipped"], False, 0),
        (["turn"], False, 1),
        (["turn"], True, 0),
        (["kept", "failure"], False, 1),
        (["kept", "failure"], True, 1),
    ],
)
def test_a_missed_budget_fails_unless_sizes_are_small_and_a_failed_question_always_does(
    request, names, quick, code
):
    """The exit code of CI tells that something is broken, not that a machine was busy."""
    kept = Answer("kept", 5, {}, (at_most("lag", "ms", [1.0], 50.0),))
    said = [kept if name == "kept" else request.getfixturevalue(name) for name in names]
    assert table.exit_code(table.judged(said), quick=quick) == code


def test_the_last_line_says_what_all_answers_come_to(turn, skipped, failure):
    """Whoever reads only that knows what to look at."""
    verdict = table.judged([turn, skipped, failure])
    said = "1 of 2 budgets are met. Missed: turn: two workers / one. Failed: lag. Skipped: sandbox"
    assert table.sentence(verdict, quick=False) == f"{said}."
    assert "too small with --quick" in table.sentence(verdict, quick=True)


def test_the_machine_is_that_of_the_first_answer(turn, failure):
    """Where nothing was answered there is none."""
    assert table.machine([failure, turn]) == "cores 2, python 3.11"
    assert table.machine([failure]) == ""
