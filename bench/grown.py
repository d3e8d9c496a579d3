"""A run of as many finished sessions as one likes, made of a small one that really ran.

The small one goes over the examples on the simulated model. Its sessions of four replies are
copied under other names, each with its row in the prompts file, its facts in the journal (64
sessions at a time, interleaved, as a run writes them) and its row.
"""

from __future__ import annotations

import atexit
import itertools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO
from zlib import crc32

import msgspec

from hermes_run.prompts import Prompt, Reading
from recorder.framing import check, frame, unframe
from recorder.json_text import decode, encode
from recorder.reader import lines
from recorder.run_directory import JOURNAL, STATISTICS, TRAJECTORIES
from recorder.segment import segments
from recorder.settings import JournalSettings

EXAMPLES = Path(__file__).parents[1] / "examples" / "prompts.jsonl"
REPLIES = 4
AT_ONCE = 64
"""Sessions that are in flight together in the grown journal."""

FEW, FEW_EXAMPLES = 400, 8
"""A run of so few sessions, which nobody measures by, is made of the first examples alone."""


class Small(msgspec.Struct):
    """A session that really ran: its row of the prompts file, its facts and its row."""

    asked: dict[str, Any]
    bodies: list[bytes]
    row: bytes = b""

    @property
    def key(self) -> bytes:
        """The prompt's key."""
        return self.asked["id"].encode()


def command(*arguments: str | Path) -> list[str]:
    """Give the command line with *arguments*, quiet."""
    return [sys.executable, "-m", "hermes_run", *map(str, arguments), "--progress", "none"]


def grow(folder: Path, count: int, in_flight: int) -> Path:
    """Make a run of *count* sessions in *folder*; gives its directory.

    Args:
        folder: where the prompts file and the run are made.
        count: how many sessions.
        in_flight: how many of them, evenly spread, end after their first reply, as by a crash.
    """
    prompts, run = folder / "prompts.jsonl", folder / "grown"
    shutil.copytree(_ran(FEW_EXAMPLES if count < FEW else None), run)
    small, heading = _read(run)
    cut = frozenset(int(number * count / in_flight) for number in range(in_flight))
    with prompts.open("wb") as asked, (run / TRAJECTORIES).open("wb") as rows:
        journal = _Journal(run / JOURNAL, heading)
        numbers = iter(range(count))
        reading = Reading()
        while together := list(itertools.islice(numbers, AT_ONCE)):
            copies: list[list[bytes]] = []
            for number in together:
                one = small[number % len(small)]
                prompt = _ask(one, number, reading, asked)
                copies.append(_facts(one, prompt, is_cut=number in cut))
                if number not in cut:
                    rows.write(_row(one, prompt))
            journal.write(_interleaved(copies))
        journal.close()
    (run / STATISTICS).unlink()  # they are of the small run
    _retell(run / "run.json", prompts, count)
    return run


@cache
def _ran(count: int | None) -> Path:
    """Run the first examples, or all, once; the run is removed when this process ends."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    examples = Path(folder, "examples.jsonl")
    examples.write_bytes(b"".join(EXAMPLES.read_bytes().splitlines(keepends=True)[:count]))
    ordered = command("--model", "simulated", "--out", folder, "--name", "small", examples)
    done = subprocess.run(ordered, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the small run gave {done.returncode}: {done.stderr}")
    return Path(folder, "small")


def _read(run: Path) -> tuple[list[Small], bytes]:
    """Take the small run apart: its sessions of four replies, and how its segment begins."""
    found: dict[str, Small] = {}
    for line in EXAMPLES.read_bytes().splitlines():
        row = decode(line)
        found[f"{row['id']}-0"] = Small(row, [])
    heading = b""
    for path in segments(run / JOURNAL):
        for line in lines(path):
            name = unframe(line.content).session
            if name:
                found[name].bodies.append(check(line.content))
            else:
                heading += line.content + b"\n"
        path.unlink()
    for line in lines(run / TRAJECTORIES):
        found[decode(line.content)["id"]].row = line.content
    return [one for one in found.values() if one.row and _replies(one) == REPLIES], heading


def _replies(one: Small) -> int:
    return sum(body.startswith(b'{"event":"model_replied"') for body in one.bodies)


def _ask(one: Small, number: int, reading: Reading, asked: BinaryIO) -> Prompt:
    line = encode({**one.asked, "id": f"task-{number:06d}"})
    asked.write(line + b"\n")
    prompt = reading.row(number + 1, line)
    assert isinstance(prompt, Prompt)  # noqa: S101  # narrowed: the examples can be used
    return prompt


def _facts(one: Small, prompt: Prompt, *, is_cut: bool) -> list[bytes]:
    """The lines of a copy, to the first reply or to the end."""
    started = msgspec.structs.replace(
        unframe(_framed(one.bodies[0])[:-1]),
        session=f"{prompt.key}-0",
        prompt_key=prompt.key,
        prompt_index=prompt.index,
        row_hash=prompt.row_hash,
    )
    old, new = b'"session":"%b-0"' % one.key, b'"session":"%b-0"' % prompt.key.encode()
    bodies = one.bodies[1:2] if is_cut else one.bodies[1:]
    return [frame(started), *(_framed(body.replace(old, new, 1)) for body in bodies)]


def _framed(body: bytes) -> bytes:
    return body + b',"crc":"%08x"}\n' % crc32(body)


def _row(one: Small, prompt: Prompt) -> bytes:
    _, rest = one.row.split(b',"sample":', 1)
    return b'{"id":"%b-0","prompt_index":%d,"sample":%b\n' % (
        prompt.key.encode(),
        prompt.index,
        rest,
    )


def _interleaved(copies: list[list[bytes]]) -> Iterator[bytes]:
    for facts in itertools.zip_longest(*copies):
        yield from filter(None, facts)


class _Journal:
    """Writes lines into segments of the usual size."""

    def __init__(self, folder: Path, heading: bytes) -> None:
        self._folder = folder
        self._heading = heading
        self._size = self._number = 0
        self._file: BinaryIO | None = None

    def write(self, made: Iterator[bytes]) -> None:
        piece = b"".join(made)
        if self._file is None or self._size + len(piece) > JournalSettings().segment_bytes:
            self.close()
            self._file = (self._folder / f"{self._number:05d}-bench.jsonl").open("wb")
            self._size, self._number = self._file.write(self._heading), self._number + 1
        self._size += self._file.write(piece)

    def close(self) -> None:
        if self._file:
            self._file.close()


def _retell(path: Path, prompts: Path, count: int) -> None:
    """Say in ``run.json`` where the rows are."""
    document = decode(path.read_bytes())
    path.write_bytes(encode({**document, "prompts": {"path": str(prompts), "rows": count}}))
