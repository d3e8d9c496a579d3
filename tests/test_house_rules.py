"""The shape of the code: small files, short functions, flat blocks, few parameters, plain names."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("compressor", "hermes_run", "recorder")
BANNED = {"manager", "helper", "util", "handler", "processor"}
FILE_LINES, FUNCTION_LINES, NESTING, PARAMETERS, SCRIPT_LINES = 300, 50, 3, 6, 25

Function = ast.FunctionDef | ast.AsyncFunctionDef
Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Loop = ast.For | ast.AsyncFor | ast.While
Block = Loop | ast.If | ast.With | ast.AsyncWith | ast.Try | ast.TryStar | ast.Match
Modules = dict[str, ast.Module]


def read_modules() -> Modules:
    """Parse every module of the three packages, by its dotted name."""
    found: Modules = {}
    for path in (path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))):
        parts = path.relative_to(ROOT).with_suffix("").parts
        dotted = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[dotted] = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    return found


def functions(tree: ast.AST) -> Iterator[Function]:
    """Find every function and method under *tree*."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def length(function: Function) -> int:
    """Count the lines from `def` to the end."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def nesting(node: ast.AST) -> int:
    """Count the blocks that stand inside one another; an `elif` stands beside its `if`."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Scope):
            continue
        is_elif = isinstance(node, ast.If) and [child] == node.orelse and isinstance(child, ast.If)
        deepest = max(deepest, nesting(child) + (isinstance(child, Block) and not is_elif))
    return deepest


def parameters(function: Function) -> int:
    """Count the named parameters, without `self` and `cls`."""
    given = function.args
    named = [arg.arg for arg in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len(named) - (named[:1] in (["self"], ["cls"]))


def is_tool(function: Function) -> bool:
    """Tell whether a function is a tool: its parameters are the arguments that models know."""
    names = [each.func if isinstance(each, ast.Call) else each for each in function.decorator_list]
    return any(isinstance(name, ast.Name) and name.id == "tool" for name in names)


def words(name: str) -> set[str]:
    """Split a name of either case into its words, in the singular."""
    return {word.lower().removesuffix("s") for word in re.findall(r"[A-Z]*[a-z]+|[A-Z]+", name)}


def imports(name: str, tree: ast.Module, modules: Modules) -> set[str]:
    """Name the first-party modules that the module *name* imports."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = absolute(name, node, modules)
            inside = {f"{origin}.{alias.name}" for alias in node.names}
            found.update(inside & modules.keys() or {origin})
    return found & modules.keys()


def absolute(name: str, node: ast.ImportFrom, modules: Modules) -> str:
    """Say which module a `from` import in the module *name* draws on."""
    if not node.level:
        return node.module or ""
    is_package = any(other.startswith(f"{name}.") for other in modules)
    parts = name.split(".")
    kept = parts[: len(parts) - node.level + is_package]
    return ".".join([*kept, node.module] if node.module else kept)


def over_limit(modules: Modules) -> list[str]:
    """List every function that is too long, too deep or too wide, with its figure."""
    return [
        f"{module}:{function.lineno} {function.name} has {kind} {count}"
        for module, tree in modules.items()
        for function in functions(tree)
        for kind, count, limit in (
            ("lines", length(function), FUNCTION_LINES),
            ("nesting", nesting(function), NESTING),
            ("parameters", 0 if is_tool(function) else parameters(function), PARAMETERS),
        )
        if count > limit
    ]


def badly_named(modules: Modules) -> list[str]:
    """List every module, class and function whose name says nothing."""
    names = [
        (module, node.name)
        for module, tree in modules.items()
        for node in ast.walk(tree)
        if isinstance(node, Scope)
    ]
    names += [(module, module.rpartition(".")[2]) for module in modules]
    return [f"{module}: {name}" for module, name in names if words(name) & BANNED]


def cycle(modules: Modules) -> list[str]:
    """Give one import cycle as the names along it, or nothing."""
    graph = {name: imports(name, tree, modules) - {name} for name, tree in modules.items()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


@pytest.fixture(scope="module")
def modules() -> Modules:
    """Give every module of the packages, and see that all three packages are there."""
    found = read_modules()
    assert set(PACKAGES) <= found.keys()
    return found


def test_no_file_is_longer_than_its_limit():
    """Every file of the packages has at most 300 lines."""
    paths = [path for name in PACKAGES for path in (ROOT / name).rglob("*.py")]
    lines = {path: path.read_bytes().count(b"\n") for path in paths}
    assert lines
    assert {str(path): count for path, count in lines.items() if count > FILE_LINES} == {}


def test_no_function_is_too_long_too_deep_or_too_wide(modules):
    """At most 50 lines, 3 blocks inside one another and 6 parameters."""
    assert over_limit(modules) == []


def test_names_say_what_a_thing_is(modules):
    """No module, class or function is a manager, helper, utils, handler or processor."""
    assert badly_named(modules) == []


def test_no_modules_import_each_other_in_a_circle(modules):
    """The imports between modules have an order, those inside functions included."""
    assert cycle(modules) == []


@pytest.mark.parametrize("script", ["demo", "test"])
def test_the_two_commands_of_a_fresh_machine_are_short_shell(script):
    """Each is at most 25 lines that a POSIX shell can parse."""
    path = ROOT / "scripts" / script
    assert len(path.read_text(encoding="utf-8").splitlines()) <= SCRIPT_LINES
    assert subprocess.run(["/bin/sh", "-n", path], check=False).returncode == 0


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("def f():\n" + "    x = 1\n" * 50, "lines 51"),
        ("def f():\n for a in b:\n  if a:\n   with a:\n    while a: pass", "nesting 4"),
        ("async def f(a, b, /, c, d, *, e, g, h): pass", "parameters 7"),
    ],
)
def test_the_check_of_functions_sees_each_fault(source, fault):
    """A function just over one limit is reported with its figure."""
    assert over_limit({"m": ast.parse(source)}) == [f"m:1 f has {fault}"]


def test_the_check_of_functions_lets_the_limits_themselves_pass():
    """`self` is no parameter, an `elif` no deeper, an inner function a thing apart.

    The parameters of a tool are the model's.
    """
    source = """
class C:
    def f(self, a, b, c, d, e, g):
        for a in b:
            if a == 1:
                pass
            elif a == 2:
                def inner():
                    for c in d:
                        pass
            elif a == 3:
                with e:
                    pass

@tool(effect="read")
def t(a, b, c, d, e, f, g): pass
"""
    assert over_limit({"m": ast.parse(source)}) == []


def test_the_check_of_names_splits_both_cases():
    """Class names, function names and module names are all read word by word."""
    tree = ast.parse("class ToolManager: pass\ndef run_helpers(): pass\ndef manage(): pass")
    found = badly_named({"a.utils": tree})
    assert found == ["a.utils: ToolManager", "a.utils: run_helpers", "a.utils: utils"]


def test_the_check_of_imports_sees_a_circle_through_any_form_of_import():
    """Absolute and relative imports count, wherever they stand."""
    sources = {
        "p": "",
        "p.a": "import p.b",
        "p.b": "from .c import x",
        "p.c": "def f():\n    from . import a",
    }
    trees = {name: ast.parse(source) for name, source in sources.items()}
    assert set(cycle(trees)) == {"p.a", "p.b", "p.c"}
    assert cycle(trees | {"p.c": ast.parse("from p import thing")}) == []
