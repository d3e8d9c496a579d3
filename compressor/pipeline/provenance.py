"""What a row says about how it was compressed, under the key ``compression``. Pure."""

from __future__ import annotations

import hashlib

from compressor.plan import Budget, Counter, Plan
from compressor.report.outcome import RowOutcome
from recorder.messages import Json
from recorder.shapes import object_of

KEY = "compression"
"""The key of a row under which it stands."""


def provenance(source: bytes, plan: Plan, outcome: RowOutcome, budget: Budget) -> dict[str, Json]:
    """Say what was done to a row.

    Args:
        source: the line it came on, without its end; its SHA-256 finds it again.
        plan: what was changed.
        outcome: what came of it.
        budget: what it had to fit into.
    """
    return {
        "status": outcome.status,
        "strategy": outcome.strategy,
        "counter": outcome.counter,
        "exact": outcome.exact,
        "budget": budget.tokens,
        "turn_tokens": budget.turn_tokens,
        "last_turns": budget.last_turns,
        "before": outcome.before,
        "after": outcome.after,
        "reason": outcome.reason,
        "digest": outcome.digest,
        "looked_ahead": outcome.looked_ahead,
        "edits": [*_edits(plan), *_cuts(plan)],
        "source": hashlib.sha256(source).hexdigest(),
    }


def is_settled(said: Json, strategy: str, counter: Counter, budget: Budget) -> bool:
    """Whether *said* tells that this compression was tried already, and could do no more."""
    found = object_of(said)
    now: dict[str, Json] = {
        "status": "over_budget",
        "strategy": strategy,
        "counter": counter.name,
        "budget": budget.tokens,
        "turn_tokens": budget.turn_tokens,
        "last_turns": budget.last_turns,
    }
    return {name: found.get(name) for name in now} == now


def _edits(plan: Plan) -> list[Json]:
    return [
        {
            "kind": edit.kind,
            "turn": edit.turn,
            "last": edit.turn,
            "piece": edit.piece,
            "before": edit.before,
            "after": edit.after,
            "original": edit.original,
        }
        for edit in plan.edits
    ]


def _cuts(plan: Plan) -> list[Json]:
    return [
        {
            "kind": cut.kind,
            "turn": cut.first,
            "last": cut.last,
            "piece": None,
            "before": cut.before,
            "after": cut.after,
            "original": cut.original,
        }
        for cut in plan.cuts
    ]
