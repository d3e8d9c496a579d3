"""One row: read, planned, written, and judged by what was written. Pure.

Nothing a row holds is raised: it fails, and stays as it is.
"""

from __future__ import annotations

from collections import Counter as Tally

import msgspec

from compressor import rows
from compressor.boundaries import head_of, tails_of
from compressor.errors import RowError
from compressor.pipeline.numbers import decode, encode
from compressor.pipeline.provenance import KEY, is_settled, provenance
from compressor.plan import Budget, Counter, Plan, Strategy
from compressor.report.outcome import Digest, RowOutcome
from compressor.trajectory import Trajectory, Turn, as_written
from recorder.messages import Json
from recorder.shapes import object_of, text_in

PROTECTED = "the turns that stay alone are over the budget"
NOTHING_MORE = "nothing more may be taken"
LONGER = "it would have become longer"
NO_JSON = "not JSON"
NO_TRAJECTORY = "no trajectory"
BROKE = "its planning broke"

_DETAIL = 300


class Planner(msgspec.Struct, frozen=True):
    """What rows are planned with; ``asks`` says that a model writes the digests afterwards."""

    name: str
    strategy: Strategy
    budget: Budget
    counter: Counter
    asks: bool = False


class Done(msgspec.Struct, frozen=True):
    """A line as it is to be written, and what became of its row; blank lines have no row.

    ``detail`` says more about a row that failed. ``plan`` is there where a model is to be asked
    for its digests.
    """

    line: bytes
    outcome: RowOutcome | None = None
    detail: str = ""
    plan: Plan | None = None


class Given(msgspec.Struct, frozen=True):
    """A row as it came: its line with and without its end, what it says, and its tokens."""

    line: bytes
    body: bytes
    name: str
    row: dict[str, Json]
    form: rows.RowFormat
    trajectory: Trajectory
    before: int


def compress(line: bytes, number: int, planner: Planner) -> Done:
    """Compress the row on *line*, which is the *number*-th; a row that fits stays as it came."""
    if not line.strip():
        return Done(line)
    name = f"line {number}"
    try:
        given = read(line, name, planner)
        if isinstance(given, Done):
            return given
        return _compressed(given, planner)
    except RowError as error:
        return failed(line, name, planner, NO_TRAJECTORY, str(error))
    except Exception as error:  # noqa: BLE001  # a row that breaks a strategy is a failed row
        return failed(line, name, planner, BROKE, f"{type(error).__name__}: {error}")


def read(line: bytes, name: str, planner: Planner) -> Given | Done:
    """Read the row on *line*, which is called *name* where it has no id of its own.

    Raises:
        RowError: it is no trajectory.
    """
    body = line.rstrip(b"\r\n")
    try:
        row = decode(body)
    except ValueError as error:
        return failed(line, name, planner, NO_JSON, str(error))
    form = rows.reader_of(row)
    fields = object_of(row)
    trajectory = form.read(fields)
    if not trajectory.turns:
        raise RowError("the row has no turns")
    before = measure(trajectory.turns, planner)
    return Given(line, body, text_in(fields.get("id")) or name, fields, form, trajectory, before)


def measure(turns: tuple[Turn, ...], planner: Planner) -> int:
    """Count the tokens of *turns*, each with what it costs beside its texts."""
    count = planner.counter.count
    texts = sum(count(as_written(piece)) for turn in turns for piece in turn.pieces)
    return texts + planner.budget.turn_tokens * len(turns)


def finish(given: Given, plan: Plan, planner: Planner, digest: Digest) -> Done:
    """Apply *plan* and judge what came out of it.

    Raises:
        RowError: the plan is not for this row.
        ValueError: the row can't be written.
    """
    row, turns = given.row, given.trajectory.turns
    if plan.edits or plan.cuts:
        row = given.form.apply(given.row, plan)
        written = decode(encode(row))
        turns = rows.reader_of(written).read(object_of(written)).turns
    after = measure(turns, planner)
    if after > given.before:
        return failed(given.line, given.name, planner, LONGER, f"{given.before} to {after} tokens")
    fits = after <= planner.budget.tokens
    outcome = RowOutcome(
        row=_writable(given.name),
        status="compressed" if fits else "over_budget",
        before=given.before,
        after=after,
        budget=planner.budget.tokens,
        strategy=planner.name,
        counter=planner.counter.name,
        exact=planner.counter.exact,
        reason="" if fits else _reason(Trajectory(turns), planner),
        edits=dict(Tally(edit.kind for edit in plan.edits)),
        cuts=len(plan.cuts),
        assistant_before=_assistant_turns(given.trajectory.turns),
        assistant_after=_assistant_turns(turns),
        digest=digest,
        looked_ahead=plan.looked_ahead,
    )
    said = provenance(given.body, plan, outcome, planner.budget)
    if KEY in given.row:
        said["earlier"] = given.row[KEY]
    marked = {**row, KEY: said}
    return Done(encode(marked) + given.line[len(given.body) :], outcome)


def failed(line: bytes, name: str, planner: Planner, reason: str, detail: str) -> Done:
    """Keep *line* as it is: its row could not be compressed."""
    outcome = RowOutcome(
        row=_writable(name),
        status="failed",
        before=0,
        after=0,
        budget=planner.budget.tokens,
        strategy=planner.name,
        counter=planner.counter.name,
        exact=planner.counter.exact,
        reason=reason,
    )
    return Done(line, outcome, _writable(detail[:_DETAIL]))


def has_digest(plan: Plan) -> bool:
    """Whether a model can be asked for something in *plan*."""
    return any(cut.kind != "window" for cut in plan.cuts)


def _compressed(given: Given, planner: Planner) -> Done:
    settled = is_settled(given.row.get(KEY), planner.name, planner.counter, planner.budget)
    if given.before <= planner.budget.tokens or settled:
        return _kept(given, planner)
    plan = planner.strategy(given.trajectory, planner.budget, planner.counter)
    done = finish(given, plan, planner, "local" if has_digest(plan) else "none")
    if planner.asks and has_digest(plan):
        return msgspec.structs.replace(done, plan=plan)
    return done


def _kept(given: Given, planner: Planner) -> Done:
    """Keep a row that fits, or that this very compression could not get into the budget."""
    fits = given.before <= planner.budget.tokens
    turns = _assistant_turns(given.trajectory.turns)
    outcome = RowOutcome(
        row=_writable(given.name),
        status="unchanged" if fits else "over_budget",
        before=given.before,
        after=given.before,
        budget=planner.budget.tokens,
        strategy=planner.name,
        counter=planner.counter.name,
        exact=planner.counter.exact,
        reason="" if fits else _reason(given.trajectory, planner),
        assistant_before=turns,
        assistant_after=turns,
    )
    return Done(given.line, outcome)


def _reason(trajectory: Trajectory, planner: Planner) -> str:
    """Say why a row is over its budget: what no strategy may take has no room, or it took all."""
    tail = tails_of(trajectory, planner.budget.last_turns)[-1]
    stays = (*trajectory.turns[: head_of(trajectory)], *trajectory.turns[tail:])
    return PROTECTED if measure(stays, planner) > planner.budget.tokens else NOTHING_MORE


def _assistant_turns(turns: tuple[Turn, ...]) -> int:
    return sum(turn.role == "assistant" for turn in turns)


def _writable(text: str) -> str:
    """Take out what UTF-8 has no form for."""
    return text.encode("utf-8", "replace").decode()
