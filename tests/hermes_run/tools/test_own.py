"""Users' tools are found by name, and what is wrong with them is a sentence."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from hermes_run.errors import UsageError
from hermes_run.tools.own import load_tools

MODULE = '''
from hermes_run import tool

@tool(effect="read")
async def weather(city: str) -> str:
    """Weather in a city."""
    return "rain"

def sum_up(numbers: list[int]) -> int:
    """Sum numbers up."""
    return sum(numbers)

both = [weather, sum_up]
nothing = ()
mixed = [weather, 3]
size = 3

class Thing:
    pass

def bad(a, b: int): ...

def _hidden() -> str:
    return ""
'''

numbers = itertools.count()


@pytest.fixture(autouse=True)
def own_path(monkeypatch):
    """Leave nothing on the path that modules are looked for in."""
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture
def name() -> str:
    """Give a name that no other test imports."""
    return f"own_tools_{next(numbers)}"


@pytest.fixture
def place(tmp_path: Path, name: str) -> Path:
    """Give a folder with a module in it."""
    (tmp_path / f"{name}.py").write_text(MODULE)
    return tmp_path


def test_a_tool_a_function_and_a_list_are_tools(place, name):
    """A plain function gets the decorator's default effect; the order is the one asked for."""
    assert [(t.name, t.effect) for t in load_tools([f"{name}:sum_up"], place)] == [
        ("sum_up", "external")
    ]
    tools = load_tools([f"{name}:both"], place)
    assert [(t.name, t.effect) for t in tools] == [("weather", "read"), ("sum_up", "external")]


def test_a_tool_that_is_named_twice_is_there_once(place, name):
    """By itself, in a list, as a module and as a file by two paths."""
    specs = [f"{name}:sum_up", f"{name}:both", f"{name}:sum_up"]
    assert [t.name for t in load_tools(specs, place)] == ["sum_up", "weather"]
    files = [f"{name}.py:weather", f"../{place.name}/{name}.py:both"]
    assert [t.name for t in load_tools(files, place)] == ["weather", "sum_up"]


def test_modules_are_found_in_the_current_folder(place, name, monkeypatch):
    """Where no other folder is given."""
    monkeypatch.chdir(place)
    assert load_tools([f"{name}:weather"])
    assert load_tools([f"{name}.py:weather"])


def test_a_file_finds_the_modules_beside_it(place, name):
    """Also when they are imported later; other modules are not hidden by them for good."""
    folder = place / "deep"
    folder.mkdir()
    (folder / f"beside_{name}.py").write_text("one = 1")
    (folder / "tools.py").write_text(
        f"from beside_{name} import one\ndef get(n: int) -> int:\n    return one + n\n"
    )
    assert load_tools(["deep/tools.py:get"], place)
    assert sys.path[-1] == str(place)
    assert str(folder) in sys.path


def test_a_module_in_a_package_is_found(place, name):
    """By its dotted name."""
    (place / f"p_{name}").mkdir()
    (place / f"p_{name}" / "inner.py").write_text(MODULE)
    assert load_tools([f"p_{name}.inner:weather"], place)
    with pytest.raises(UsageError, match=f"no module 'p_{name}.iner'"):
        load_tools([f"p_{name}.iner:weather"], place)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("NAME", "names no tool: write --tools module:name or --tools path/to/file.py:name"),
        (":x", "names no tool"),
        ("NAME:", "names no tool"),
        ("a b:x", "'a b' is no name of a module"),
        ("NAMEX:x", "there is no module 'NAMEX', neither in .* nor installed. Did you mean 'NAME'"),
        ("NAMEX.py:x", "there is no file .*/NAMEX.py. Did you mean 'NAME.py'"),
        ("NAME:wether", "NAME has no 'wether'. Did you mean 'weather'"),
        ("NAME:size", "is no tool but of type int: name a function"),
        ("NAME:Thing", "the class Thing"),
        ("NAME:tool.__module__", "has no 'tool.__module__'"),
        ("NAME:mixed", "is no tool but of type int"),
        ("NAME:nothing", "is an empty list"),
        ("NAME:bad", r"bad\(\) does not say what a is; annotate it"),
    ],
)
def test_what_cannot_be_used_is_told_with_what_to_write(place, name, spec, said):
    """Each mistake has its sentence, with names that are near where there are any."""
    with pytest.raises(UsageError, match=said.replace("NAME", name)):
        load_tools([spec.replace("NAME", name)], place)


def test_a_module_is_no_tool(place, name):
    """A name may stand for another module."""
    (place / f"m_{name}.py").write_text("import json")
    with pytest.raises(UsageError, match="the module json"):
        load_tools([f"m_{name}:json"], place)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("\n1 / 0", r"NAME.py:2: ZeroDivisionError: division by zero"),
        ("import json\njson.loads('{')", r"JSONDecodeError"),
        ("def f(:", r"NAME.py:1: SyntaxError"),
        ("import missing_dependency", r"NAME.py:1: ModuleNotFoundError: .*'missing_dependency'"),
        ("import sys\nsys.exit(3)", r"NAME.py:2: SystemExit: 3"),
    ],
)
@pytest.mark.parametrize("kind", ["module", "file"])
def test_an_import_that_raises_is_told_with_its_place(place, name, source, said, kind):
    """File, line and the last line of its traceback."""
    (place / f"x_{name}.py").write_text(source)
    spec = f"x_{name}:f" if kind == "module" else f"x_{name}.py:f"
    with pytest.raises(UsageError, match=said.replace("NAME", f"x_{name}")):
        load_tools([spec], place)


def test_a_key_press_while_importing_is_no_mistake_of_the_module(place, name):
    """Ctrl-C ends the command."""
    (place / f"k_{name}.py").write_text("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load_tools([f"k_{name}:f"], place)


def test_two_tools_of_one_name_are_refused(place, name):
    """The text names both places."""
    (place / f"o_{name}.py").write_text(MODULE)
    said = f"--tools {name}:weather and --tools o_{name}:weather both have a tool called 'weather'"
    with pytest.raises(UsageError, match=said):
        load_tools([f"{name}:weather", f"o_{name}:weather"], place)


def test_what_a_module_prints_goes_to_standard_error(tmp_path):
    """However it prints: standard output is the command's."""
    (tmp_path / "loud.py").write_text(
        "import os, subprocess, sys\n"
        "print('print')\n"
        "os.write(1, b'write\\n')\n"
        "sys.__stdout__.write('dunder\\n')\n"
        "subprocess.run(['echo', 'child'])\n"
        "def f(a: int) -> int:\n    return a\n"
    )
    program = (
        "from hermes_run.tools.own import load_tools\n"
        "print('before')\nload_tools(['loud:f'])\nprint('after')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "before\nafter\n"
    assert set(done.stderr.split()) == {"print", "write", "dunder", "child"}
