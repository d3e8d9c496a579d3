"""Replacing a piece of a text, and the help where it is not found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_run.tools import replacing
from hermes_run.tools.diffs.hunks import Edit
from hermes_run.tools.diffs.nearest import LINES_SHOWN
from hermes_run.tools.diffs.rows import edited
from hermes_run.tools.replacing import Replaced, replace

SPACE_ONLY = "These lines differ from it in white space only:\n"
CODE = "import os\n\n\ndef area(width, height):\n    return width * height\n\n\nprint(area(2, 3))\n"


def test_one_place_is_replaced():
    """With the line where it began."""
    assert replace("a\nb\nc\n", "b\nc", "d", every=False) == Replaced(
        "a\nd\n", 1, [2], (Edit(1, 3, ("d",)),)
    )


def test_every_place_is_replaced():
    """Several on one line count each."""
    edits = (Edit(0, 1, ("yy yy",)), Edit(1, 2, ("yy",)))
    assert replace("x x\nx", "x", "yy", every=True) == Replaced("yy yy\nyy", 3, [1, 1, 2], edits)


def test_a_piece_that_stands_several_times_is_not_replaced_by_guess():
    """The lines help to tell them apart."""
    assert replace("x\ny\nx\n", "x", "z", every=False) == (
        "old_string stands 2 times (lines 1, 3); "
        "add lines around it until it is the only one, or set replace_all"
    )
    many = replace("x\n" * 50, "x", "z", every=False)
    assert isinstance(many, str)
    assert "(lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ...)" in many


def test_a_file_with_carriage_returns_keeps_them():
    """Models see and write none."""
    assert replace("a\r\nb\r\nc\r\n", "a\nb", "x\ny", every=False) == Replaced(
        "x\r\ny\r\nc\r\n", 1, [1], (Edit(0, 2, ("x\r", "y\r")),)
    )
    assert replace("a\r\nb", "a\r\nb", "c", every=False) == Replaced(
        "c", 1, [1], (Edit(0, 2, ("c",)),)
    )


@pytest.mark.parametrize(("old", "text"), [("", "write_file"), ("same", "are the same")])
def test_a_replacement_that_means_nothing_is_refused(old, text):
    """Nothing to look for, nothing to change."""
    assert text in str(replace("same", old, "same", every=False))


@pytest.mark.parametrize(
    ("old", "help_text"),
    [
        (
            "def area(width, height):\n  return width * height",
            (
                f"{SPACE_ONLY}4|def area(width, height):\n5|    return width * height\n"
                "Line 5 differs: the file has '    return width * height', "
                "looked for was '  return width * height'"
            ),
        ),
        (
            "\n\ndef area(width, height):\n        return width * height\n",
            (
                f"{SPACE_ONLY}2|\n3|\n4|def area(width, height):\n5|    return width * height\n"
                "Line 5 differs: the file has '    return width * height', "
                "looked for was '        return width * height'"
            ),
        ),
        (
            "def area(width, height):\n    return width + height",
            (
                "The nearest lines are:\n4|def area(width, height):\n5|    return width * height\n"
                "Line 5 differs: the file has '    return width * height', "
                "looked for was '    return width + height'"
            ),
        ),
        (
            "def area(width, depth):",
            (
                "The nearest lines are:\n4|def area(width, height):\n"
                "Line 4 differs: the file has 'def area(width, height):', "
                "looked for was 'def area(width, depth):'"
            ),
        ),
        ("class Nothing", "Nothing in the file is like it; look at it again with read_file"),
        ("***", "Nothing in the file is like it; look at it again with read_file"),
        ("\n\n\n\n", "Nothing in the file is like it; look at it again with read_file"),
    ],
)
def test_what_is_not_found_is_answered_with_what_is_near(old, help_text):
    """Indentation first, then words."""
    assert replace(CODE, old, "x", every=False) == f"old_string was not found. {help_text}"


def test_blank_lines_before_a_near_line_do_not_lead_before_the_file():
    """The text that is looked for may begin earlier than the file does."""
    assert replace("def f():\n", "\n\n\ndef f():\n  pass", "x", every=False) == (
        "old_string was not found. The nearest lines are:\n1|def f():\nThe file begins after ''"
    )


def test_of_a_long_text_only_the_beginning_is_shown():
    """The model knows what it wrote."""
    text = "\n".join(f"{' ' * n}line {n}" for n in range(100))
    said = replace(text, "\n".join(f"line {n}" for n in range(50)), "x", every=False)
    assert str(said).count("\n") == LINES_SHOWN + 1


def test_a_file_full_of_what_is_looked_for_is_not_compared_without_end():
    """Twenty thousand equal lines, and a text of as many that differs at its end."""
    said = replace("a b\n" * 20_000, "a  b\n" * 19_999 + "c", "x", every=False)
    assert "The nearest lines are:\n1|a b\n" in str(said)


def test_a_replacement_does_not_fill_the_memory():
    """A million places and a long text would be terabytes."""
    said = replace("a" * 1_000_000, "a", "b" * 1_000_000, every=True)
    assert said == f"it would grow past {replacing.CHARACTERS} characters"


@given(st.text("ab \n\r", max_size=30), st.text("ab \n\r", max_size=5), st.text("ab\n", max_size=3))
def test_what_is_replaced_is_what_python_would_replace(text, old, new):
    """A text without carriage returns is changed as `str.replace` does; nothing raises."""
    result = replace(text, old, new, every=True)
    if isinstance(result, Replaced) and "\r" not in text and not result.note:
        assert result.text == text.replace(old, new)
        assert result.count == text.count(old)
        assert all(1 <= line <= text.count("\n") + 1 for line in result.lines)
    assert result


@given(st.text("ab \n\r", max_size=30), st.text("ab \n\r", max_size=5), st.text("ab\n", max_size=3))
def test_the_edits_are_the_change(text, old, new):
    """Whoever is shown them knows what the text has become."""
    result = replace(text, old, new, every=True)
    if isinstance(result, Replaced):
        assert "\n".join(edited(text.split("\n"), result.edits)) == result.text


@pytest.mark.parametrize(
    ("text", "old", "new", "made", "note"),
    [
        ("if x:  \n  go()\n", "if x:\n  go()", "run()", "run()\n", "line ends differs"),
        ("  a\n    b\n", "a\n  b\n", "c\n  d\n", "  c\n    d\n", "indented by 2 spaces more"),
        ("a\n\tb\n", "\ta\n\t\tb", "\tc", "c\n", "indented by 1 tab less"),
        ("a\r\n  b\r\n", " a\n   b\n", " c\n", "c\r\n", "indented by 1 space less"),
        ("x\n  a\ny", "a \n", "", "x\ny", "indented by 2 spaces more"),
        ("x\n  a b\ny", "a b ", "", "x\n\ny", "indented by 2 spaces more"),
        ("\ta\n b\n", "  a\n b", "c", None, None),
        ("a  \na  \n", "a ", "c", "c \nc \n", ""),
        ("a\t\na\t\n", "a ", "c", None, None),
        ("  a\n", "    a\n", "    b\n c\n", None, None),
        (" a\n", "a \n", "b", None, None),
    ],
)
def test_white_space_is_forgiven_where_it_is_certain(text, old, new, made, note):
    """In one place only, whole lines, all of them moved by the same; and it is said."""
    result = replace(text, old, new, every=True)
    if made is None:
        assert "old_string was not found" in str(result)
        return
    assert isinstance(result, Replaced)
    assert result.text == made
    assert note in result.note
