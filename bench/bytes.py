"""How many bytes and write calls a record takes, against the conversation it holds.

``python -m bench.bytes`` asks two things. *A run*: sessions of four turns with replies, calls and
results of a usual size (2.0 KB a turn, the mean of the real ones below), from a model in this
process that takes as long as one behind HTTP, through the real engine; bytes of the journal, of the
rows and of all files, and write calls a turn, those of the whole process as the system counts them.
*Real trajectories*, where the files with them are there (``--rows``): the journal of each when an
agent records it with usage and times.

The conversation's bytes are those of what was said: texts, reasoning, arguments of calls and
results; the system text once a session and the tools once a run. Rows are made from the journal,
and are that much again.
"""

from __future__ import annotations

import itertools
import random
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, takewhile
from pathlib import Path

import anyio

from bench.answer import Answer, Figure, arguments, at_most, tell
from bench.render import real
from bench.server import TOOL
from bench.sessions import LOOKUP, RESULT, TURNS, Prompts, driving, settings_for
from hermes_run.models.protocol import Reply, Request
from hermes_run.models.source import Source
from hermes_run.run import open_run
from hermes_run.tools.opening import open_stock
from recorder.events import timestamp
from recorder.json_text import encode
from recorder.messages import Json, Message, Times, ToolCall, Usage
from recorder.opening import open_record
from recorder.reader import fold_journal
from recorder.recording import Recording
from recorder.run_directory import JOURNAL, TRAJECTORIES
from recorder.session import Session
from recorder.steps import Step

BUDGET = 1.5
CONCURRENCY, SESSIONS = 64, 256
TURN_S = 0.36
"""As long as a turn from the load server takes with so many sessions."""

TEXT = "The third step failed because a header was not found; look at how it is included. "
REASONING = "The log says that the build stopped at parser.py, so the search path must be wrong. "
ARGUMENTS = (
    '{"text": "grep -rn \\"include\\" --include=*.py src tests | head -40 && cat setup.cfg"}'
)
_ROWS = Path(__file__).resolve().parents[2] / "shared" / "data" / "trajectories"
_IO = Path("/proc/self/io")
_NUMBERS = itertools.count(1)

Counts = dict[str, float]
Given = dict[str, list[Session]]
"""Real trajectories by where they are from."""


class Steady:
    """A model in this process: a call in each turn but the last, each after a usual time."""

    async def reply(self, request: Request) -> Reply:
        """Give the next reply of the session."""
        started = timestamp(time.time())
        await anyio.sleep(TURN_S * random.uniform(0.5, 1.5))
        done = sum(message.startswith(b'{"role":"assistant"') for message in request.messages)
        number, is_last = next(_NUMBERS), done + 1 == TURNS
        call = ToolCall(f"call_{number:012x}", TOOL, ARGUMENTS)
        return Reply(
            text=TEXT * (8 if is_last else 4),
            reasoning=REASONING * 5,
            calls=() if is_last else (call,),
            finish_reason="stop" if is_last else "tool_calls",
            model="bench",
            response_id=f"chatcmpl-{number:016x}",
            usage=Usage(input=900 * (done + 1), output=140),
            times=Times(started, timestamp(time.time()), timestamp(time.time())),
        )


def said(session: Session) -> int:
    """Count the bytes of what was said in *session*."""
    return sum(map(_said, session.turns))


def _said(turn: Message | Step) -> int:
    if isinstance(turn, Message):
        return _size(turn.content) + _size(turn.reasoning) + _calls(turn.calls)
    reply, results = turn.reply, turn.results
    spoken = _size(reply.text) + _size(reply.reasoning) + _size(reply.refusal)
    return spoken + _calls(reply.calls) + sum(_size(result.output) for result in results)


def _calls(calls: Iterable[ToolCall]) -> int:
    return sum(_size(call.arguments) for call in calls)


def _size(value: Json) -> int:
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass"))
    return 0 if value is None else len(encode(value))


def _writes() -> int | None:
    """Give how often this process has written to files so far, where the system counts it."""
    if not _IO.exists():
        return None
    fields = dict(line.split(": ") for line in _IO.read_text().splitlines())
    return int(fields["syscw"])


async def run(sessions: int, concurrency: int) -> Counts:
    """Run so many *sessions*; gives what they said, what was written for it, and how often."""
    settings, prompts = settings_for("http://127.0.0.1", concurrency), Prompts()
    source = Source(Steady(), "bench", "python")
    with tempfile.TemporaryDirectory() as made:
        folder, before = Path(made) / "run", _writes()
        async with (
            open_stock(settings, [LOOKUP]) as stock,
            open_run(folder, prompts.rows(), settings, source, stock.shelf) as opened,
            driving(opened, prompts, source) as client,
        ):
            await client.run(sessions)
            commits = opened.record.journal.statistics().commits
        after = _writes()
        journal = sum(path.stat().st_size for path in (folder / JOURNAL).iterdir())
        every = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        held = fold_journal(folder / JOURNAL).sessions
        tools = len(encode(next(iter(held.values())).tools))
        return {
            "said": sum(map(said, held.values())) + tools,
            "journal": journal,
            "rows": (folder / TRAJECTORIES).stat().st_size,
            "every": every,
            "commits": commits,
            "writes": -1 if before is None or after is None else after - before,
        }


