"""What a durable record costs, and how long it takes until a fact is on disk.

CPU is that of the whole process, threads included, in microseconds an event; all ratios are taken
within one repeat, in which the rivals run one after the other over the same events.

- *saturation*: every session records as fast as it can (:mod:`bench.recording` has the rivals). The
  budget is 1.3 of what only encodes.
- *steady*: a fixed rate of events over all sessions. How old each event is when the sync that
  covers it returns; the budget is the window and two syncs as the disk took them, so the figure is
  the 99th percentile as a part of that.
- *barrier*: the same, each session waiting for every event until it is durable.
- *bytes*: those of the lines, as a multiple of what was said in them.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from bench.answer import Answer, Figure, arguments, at_most, parsed, tell
from bench.recording import (
    bare_aiofiles,
    content,
    cost,
    encode_and_hold,
    encode_only,
    events,
    journal,
    plain_writes,
    sessions_of,
)
from bench.waiting import latency
from recorder.framing import frame

COUNTS, QUICK_COUNTS = (64, 1000), (8, 32)
TO_ENCODING, WRITTEN = 1.3, 1.5
EVENTS, RATE, SECONDS = 60_000, 4_000.0, 2.0
QUICK_EVENTS, QUICK_SECONDS = 3_000, 0.2

UNITS = (
    ("journal / encode-only", "", TO_ENCODING),
    ("until durable, p99 / (window + 2 syncs)", "", 1.0),
    ("journal / encode and hold", "", None),
    ("journal without the kernel / encode-only", "", None),
    ("plain writes / encode-only", "", None),
    ("journal / bare aiofiles", "", None),
    ("encode-only", "us", None),
    ("encode and hold", "us", None),
    ("journal", "us", None),
    ("bare aiofiles", "us", None),
    ("until durable, p50", "ms", None),
    ("until durable, p99", "ms", None),
    ("barrier, p50", "ms", None),
    ("barrier, p99", "ms", None),
    ("sync, p99", "ms", None),
    ("saturated journal", "events/s", None),
)
"""Every figure that is taken at each number of sessions: its name, unit and budget."""


def saturation(session_count: int, count: int) -> dict[str, float]:
    """Compare the rivals over *count* events."""
    each = max(3, count // session_count)
    sessions = sessions_of(session_count, each)
    few = [mine[: max(1, each // 50)] for mine in sessions]
    encode = cost(encode_only, sessions)
    hold = cost(encode_and_hold, sessions)
    plain = cost(plain_writes, sessions)
    ours = cost(journal, sessions)
    bare = cost(bare_aiofiles, few)
    return {
        "encode-only": encode.cpu,
        "encode and hold": hold.cpu,
        "journal": ours.cpu,
        "bare aiofiles": bare.cpu,
        "journal / encode-only": ours.cpu / encode.cpu,
        "plain writes / encode-only": plain.cpu / encode.cpu,
        "journal without the kernel / encode-only": (ours.cpu - ours.system) / encode.cpu,
        "journal / encode and hold": ours.cpu / hold.cpu,
        "journal / bare aiofiles": ours.cpu / bare.cpu,
        "saturated journal": 1e6 / ours.wall,
    }


def figures(session_count: int, repeats: Sequence[Mapping[str, float]]) -> list[Figure]:
    """Make the figures of what was measured at so many sessions."""
    return [
        at_most(f"{name}, {session_count} sessions", unit, [one[name] for one in repeats], budget)
        for name, unit, budget in UNITS
    ]


def size() -> list[Figure]:
    """Compare the bytes of the lines with the bytes of what was said in them."""
    said = events("session-0000-0", 300)
    lines = sum(len(frame(event)) for event in said)
    return [
        at_most("bytes written / said", "", [lines / sum(map(content, said))], WRITTEN),
        at_most("bytes an event", "B", [lines / len(said)]),
    ]


def answer(asked: argparse.Namespace) -> Answer:
    """Measure all, again and again."""
    counts = QUICK_COUNTS if asked.quick else COUNTS
    repeats: dict[int, list[dict[str, float]]] = {count: [] for count in counts}
    for _ in range(asked.repeats):
        for count in counts:
            fast = saturation(count, asked.events)
            repeats[count].append({**fast, **latency(count, asked.rate, asked.seconds)})
    measured = [figure for count in counts for figure in figures(count, repeats[count])]
    return Answer(
        "journal",
        asked.repeats,
        {name: getattr(asked, name) for name in ("events", "rate", "seconds")},
        (*measured, *size()),
    )


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__, repeats=5)
    parser.add_argument("--events", type=int, help="at saturation, in each round")
    parser.add_argument("--rate", type=float, default=RATE, help="events a second when steady")
    parser.add_argument("--seconds", type=float, help="of each steady measurement")
    asked = parsed(parser)
    asked.events = asked.events or (QUICK_EVENTS if asked.quick else EVENTS)
    asked.seconds = asked.seconds or (QUICK_SECONDS if asked.quick else SECONDS)
    tell(answer(asked))


if __name__ == "__main__":
    main()
