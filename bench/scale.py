"""How far a run scales: with worker processes, and with sessions at once.

``python -m bench.scale`` asks two things. *Two workers to one* is how many whole sessions a second
come to their end with ``--workers 2``, divided by how many do with one process, which is the
default and has no workers beside it; the rest of the run is the same, and a server in a process of
its own answers at once. There are so many sessions at once that a worker has always one to go on
with; with 64, as told beside it, each has 32, which now and then wait all of them, for the disk or
for leave to ask. Sessions are counted from a quarter of a run to nine tenths of
it, so that neither starting processes nor the last few are in it. The machine has to have two cores
to itself; ``free_cores`` in the checks is the same ratio for processes that share nothing and only
count, and ``ms_a_session`` says who used how much CPU: the process that was started, its workers,
the server.

The *curve* is replies a second against sessions at once, in one process, from a model that takes
half a second for a reply. It grows with the sessions until the processor is full: the knee is the
last point that is within a fifth of a straight line.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import anyio

from bench.answer import Answer, Curve, Figure, arguments, at_least, at_most, parsed, ratios, tell
from bench.processes import Compared, Load, compare
from bench.server import CHUNKS, Server, open_server
from bench.sessions import TURNS, open_ours

MANY, FEW = 256, 64
"""Sessions at once: so many that workers never wait for one, and as many as are usual."""

SESSIONS = 3200
FLOOR = 1.8
CURVE = (1, 8, 32, 64, 128, 256, 512, 1000, 2000)
REPLY_S = 0.5
STRAIGHT = 0.8
BURST, LEAST = 4, 512
"""Sessions for each place in a burst, where these are not more than so many or than the places:
replies take unequally long, and the last few sessions of a burst have places beside them empty."""

REPEATS_OF_CURVE = 2
"""A point of the curve takes long, and only its shape is looked at."""

_COUNT = """
import time
ended, n = time.monotonic() + {0}, 0
while time.monotonic() < ended:
    n += 1
print(n)
"""


# --- worker processes ----------------------------------------------------------------------------


def free_cores(seconds: float) -> float:
    """Give how many times as far two processes count together as one does alone."""
    return sum(_counts(2, seconds)) / _counts(1, seconds)[0]


def _counts(processes: int, seconds: float) -> list[int]:
    command = [sys.executable, "-c", _COUNT.format(seconds)]
    counting = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(processes)]
    return [int(one.communicate()[0]) for one in counting]


# --- sessions at once ----------------------------------------------------------------------------


async def pace_at(concurrency: int, server: Server, repeats: int, folder: Path) -> float:
    """Give replies a second with so many sessions at once, after a warm-up."""
    url = server.url(TURNS, REPLY_S / CHUNKS)
    found: list[float] = []
    sessions = max(concurrency, min(BURST * concurrency, LEAST))
    async with open_ours(url, concurrency, folder) as ours:
        await ours.run(concurrency)
        for _ in range(repeats):
            begun = time.monotonic()
            await ours.run(sessions)
            found.append(sessions * TURNS / (time.monotonic() - begun))
    return median(found)


def curve(server: Server, repeats: int, among: Sequence[int]) -> list[tuple[float, float]]:
    """Give replies a second for each number of sessions."""
    with tempfile.TemporaryDirectory() as folder:
        return [
            (each, anyio.run(pace_at, each, server, repeats, Path(folder) / str(each)))
            for each in among
        ]


def knee(points: Sequence[tuple[float, float]]) -> float:
    """Give the most sessions at once of which each is still about as fast as the first was."""
    one = points[0][1] / points[0][0]
    return max(at for at, pace in points if pace >= STRAIGHT * one * at)


# --- the answer ----------------------------------------------------------------------------------


def scaled(many: Compared, few: Compared) -> list[Figure]:
    """Say how far two workers get."""
    made: list[Figure] = []
    for found in (many, few):
        one, two = (
            [each.sessions_per_s for each in spent] for spent in (found.alone, found.together)
        )
        said, more = f"{found.load.at_once} at once", ratios(two, one)
        name = f"two workers to one, {said}"
        made += [
            at_least(name, "x", more, FLOOR) if found is many else at_most(name, "x", more),
            at_most(f"sessions a second, one process, {said}", "/s", one),
            at_most(f"sessions a second, two workers, {said}", "/s", two),
        ]
    return made


def bent(points: Sequence[tuple[float, float]]) -> tuple[Figure, ...]:
    """Say what was found of the curve."""
    best = max(pace for _, pace in points)
    return (
        at_most("knee of the curve", "sessions", [knee(points)]),
        at_most("replies a second at best", "/s", [best]),
        at_most(f"replies a second at {points[-1][0]:,}", "/s", [points[-1][1]]),
    )


def _each(found: Compared) -> dict[str, dict[str, float]]:
    """Give who used how much CPU, in milliseconds a session."""
    return {
        processes: {
            name: round(median(getattr(one, name) for one in spent), 3)
            for name in ("head", "workers", "server")
        }
        for processes, spent in (("one", found.alone), ("two", found.together))
    }


def measure(asked: argparse.Namespace) -> Answer:
    """Measure everything."""
    repeats = asked.repeats
    free = [free_cores(asked.seconds) for _ in range(repeats)]
    with open_server() as server:
        many, few = (compare(server, repeats, Load(each, asked.sessions)) for each in (MANY, FEW))
        points = curve(server, min(repeats, REPEATS_OF_CURVE), asked.concurrency)
    return Answer(
        bench="scale",
        repeats=repeats,
        inputs={"sessions": asked.sessions, "turns": TURNS, "reply_s": REPLY_S},
        figures=(*scaled(many, few), *bent(points)),
        curves=(Curve("one process", "sessions at once", "replies a second", tuple(points)),),
        checks={
            "free_cores": round(median(free), 3),
            "ms_a_session": {f"{each.load.at_once} at once": _each(each) for each in (many, few)},
        },
    )


def main() -> None:
    """Measure and print one line."""
    parser = arguments(__doc__, repeats=5)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--concurrency", type=int, nargs="+", default=CURVE)
    parser.add_argument("--seconds", type=float, default=1.0, help="to count, on free cores")
    asked = parsed(parser)
    if asked.quick:
        asked.repeats, asked.sessions, asked.seconds = 1, 128, 0.1
        asked.concurrency = (1, 8)
    tell(measure(asked))


if __name__ == "__main__":
    main()