async def again(sessions: Iterable[Session]) -> Counts:
    """Record *sessions* as an agent does that notes usage, times and how its calls went."""
    spoken = tools = 0
    with tempfile.TemporaryDirectory() as made:
        async with open_record(made) as record:
            known: set[bytes] = set()
            for session in sessions:
                spoken += said(session)
                known.add(encode(session.tools))
                first = [*takewhile(lambda turn: isinstance(turn, Message), session.turns)]
                recording = await record.start(
                    [turn for turn in first if isinstance(turn, Message)],
                    session.tools,
                    model="bench",
                    provider="127.0.0.1:8000",
                )
                for turn in session.turns[len(first) :]:
                    await _take(turn, recording)
                await recording.end()
            tools = sum(map(len, known))
        journal = sum(path.stat().st_size for path in (Path(made) / JOURNAL).iterdir())
    return {"said": spoken + tools, "journal": journal}


async def _take(turn: Message | Step, recording: Recording) -> None:
    """Record one turn as it was."""
    now = timestamp(time.time())
    if isinstance(turn, Message):
        await recording.user_spoke(turn.content)
        return
    reply = turn.reply
    await recording.model_replied(
        text=reply.text,
        reasoning=reply.reasoning,
        calls=reply.calls,
        finish_reason="tool_calls" if reply.calls else "stop",
        model="bench",
        response_id=f"chatcmpl-{next(_NUMBERS):016x}",
        usage=Usage(input=4096, output=140),
        times=Times(now, now, now),
    )
    for call in reply.calls:
        await recording.tool_started(call.id, effect="read")
    for result in turn.results:
        await recording.tool_returned(
            result.call_id or "",
            result.output,
            status="ok",
            bytes=_size(result.output),
            times=Times(now, None, now),
        )


def figures_of(runs: Sequence[Counts], turns: int, real_ones: Counts | None) -> Iterator[Figure]:
    """Give bytes against what was said, and write calls a turn."""
    for name, key, budget in (
        ("journal", "journal", BUDGET),
        ("rows, made from it,", "rows", None),
        ("all files", "every", None),
    ):
        parts = [one[key] / one["said"] for one in runs]
        yield at_most(f"{name} to the conversation's bytes", "", parts, budget)
    yield at_most("conversation a turn", "bytes", [one["said"] / turns for one in runs])
    yield at_most("journal a turn", "bytes", [one["journal"] / turns for one in runs])
    if _IO.exists():
        yield at_most("write calls a turn", "", [one["writes"] / turns for one in runs])
    yield at_most("of them the journal's", "", [one["commits"] / turns for one in runs])
    if real_ones:
        part = real_ones["journal"] / real_ones["said"]
        yield at_most("journal to the bytes of real trajectories", "", [part], BUDGET)


async def measure(repeats: int, concurrency: int, sessions: int, found: Given) -> Answer:
    """Run again and again, and record the real trajectories once: their bytes do not vary."""
    runs = [await run(sessions, concurrency) for _ in range(repeats)]
    counts = {source: await again(given) for source, given in found.items()}
    real_ones = {key: sum(one[key] for one in counts.values()) for key in ("said", "journal")}
    turns = sessions * TURNS
    return Answer(
        bench="bytes",
        repeats=repeats,
        inputs={
            "concurrency": concurrency,
            "sessions": sessions,
            "turns": TURNS,
            "result_bytes": len(RESULT),
            "turn_s": TURN_S,
        },
        figures=tuple(figures_of(runs, turns, real_ones if found else None)),
        checks={
            "trajectories": sum(map(len, found.values())),
            "journal_to_real": {
                source: round(one["journal"] / one["said"], 3) for source, one in counts.items()
            },
        },
    )


def by_source(sessions: Iterable[Session]) -> Given:
    """Sort real trajectories by where they are from."""
    found: Given = {}
    for session in sessions:
        metadata = session.started.metadata if session.started else {}
        found.setdefault(str(metadata.get("source")), []).append(session)
    return found


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__, repeats=5)
    parser.add_argument("--rows", type=Path, default=_ROWS, help="folder of real trajectories")
    options = parser.parse_args()
    repeats, concurrency, sessions = options.repeats, CONCURRENCY, SESSIONS
    if options.quick:
        repeats, concurrency, sessions = min(2, repeats), 8, 8
    found = by_source(islice(real(options.rows), 10 if options.quick else None))
    tell(anyio.run(measure, repeats, concurrency, sessions, found))


if __name__ == "__main__":
    main()
