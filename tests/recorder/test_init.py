"""What `import recorder` gives, and what it loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

import recorder
from recorder.blocking import open_sync
from recorder.following import Follower
from recorder.opening import open_record
from recorder.reader import fold_journal
from recorder.settings import JournalSettings

LOOPS = {"anyio", "asyncio", "trio"}
FOREIGN = {"openai", "hermes_run", "compressor", "aiohttp"}
BACKENDS = {"anyio._backends._asyncio", "anyio._backends._trio"}


def loaded_by(statement):
    """Name the modules that a fresh process has after *statement*."""
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
    return set(ran.stdout.split())


def test_the_package_alone_loads_next_to_nothing():
    """Not even what its public names need."""
    loaded = loaded_by("import recorder")
    assert [name for name in loaded if name.startswith("recorder.")] == []
    assert loaded & (LOOPS | FOREIGN) == set()


@pytest.mark.parametrize(
    "use",
    [
        "Follower",
        "fold_journal",
        "JournalSettings",
        "stats.tool_stats",
        "formats.load('hermes')",
        "errors",
    ],
)
def test_reading_needs_no_event_loop(use):
    """A journal can be folded and rendered in a process that never runs a task."""
    assert loaded_by(f"import recorder; recorder.{use}") & (LOOPS | FOREIGN) == set()


@pytest.mark.parametrize("use", ["open", "open_sync"])
def test_writing_chooses_no_event_loop(use):
    """Whoever records brings it, and nothing of a runner of agents is loaded."""
    loaded = loaded_by(f"import recorder; recorder.{use}")
    assert "anyio" in loaded
    assert loaded & (BACKENDS | FOREIGN | {"trio"}) == set()


def test_the_public_names_are_what_they_stand_for():
    """Each is the thing itself, every time it is asked for."""
    for _ in range(2):
        assert recorder.open is open_record
        assert recorder.open_sync is open_sync
        assert recorder.Follower is Follower
        assert recorder.fold_journal is fold_journal
        assert recorder.JournalSettings is JournalSettings


def test_every_public_name_is_there():
    """A star import gives them all."""
    names = {}
    exec("from recorder import *", names)
    assert {name for name in names if name != "__builtins__"} == set(recorder.__all__)


@pytest.mark.parametrize("name", ["errors", "formats", "stats"])
def test_the_modules_that_users_need_come_with_the_package(name):
    """They are loaded when they are first asked for."""
    assert recorder.__getattr__(name) is getattr(recorder, name) is sys.modules[f"recorder.{name}"]


def test_a_name_that_the_package_does_not_have_is_missed():
    """The error is the usual one, so that hasattr and the like work."""
    with pytest.raises(AttributeError, match="module 'recorder' has no attribute 'shut'"):
        _ = recorder.shut
    assert not hasattr(recorder, "__wrapped__")
