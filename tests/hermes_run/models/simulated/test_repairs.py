"""Repairs: from an error message to the line that has to change."""

from __future__ import annotations

import pytest

from hermes_run.models.simulated.repairs import Fault, missing_file, rename_file, repair
from hermes_run.models.simulated.steps import Puzzled


def fault(source: str, error: str, line: int, path: str = "run.py") -> Fault:
    """Make a fault as Python reports it."""
    return Fault(f'Traceback:\n  File "/w/{path}", line {line}, in <module>\n{error}', source, path)


CASES = [
    ("total = 1\nprint(totl)", "NameError: name 'totl' is not defined", 2, "print(total)"),
    ("x = 1\nprin(x)", "NameError: name 'prin' is not defined", 2, "print(x)"),
    ("a = []\na.apend(1)", "AttributeError: 'list' object has no attribute 'apend'", 2, "a.append"),
    ("import jsn", "ModuleNotFoundError: No module named 'jsn'", 1, "import json"),
    ("if x\n    y()", "SyntaxError: expected ':'", 1, "if x:"),
    ("else # no\n    y()", "SyntaxError: invalid syntax", 1, "else:"),
    ("print((1)", "SyntaxError: '(' was never closed", 1, "print((1))"),
    ("print('a' + 1)", 'TypeError: can only concatenate str (not "int") to str', 1, "+ str(1)"),
    (
        "print('a' + f(g(1)))",
        'TypeError: can only concatenate str (not "int") to str',
        1,
        "'a' + str(f(g(1)))",
    ),
    ("d = {'price': 1}\nd['prcie']", "KeyError: 'prcie'", 2, "d['price']"),
]


@pytest.mark.parametrize(("source", "error", "line", "better"), CASES)
def test_each_kind_of_error_has_its_repair(source, error, line, better):
    """The line the message points at is replaced by one that is right."""
    change = repair(fault(source, error, line))
    assert change.old == source.split("\n")[line - 1]
    assert better in change.new
    assert change.reason


def test_a_module_that_is_not_imported_is_imported_above_the_others():
    """Or above the first line of code, below the one that names the interpreter."""
    error = "NameError: name 'math' is not defined"
    change = repair(fault("#!/usr/bin/python\nimport re\nmath.pi", error, 3))
    assert (change.old, change.new) == ("import re", "import math\nimport re")
    change = repair(fault("#!/usr/bin/python\nmath.pi", error, 2))
    assert change.new == "import math\nmath.pi"


def test_a_shell_command_is_spelled_right():
    """Bash names the line in another way than Python."""
    change = repair(Fault("a.sh: line 2: ehco: command not found", "set -e\nehco hi", "a.sh"))
    assert (change.old, change.new) == ("ehco hi", "echo hi")


@pytest.mark.parametrize(("line", "old"), [(2, "zz = 1\nprint(z)"), (4, "y = 2\nprint(z)")])
def test_a_line_that_stands_twice_is_told_apart_by_the_one_before_it(line, old):
    """A patch needs text that stands in the file once, and the right one."""
    source = "zz = 1\nprint(z)\ny = 2\nprint(z)"
    change = repair(fault(source, "NameError: name 'z' is not defined", line))
    assert (change.old, change.new) == (old, old.replace("(z)", "(zz)"))


def test_a_first_line_that_stands_twice_is_told_apart_by_the_one_after_it():
    """There is nothing before the first line."""
    change = repair(fault("(z)\nzz = 1\n(z)", "NameError: name 'z' is not defined", 1))
    assert (change.old, change.new) == ("(z)\nzz = 1", "(zz)\nzz = 1")


def test_a_missing_file_is_replaced_by_the_nearest_there_is():
    """Only the name changes, not the folder."""
    broken = fault("open('data/in.cvs')", "[Errno 2] No such file or directory: 'data/in.cvs'", 1)
    assert missing_file(broken) == "data/in.cvs"
    assert rename_file(broken, ["b.txt", "in.csv"]).new == "open('data/in.csv')"
    with pytest.raises(Puzzled, match=r"nothing like data/in\.cvs"):
        rename_file(broken, ["b.txt"])


@pytest.mark.parametrize(
    ("source", "error", "line", "why"),
    [
        ("x", "ZeroDivisionError: division by zero", 1, "don't know how to repair"),
        ("x", "NameError: name 'qqqqqq' is not defined", 1, "don't know how to repair"),
        ("x", "AttributeError: 'Cart' object has no attribute 'x'", 1, "don't know how to repair"),
        ("x = 5 5", "SyntaxError: invalid syntax", 1, "don't know how to repair"),
        ("x", "NameError: name 'x' is not defined", 9, "names no line"),
    ],
)
def test_an_error_that_is_not_understood_is_admitted(source, error, line, why):
    """Nothing is changed by guessing."""
    with pytest.raises(Puzzled, match=why):
        repair(fault(source, error, line))
