"""Tools that users bring: ``module:name`` or ``path/to/file.py:name``.

The name is that of a tool, of a list of tools, or of a function, which becomes a tool as the
decorator would make it. Importing runs the user's code: whatever it raises becomes a sentence, and
what it prints goes to standard error, for standard output is the command's.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
import traceback
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from hermes_run.errors import UsageError
from hermes_run.tools.schema import tool
from hermes_run.tools.tool import Tool
from hermes_run.words import closest

_WANTED = "write --tools module:name or --tools path/to/file.py:name"


def load_tools(names: Iterable[str], folder: Path | None = None) -> tuple[Tool, ...]:
    """Load the tools *names*, in this order; one that is named twice is there once.

    Args:
        names: each ``module:name`` or ``path/to/file.py:name``.
        folder: where modules are looked for beside what is installed, and where paths begin; the
            current one by default.

    Raises:
        UsageError: something can't be found, imported or used as a tool; the text names it.
    """
    place = (folder or Path()).absolute()
    made: dict[int, Tool] = {}
    owners: dict[str, tuple[str, Tool]] = {}
    for spec in names:
        for value in _values(spec, _load(spec, place)):
            one = made.setdefault(id(value), _tool(spec, value))
            owner, other = owners.setdefault(one.name, (spec, one))
            if other is not one:
                raise UsageError(
                    f"--tools {owner} and --tools {spec} both have a tool called {one.name!r}: "
                    f'give one of them another name, as in @tool(name="my_{one.name}")'
                )
    return tuple(one for _, one in owners.values())


def _load(spec: str, place: Path) -> object:
    """Import what *spec* names and give it."""
    where, colon, name = spec.rpartition(":")
    if not colon or not where or not name:
        raise UsageError(f"--tools {spec} names no tool: {_WANTED}")
    with _said_elsewhere(), _findable(place):
        module = (
            _file(spec, place / where) if where.endswith(".py") else _module(spec, where, place)
        )
    public = [each for each in vars(module) if not each.startswith("_")]
    if not hasattr(module, name):
        raise UsageError(f"--tools {spec}: {where} has no {name!r}.{closest(name, public)}")
    return getattr(module, name)


def _module(spec: str, name: str, place: Path) -> ModuleType:
    if any(not part.isidentifier() for part in name.split(".")):
        raise UsageError(f"--tools {spec}: {name!r} is no name of a module; {_WANTED}")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _broken(spec, error) from error
        known = [each.name for each in pkgutil.iter_modules([str(place)])]
        hint = closest(name, known)
        raise UsageError(
            f"--tools {spec}: there is no module {error.name!r}, neither in {place} nor "
            f"installed.{hint}"
        ) from error
    except BaseException as error:
        raise _broken(spec, error) from error


def _file(spec: str, path: Path) -> ModuleType:
    """Import one file, under a name that is no other module's."""
    if not path.is_file():
        near = [str(each.name) for each in path.parent.glob("*.py")]
        raise UsageError(f"--tools {spec}: there is no file {path}.{closest(path.name, near)}")
    real = path.resolve()
    name = f"{path.stem.replace('.', '_')}_{sha256(str(real).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    source = importlib.util.spec_from_file_location(name, real)
    if source is None or source.loader is None:  # never: it ends in .py
        raise UsageError(f"--tools {spec}: {path} can't be imported")
    module = sys.modules[name] = importlib.util.module_from_spec(source)
    try:
        with _findable(real.parent):
            source.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        raise _broken(spec, error) from error
    return module


def _broken(spec: str, error: BaseException) -> BaseException:
    """Say what the import raised, and where; only Ctrl-C stays what it is."""
    if isinstance(error, KeyboardInterrupt):
        return error
    last = traceback.format_exception_only(error)[-1].strip()
    return UsageError(f"--tools {spec} can't be imported: {_where(error)}{last}")


def _where(error: BaseException) -> str:
    """Name the file and line of the user's code that raised *error*."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: "
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "importlib" not in f.filename and f.filename != __file__]
    return f"{own[-1].filename}:{own[-1].lineno}: " if own else ""


def _values(spec: str, found: object) -> list[object]:
    """Give what a name stands for: one thing, or each of a list."""
    if not isinstance(found, list | tuple):
        return [found]
    values = list(cast("Iterable[object]", found))
    if not values:
        raise UsageError(f"--tools {spec} is an empty list")
    return values


def _tool(spec: str, value: object) -> Tool:
    if isinstance(value, Tool):
        return value
    if not inspect.isroutine(value):
        raise UsageError(
            f"--tools {spec} is no tool but {_kind(value)}: name a function, a tool made with "
            "@tool, or a list of them"
        )
    try:
        return tool(cast("Any", value))
    except UsageError as error:
        raise UsageError(f"--tools {spec}: {error}") from error


def _kind(value: object) -> str:
    if isinstance(value, ModuleType):
        return f"the module {value.__name__}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"of type {type(value).__name__}"


@contextmanager
def _findable(place: Path) -> Generator[None]:
    """Let modules in *place* be found first, and after the block last.

    What they import later must be found, too, but must not hide what libraries import.
    """
    folder = str(place)
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # the module may have changed the path itself
            sys.path.remove(folder)
        if folder not in sys.path:
            sys.path.append(folder)


@contextmanager
def _said_elsewhere() -> Generator[None]:
    """Send what is written to standard output to standard error, also by programs and C code."""
    with contextlib.redirect_stdout(sys.stderr):
        _flush()
        kept = os.dup(1)
        try:
            os.dup2(2, 1)
            yield
        finally:
            _flush()
            os.dup2(kept, 1)
            os.close(kept)


def _flush() -> None:
    if sys.__stdout__ and not sys.__stdout__.closed:
        sys.__stdout__.flush()
