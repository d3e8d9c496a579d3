"""Work, counted instead of timed: lines and calls are the same on every machine and every day.

A loop shows in the lines that are run, also one inside a comprehension, and so does a function that
is called more often. What C does in one call does not: copying a tuple, joining bytes.
"""

from __future__ import annotations

import gc
import sys
import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parents[2]
OURS = tuple(str(ROOT / name) for name in ("compressor", "hermes_run", "recorder"))

MARGIN = 1.1
"""What an item may cost more among many than among few: caches fill, tables grow now and then."""

SLACK = 8.0
"""So many lines, or calls, more are taken for none: a scan of a thousand items is hundreds."""


NAMED = ("open", "os.")
"""How audited events begin that are about files and folders by their names."""

OPENED = frozenset(("read", "write", "pwrite", "fstat", "fsync", "fdatasync"))
"""Calls of the system about files that are open."""


class Work(msgspec.Struct):
    """What was done: by our functions' and C functions' names, how many lines and calls.

    ``system`` are calls of the system, by whichever thread: those about files that Python audits,
    and those that read, write and sync what is open.
    """

    lines: Counter[str] = msgspec.field(default_factory=Counter[str])
    calls: Counter[str] = msgspec.field(default_factory=Counter[str])
    system: Counter[str] = msgspec.field(default_factory=Counter[str])


class _Counting:
    """Counts what the thread does while it is switched on; others are left alone."""

    def __init__(self) -> None:
        self.lines: Counter[CodeType] = Counter()
        self.calls: Counter[str] = Counter()
        self.system: list[str] = []  # one can be added by any thread at any time
        self._is_ours: dict[CodeType, bool] = {}

    def trace(self, frame: FrameType, _event: str, _value: object) -> Callable[..., Any] | None:
        """Look at a function that is called, or goes on."""
        return self._line if self._ours(frame.f_code) else None

    def _line(self, frame: FrameType, event: str, _value: object) -> Callable[..., Any]:
        if event == "line":
            self.lines[frame.f_code] += 1
        return self._line

    def profile(self, frame: FrameType, event: str, function: Any) -> None:
        """Look at a call of a function in C."""
        if event == "c_call" and self._ours(frame.f_code):
            self.calls[function.__qualname__] += 1
            self.profile_beside(frame, event, function)

    def profile_beside(self, frame: FrameType, event: str, function: Any) -> None:
        """Look at a call of a function in C, in another thread: only the system's are counted."""
        is_system = event == "c_call" and function.__module__ == "posix"
        if is_system and function.__name__ in OPENED and self._ours(frame.f_code):
            self.system.append(function.__name__)

    def _ours(self, code: CodeType) -> bool:
        known = self._is_ours.get(code)
        if known is None:
            known = self._is_ours[code] = code.co_filename.startswith(OURS)
        return known


_listeners: list[list[str]] = []


def _listen(event: str, _given: object) -> None:
    """Note what is done to files while somebody counts; what audits can't be taken back."""
    if _listeners and event.startswith(NAMED):
        for listener in _listeners:
            listener.append(event)


sys.addaudithook(_listen)


def objects() -> int:
    """Count the pieces of memory in use that our code asked for, since ``tracemalloc`` began.

    What remembers names is left out: it has a few pieces, which come into use one by one.
    """
    gc.collect()
    ours = [tracemalloc.Filter(inclusive=True, filename_pattern=f"{each}/*") for each in OURS]
    names = tracemalloc.Filter(inclusive=False, filename_pattern="*/recorder/marks.py")
    taken = tracemalloc.take_snapshot().filter_traces(ours).filter_traces([names])
    return sum(one.count for one in taken.statistics("filename"))


def count(work: Callable[[], object]) -> Work:
    """Do *work* and count it; of what it does in other threads, only calls of the system.

    Whoever else looks at the lines of this thread, as the measuring of coverage does, does not see
    these.
    """
    counting, tracing, profiling = _Counting(), sys.gettrace(), sys.getprofile()
    _listeners.append(counting.system)
    threading.setprofile(counting.profile_beside)  # of threads that begin from here on
    sys.settrace(counting.trace)
    sys.setprofile(counting.profile)
    try:
        work()
    finally:
        sys.setprofile(profiling)
        sys.settrace(tracing)
        threading.setprofile(None)
        _listeners.remove(counting.system)
    counted = Work(calls=counting.calls, system=Counter(counting.system))
    for code, lines in counting.lines.items():
        module = Path(code.co_filename).relative_to(ROOT).with_suffix("")
        counted.lines[f"{'.'.join(module.parts)}:{code.co_qualname}"] += lines
    return counted


def grown(works: Mapping[int, Work]) -> dict[str, str]:
    """Name what costs more for each item where there are more items; *works* is by their number.

    What is the same however many there are is left out: compared is what ten times as many cost
    more, for each of those that came to it.
    """
    few, more, most = sorted(works)
    found: dict[str, str] = {}
    for kind in ("lines", "calls", "system"):
        first, then, last = (getattr(works[size], kind) for size in (few, more, most))
        for name in last:
            before = (then[name] - first[name]) / (more - few)
            after = (last[name] - then[name]) / (most - more)
            if after > MARGIN * before + SLACK:
                found[name] = f"{before:.1f} {kind} an item up to {more}, {after:.1f} up to {most}"
    return found


def largest(
    size: Callable[[FrameType], int], function: FunctionType, work: Callable[[], object]
) -> int:
    """Do *work*; gives the largest *size* that *function* was called with, of one of its frames."""
    tracing, most = sys.gettrace(), 0

    def trace(frame: FrameType, event: str, _value: object) -> None:
        nonlocal most
        if frame.f_code is function.__code__ and event == "call":
            most = max(most, size(frame))

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(tracing)
    return most
