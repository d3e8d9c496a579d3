"""How fast sessions become text, and what memory an export takes.

Speeds are megabytes of rendered text a second of CPU on one core, in interleaved repeats.

- *formats*: rendering alone and encoding the row, for every format of rows and documents, over the
  sessions of a run of the simulated model and over real trajectories where that folder is there.
  ``hermes`` is to reach 20.
- *export*: ``hermes-run export`` as a whole, in a process of its own, over a large journal and one
  of a tenth: finding the sessions, reading and folding their facts, masking secrets, rendering,
  reading back, writing. Memory is the peak of the process: ten times the sessions may take 1.25
  times as much.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from bench.answer import Answer, Figure, arguments, at_least, at_most, parsed, ratios, tell
from bench.grown import grow
from recorder.errors import FormatError
from recorder.export.source import open_source
from recorder.formats import NAMES, Format, load
from recorder.json_text import encode
from recorder.run_directory import JOURNAL
from recorder.segment import segments
from recorder.session import Session

_ROWS = Path(__file__).resolve().parents[2] / "shared" / "data" / "trajectories"
_SAMPLE, _QUICK_SAMPLE = 500, 30
"""Sessions of a grown run that are rendered, and that tell how large a session is."""

MEGABYTES, QUICK_MEGABYTES = 200, 2
"""The size of the larger journal."""

FASTEST, GROWTH = 20.0, 1.25

UNITS = {"speed": "MB/CPU s", "wall": "s", "cpu": "s", "peak": "MB"}

Figures = dict[str, float]
Speeds = dict[str, list[float]]


def recorded(count: int) -> list[Session]:
    """Give so many sessions of a run of the simulated model."""
    with tempfile.TemporaryDirectory() as folder:
        found = list(open_source(grow(Path(folder), count, in_flight=0)).sessions())
    return [session for session in found if isinstance(session, Session)]


def real(folder: Path) -> Iterator[Session]:
    """Give the trajectories in *folder* as sessions; none where there is no such folder."""
    messages = load("messages")
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rb") as file:
            yield from (messages.parse(json.loads(line)) for line in file)


def formats(sessions: Sequence[Session], repeats: int) -> tuple[Speeds, dict[str, int]]:
    """Render *sessions* in every format, by turns.

    Gives megabytes a CPU second of each, and how many sessions have no such form, if any.
    """
    writable = [shape for shape in map(load, NAMES) if shape.writes]
    speeds: Speeds = {shape.name: [] for shape in writable}
    refused: dict[str, int] = {}
    for _ in range(repeats):
        for shape in writable:
            speed, refused[shape.name] = rendered(shape, sessions)
            speeds[shape.name].append(speed)
    return speeds, {name: count for name, count in refused.items() if count}


def rendered(shape: Format, sessions: Iterable[Session]) -> tuple[float, int]:
    """Render *sessions*; gives megabytes a CPU second, and how many have no such form."""
    size = refused = 0
    begun = time.process_time()
    for session in sessions:
        try:
            size += len(encode(shape.render(session)))
        except FormatError:
            refused += 1
    return size / 1e6 / (time.process_time() - begun), refused


def export(run: Path, out: Path) -> Figures:
    """Export *run* through the real command; gives what that took."""
    begun = time.perf_counter()
    ordered = [sys.executable, "-m", "hermes_run", "export", str(run), "--to", "hermes"]
    ordered += ["--out", str(out), "--outcome", "all"]
    with subprocess.Popen(ordered, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"hermes-run export gave {child.returncode}")
    written = sum(path.stat().st_size for path in (out / "data").iterdir())
    cpu = used.ru_utime + used.ru_stime
    return {
        "speed": written / 1e6 / cpu,
        "wall": time.perf_counter() - begun,
        "cpu": cpu,
        "peak": used.ru_maxrss / 1024,
    }


def exports(megabytes: int, repeats: int, sample: int) -> dict[int, list[Figures]]:
    """Export a journal of so many megabytes, and one of a tenth, by turns."""
    a_megabyte = density(sample)
    found: dict[int, list[Figures]] = {megabytes // 10 or 1: [], megabytes: []}
    with tempfile.TemporaryDirectory() as folder:
        runs: dict[int, Path] = {}
        for size in found:
            place = Path(folder, str(size))
            place.mkdir()
            runs[size] = grow(place, max(1, round(size * a_megabyte)), in_flight=0)
        for _ in range(repeats):
            for size, run in runs.items():
                found[size].append(export(run, run.with_name("out")))
                shutil.rmtree(run.with_name("out"))
    return found


def density(sample: int) -> float:
    """How many sessions make a megabyte of a journal."""
    with tempfile.TemporaryDirectory() as folder:
        run = grow(Path(folder), sample, in_flight=0)
        return sample * 1e6 / sum(path.stat().st_size for path in segments(run / JOURNAL))


def of_formats(kind: str, speeds: Speeds) -> list[Figure]:
    """Lay speeds beside what ``hermes`` is to reach."""
    return [
        at_least(f"hermes, {kind}", UNITS["speed"], values, FASTEST)
        if name == "hermes"
        else at_most(f"{name}, {kind}", UNITS["speed"], values)
        for name, values in speeds.items()
    ]


def of_exports(found: Mapping[int, Sequence[Figures]]) -> list[Figure]:
    """Lay what exports took beside what they may take more for ten times the sessions."""
    few, many = ([one["peak"] for one in repeats] for repeats in found.values())
    small, large = found
    name = f"memory, export of {large} MB / {small} MB"
    return [
        at_most(name, "", ratios(many, few), GROWTH),
        *(
            at_most(f"{each}, export of {size} MB", unit, [one[each] for one in repeats])
            for size, repeats in found.items()
            for each, unit in UNITS.items()
        ),
    ]


def answer(asked: argparse.Namespace) -> Answer:
    """Measure all; exports first, as a child begins with the peak that its parent had."""
    sample = _QUICK_SAMPLE if asked.quick else _SAMPLE
    exported = of_exports(exports(asked.megabytes, asked.repeats, sample))
    found: list[Figure] = []
    refused: dict[str, dict[str, int]] = {}
    shown = list(real(asked.rows))[: sample if asked.quick else None]
    for kind, sessions in (("simulated", recorded(sample)), ("real", shown)):
        if sessions:
            speeds, refused[kind] = formats(sessions, asked.repeats)
            found += of_formats(kind, speeds)
    return Answer(
        "render",
        asked.repeats,
        {"megabytes": asked.megabytes, "simulated": sample, "real": len(shown)},
        (*found, *exported),
        checks={"refused": refused},
    )


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__, repeats=5)
    parser.add_argument("--rows", type=Path, default=_ROWS, help="a folder of *.jsonl.gz")
    parser.add_argument("--megabytes", type=int, help="size of the larger journal")
    asked = parsed(parser)
    asked.megabytes = asked.megabytes or (QUICK_MEGABYTES if asked.quick else MEGABYTES)
    tell(answer(asked))


if __name__ == "__main__":
    main()
