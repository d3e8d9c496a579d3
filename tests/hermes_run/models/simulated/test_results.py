"""Reading results: the terminal's JSON, numbered lines, matches, listings and errors."""

from __future__ import annotations

import json

import pytest

from hermes_run.models.simulated.results import (
    file_text,
    inside,
    matches,
    names,
    number,
    printed,
    read_result,
    shorten,
)
from hermes_run.models.simulated.steps import Puzzled, Result


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"output": "7\\n", "exit_code": 0, "error": null}', Result("7\n")),
        ('{"output": "", "exit_code": 1, "error": null}', Result("", failed=True)),
        ('{"output": "x", "exit_code": null, "error": "too slow"}', Result("x\ntoo slow", True)),
        ('{"error": "There is no tool"}', Result("There is no tool", failed=True)),
        ('{"content": "1|a"}', Result("1|a")),
        ('{"rows": 3}', Result('{"rows": 3}')),
        ("Error: no such file", Result("Error: no such file", failed=True)),
        ("error.log", Result("error.log")),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], Result("a\nb")),
        (None, Result("")),
    ],
)
def test_a_result_is_its_text_and_whether_it_failed(content, expected):
    """JSON of a terminal or an error is opened, other text is taken as it is."""
    assert read_result(content) == expected


def test_a_file_is_put_together_from_its_numbered_lines():
    """Notes around the lines are left out; an empty file is an empty text."""
    assert file_text(Result(" 1|a\n 2|\n10|b|c\n[more lines]")) == "a\n\nb|c\n"
    assert file_text(Result("")) == ""


@pytest.mark.parametrize("result", [Result("1|a", failed=True), Result("no numbers here")])
def test_a_file_that_was_not_read_is_no_text(result):
    """An error and a text of another form are refused."""
    with pytest.raises(Puzzled, match="can't be read"):
        file_text(result)


def test_a_number_is_read_even_where_grep_calls_it_a_failure():
    """`grep -c` that finds nothing prints 0 and exits with 1."""
    assert number(Result("0\n", failed=True)) == 0
    assert number(Result("  12 a.txt")) == 12
    with pytest.raises(Puzzled, match="expected a number"):
        number(Result("bash: wc: not found", failed=True))


def test_what_a_failed_command_printed_is_quoted_shortly():
    """The last line that says something stands in the error, cut where it is long."""
    with pytest.raises(Puzzled, match="a command failed: KeyError: 'x'"):
        printed(Result("Traceback\nKeyError: 'x'\n\n", failed=True))
    assert shorten(" ") == "nothing"
    assert shorten("x" * 500) == "x" * 160 + "..."


def test_matches_have_their_paths_from_the_workspace_on():
    """Whatever the paths are relative to, and also where the text has colons."""
    found = Result("./src/a.py:3:x: int = 1\nb.py:14:y\nNothing else")
    assert matches(found, "src/") == [("src/a.py", "x: int = 1"), ("src/b.py", "y")]
    with pytest.raises(Puzzled, match="the search failed"):
        matches(Result(json.dumps({"error": "x"}), failed=True), "src")


def test_names_are_the_lines_that_are_paths():
    """Notes are left out, the rest is sorted."""
    assert names(Result("src/b.py\nsrc/a.py\n[2 files]"), "src") == ["src/a.py", "src/b.py"]
    with pytest.raises(Puzzled, match="the search failed"):
        names(Result("x", failed=True), "src")


@pytest.mark.parametrize(
    ("path", "folder", "expected"),
    [
        ("a.py", ".", "a.py"),
        ("./a.py", "", "a.py"),
        ("src/a.py", "./src/", "src/a.py"),
        ("a.py", "src", "src/a.py"),
        ("/home/x/src/a.py", "src", "src/a.py"),
        ("/home/x/a.py", "src", "/home/x/a.py"),
    ],
)
def test_a_path_is_given_from_the_workspace_on(path, folder, expected):
    """Relative to the workspace, to the folder, or absolute."""
    assert inside(path, folder) == expected
