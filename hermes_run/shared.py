"""What all sessions of a run share beside its record: opened before the first, closed after all."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from hermes_run.beside import keep_limits
from hermes_run.budget import Budget
from hermes_run.config import Settings
from hermes_run.errors import UsageError
from hermes_run.models.source import Source
from hermes_run.plan import Plan
from hermes_run.prices import read_prices
from hermes_run.runlog import open_log
from hermes_run.sandboxes.choosing import allowance_of
from hermes_run.sandboxes.wall import Wall
from hermes_run.sandboxes.watch import open_watch
from recorder.json_text import decode
from recorder.messages import Message
from recorder.record import Record


@asynccontextmanager
async def open_plan(
    record: Record,
    settings: Settings,
    source: Source,
    wall: Wall,
    prefill: tuple[Message, ...],
    folder: Path,
) -> AsyncGenerator[Plan]:
    """Open what all sessions of a run share beside its record.

    Args:
        record: the run's.
        settings: how it is run.
        source: the model.
        wall: what the sessions' tools run behind.
        prefill: what :func:`read_prefill` gives.
        folder: where relative paths in the rows begin from.

    Raises:
        UsageError: the file of prices can't be used.
    """
    prices = read_prices(settings.prices)
    async with open_watch(allowance_of(settings), record.directory) as watch:
        with open_log(record.directory) as log:
            plan = Plan(
                settings=settings,
                model=source.model,
                model_name=source.name,
                provider=source.provider,
                record=record,
                wall=wall,
                watch=watch,
                brake=source.brake,
                log=log,
                prices=prices,
                prefill=prefill,
                folder=folder,
            )
            _connect(plan, source)
            yield plan


def _connect(plan: Plan, source: Source) -> None:
    """Note what the source warned of, and let the record's facts reach who decides by them."""
    for warning in source.warnings:
        plan.log.warning(warning)
    keep_limits(plan.record, source.door.gate if source.door else None)
    if plan.settings.max_cost_usd is not None:
        budget = Budget(plan, plan.settings.max_cost_usd)
        budget.look()
        plan.record.send_also_to(budget)


def read_prefill(path: Path | None) -> tuple[Message, ...]:
    """Read the messages that stand before the conversation whenever the model is asked.

    Raises:
        UsageError: the file is no JSON list of messages with ``role`` and ``content``.
    """
    if path is None:
        return ()
    try:
        return tuple(msgspec.convert(decode(path.read_bytes()), list[Message]))
    except (OSError, ValueError) as error:
        wanted = '[{"role": "user", "content": "..."}]'
        raise UsageError(f"--prefill {path} must hold a list like {wanted}: {error}") from error
