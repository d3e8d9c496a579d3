"""Asking a benchmark: a process of its own that prints one JSON line."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec

from bench.answer import Answer

QUESTIONS = (
    *("turn", "journal", "resume", "render", "compress", "sandbox", "mirror"),
    *("session", "share", "bytes", "memory", "lag", "scale"),
)
"""What is asked, in this order; each is a module of this folder."""

ROOT = Path(__file__).resolve().parents[1]
_TOLD_LINES = 12
"""So much of what a failed benchmark wrote to its standard error is kept."""


class Failure(msgspec.Struct, frozen=True):
    """A benchmark that gave no answer, and what it said instead."""

    bench: str
    error: str


Said: TypeAlias = Answer | Failure


def command(name: str, options: Sequence[str] = ()) -> tuple[str, ...]:
    """Give what starts the benchmark *name*."""
    return (sys.executable, "-m", f"bench.{name}", *options)


def ask(name: str, ordered: Sequence[str], limit_s: float) -> Said:
    """Run *ordered*, which is to answer the question *name*.

    Args:
        name: what a failure is told under.
        ordered: the command; it is run beside the packages.
        limit_s: after so many seconds it is ended, with all that it started.
    """
    with subprocess.Popen(
        ordered,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        try:
            printed, told = child.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            return Failure(name, f"it gave no answer within {limit_s:,.0f} s")
        finally:
            if child.returncode != 0:
                _end_all(child.pid)
    if child.returncode:
        return Failure(name, _tail(told) or f"it ended with {child.returncode} without a word")
    return _read(name, printed)


def _end_all(group: int) -> None:
    """End a benchmark that did not end well, and the servers it may have left."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _tail(told: bytes) -> str:
    lines = told.decode("utf-8", "replace").rstrip().splitlines()
    return "\n".join(lines[-_TOLD_LINES:])


def _read(name: str, printed: bytes) -> Said:
    lines = printed.splitlines()
    if len(lines) != 1:
        return Failure(name, f"it printed {len(lines):,} lines where one line of JSON is expected")
    try:
        return msgspec.json.decode(lines[0], type=Answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Failure(name, f"it printed what is no answer: {error}")
