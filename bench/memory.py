"""What a session in flight takes of memory, and whether a million prompts take more than few.

``python -m bench.memory`` measures resident memory (``Rss`` of proc_pid_smaps(5)) in processes that
are new for each measurement.

*In flight*: so many sessions wait in their third turn for a model of this process; what the run had
when it was open and idle is taken off, the rest divided by the sessions, and the history of a
session is taken off once, as the bytes of its messages (a prompt, two calls and two results of
1.5 KB). *Streaming* is the same over HTTP, with a reply under way in each session, so that
connections and buffers count; the server is another process, and some sessions have come further
than to their third turn when the last does.

*Prompts*: one process runs a million sessions, the smallest that there are, from a file, 256 at
once, and is looked at as they end. Two things may grow, and the budget is their sum: that no row
and no session comes twice is known by 64 bits of each name (:class:`recorder.marks.Marks`, 12 bytes
a name with what allocators lose, so 24 MB for a million of both), and the two pages that the
journal fills in turns grow to 8 MiB each where the disk is slow for a moment.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

from bench.answer import Answer, Curve, Figure, arguments, at_most, parsed, tell
from bench.resident import CONCURRENCY, TURNS, Found
from bench.server import CHUNKS, Server, open_server
from hermes_run.cli.process import allow_many_files

EACH_KB = 64.0
GROWTH_MB = 41.0
SESSIONS, QUICK_SESSIONS = (1_000, 5_000), (20, 100)
PROMPTS, QUICK_PROMPTS = 1_000_000, 2_000

STREAM_S = 0.004
"""Seconds for a reply, for each session: at any number of them the same load."""

LIMIT_S = 7_000.0


def measured(task: str, size: int, url: str = "") -> Found:
    """Measure in a new process."""
    argv = [sys.executable, "-m", "bench.resident", task, str(size), "--url", url]
    done = subprocess.run(argv, check=True, stdout=subprocess.PIPE, timeout=LIMIT_S)
    return json.loads(done.stdout.splitlines()[-1])


def in_flight(sizes: Sequence[int], server: Server, repeats: int) -> tuple[list[Figure], Found]:
    """Measure sessions in flight, here and over HTTP, again and again."""
    found: dict[tuple[str, int], list[Found]] = {}
    for _ in range(repeats):
        for size in sizes:
            url = server.url(TURNS, size * STREAM_S / CHUNKS)
            found.setdefault(("in flight", size), []).append(measured("hold", size))
            found.setdefault(("streaming", size), []).append(measured("hold", size, url))
    figures: list[Figure] = []
    for (name, size), each in found.items():
        values = [(one["each"] - one["history"]) / 1024 for one in each]
        figures.append(at_most(f"a session {name} of {size}", "KB", values, EACH_KB))
    checks = {f"{name} {size}": each[-1] for (name, size), each in found.items()}
    return figures, checks


def flatness(prompts: int) -> tuple[list[Figure], Curve, Found]:
    """Measure as many *prompts*, once: every look is a figure of its own."""
    found = measured("prompts", prompts)
    (first, rss, peak), *others = found["seen"]
    last, rss_then, peak_then = others[-1]
    step = f"from {first} to {last} prompts"
    figures = [
        at_most(f"growth {step}", "MB", [(rss_then - rss) / 1e6], GROWTH_MB),
        at_most(f"growth of the peak {step}", "MB", [(peak_then - peak) / 1e6], GROWTH_MB),
    ]
    points = tuple((float(count), now / 1e6) for count, now, _ in found["seen"])
    curve = Curve("resident memory", "prompts done", "MB", points)
    looks = {str(count): {"rss": now, "peak": most} for count, now, most in found["seen"]}
    return figures, curve, {"prompts": looks, "session_ms": round(found["ms"], 2)}


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__, repeats=5)
    parser.add_argument("--prompts", type=int, help="how many prompts one process runs")
    parser.add_argument("--sessions", type=int, nargs="+", help="sessions in flight")
    options = parsed(parser)
    sizes = options.sessions or (QUICK_SESSIONS if options.quick else SESSIONS)
    prompts = options.prompts or (QUICK_PROMPTS if options.quick else PROMPTS)
    repeats = 1 if options.quick else options.repeats  # each takes new processes
    allow_many_files()  # the server needs them too
    with open_server() as server:
        figures, checks = in_flight(sizes, server, repeats)
    grown, curve, looks = flatness(prompts)
    tell(
        Answer(
            bench="memory",
            repeats=repeats,
            inputs={"sessions": list(sizes), "prompts": prompts, "concurrency": CONCURRENCY},
            figures=(*figures, *grown),
            curves=(curve,),
            checks={**checks, **looks},
        )
    )


if __name__ == "__main__":
    main()
