"""Standard streams that nobody reads, or that were never there; and what stays off the screen."""

from __future__ import annotations

import gc
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import anyio.to_thread
import pytest
from aiohttp import web

from hermes_run.complaints import kept_from_the_screen
from hermes_run.runlog import open_log


def test_results_that_nobody_reads_break_nothing(process):
    """As with ``hermes-run tools | head -0``: no complaint, the exit code of the command."""
    running = process("tools")
    running.stdout.close()
    assert running.stderr.read() == ""
    assert running.wait(30) == 0


def test_a_run_goes_on_when_nobody_reads_its_progress(process, prompts, serve, reply, rows_of):
    """The reader of standard error is gone while requests are in flight."""
    asked, release = threading.Event(), threading.Event()

    async def answer(_: web.Request) -> web.Response:
        asked.set()
        await anyio.to_thread.run_sync(release.wait, abandon_on_cancel=True)
        return reply()

    typed = ["--model", "m", "--base-url", serve(answer), "--no-stream", "--progress", "plain"]
    running = process(*typed, prompts({"prompt": "x"}))
    assert asked.wait(30)
    running.stderr.close()
    release.set()
    assert running.stdout.read().startswith("runs/prompts-")
    assert running.wait(30) == 0


@pytest.mark.parametrize("descriptors", [(2,), (1, 2), (0, 1, 2)])
def test_a_process_without_standard_streams_keeps_its_files_to_itself(
    process, prompts, rows_of, descriptors, tmp_path
):
    """Nothing that is meant for a screen ends up in the record."""

    def bare() -> None:
        for descriptor in descriptors:
            os.close(descriptor)

    path = prompts({"prompt": "x"})
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "preexec_fn": bare}
    typed = ("--model", "simulated", "--name", "mine", "--sandbox", "none")
    running = process(*typed, path, **options)
    assert running.wait(60) == 0
    assert len(rows_of(tmp_path / "runs" / "mine")) == 1
    for file in (tmp_path / "runs" / "mine").rglob("*"):
        assert file.is_dir() or b"not sandboxed" not in file.read_bytes()


class Untidy:
    """Something that can't be cleaned up."""

    def __del__(self) -> None:
        raise ZeroDivisionError("while cleaning up")


def test_what_libraries_say_goes_to_the_log_of_the_run(tmp_path, capfd):
    """Log records, warnings, and what could not be raised."""
    warnings.simplefilter("default")
    before = sys.unraisablehook
    with kept_from_the_screen() as complaints, open_log(tmp_path) as log:
        logging.getLogger("aiohttp").warning("before there is a run")
        Untidy()
        with complaints.written_to(log):
            logging.getLogger("aiohttp").error("a %s", "complaint")
            warnings.warn("deprecated", DeprecationWarning, stacklevel=1)
            Untidy()
            gc.collect()
        logging.getLogger("aiohttp").warning("after it")
    text = (tmp_path / "run.log").read_text()
    assert '"a complaint"' in text
    assert "DeprecationWarning: deprecated" in text
    assert "ZeroDivisionError: while cleaning up" in text
    assert "before" not in text
    assert "after" not in text
    assert "ZeroDivisionError" not in capfd.readouterr().err
    assert sys.unraisablehook is before


class Interrupting:
    """A finder of modules during whose work Ctrl-C is pressed."""

    def find_spec(self, name: str, *_: object) -> None:
        """Press it."""
        if name == "hermes_run.cli.tools":
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_while_the_command_loads_is_no_traceback(command, monkeypatch):
    """There is no run yet, and nothing to say."""
    monkeypatch.delitem(sys.modules, "hermes_run.cli.tools", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    assert command("tools") == (130, "", "")


def test_the_log_is_for_its_owner_only(command, prompts):
    """Tracebacks and servers' words may hold secrets."""
    assert command("--model", "simulated", "--name", "mine", prompts({"prompt": "x"})).code == 0
    for path in Path("runs/mine").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_more_sessions_may_run_than_a_shell_allows_files(process, prompts):
    """The soft limit on open files is raised as far as it may be."""

    def frugal() -> None:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, most))

    rows = [{"id": str(number), "prompt": "What can you do?"} for number in range(64)]
    typed = ["--model", "simulated", "--concurrency", 64, prompts(*rows)]
    running = process(*typed, preexec_fn=frugal)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert "64 sessions: 64 completed" in err
