"""Run sessions from Python: the same engine as the command, with one's own tools."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import ObjectSendStream

from hermes_run.config import Settings, check
from hermes_run.errors import UsageError, ungrouped
from hermes_run.models.opening import open_source
from hermes_run.models.protocol import Model
from hermes_run.models.source import Source
from hermes_run.prompts import Prompt, Reading, Reject
from hermes_run.run import Run, open_run
from hermes_run.tools.opening import open_stock
from hermes_run.tools.own import load_tools
from hermes_run.tools.tool import Tool
from recorder.json_text import encode
from recorder.messages import Json
from recorder.session import Session

_LISTS = {"base_url", "toolsets"}
_PATHS = {"mcp", "out", "prefill", "prices", "toolsets_file"}


async def run_many(
    prompts: Iterable[str | dict[str, Json]],
    *,
    model: str | Model,
    record: str | Path,
    tools: Iterable[Tool | str] = (),
    **options: Any,  # noqa: ANN401  # checked against Settings
) -> AsyncGenerator[Session]:
    """Run a session for every prompt and give each as it ends, in the order they end.

    Leave the loop early only inside ``contextlib.aclosing``; sessions in flight are then recorded
    as interrupted.

    Args:
        prompts: texts, or rows as a prompts file has them; drawn as workers become free.
        model: the name of a model, or one of your own (``Scripted`` in tests).
        record: the run directory; it must not hold a run yet.
        tools: tools of your own, or where they are as ``module:name``, beside those of ``toolsets``
            (none unless named) or of a ``distribution``.
        options: any other field of :class:`~hermes_run.config.Settings` but ``workers``; paths may
            be text, ``base_url`` one address, ``toolsets`` one name.

    Raises:
        UsageError: an option, a prompt's tools or the settings can't be used.
        EndpointError: nobody answers at the endpoint.
        RunDirectoryError: *record* can't be used.
        JournalError: the record can't be written.
    """
    own = tuple(tools)
    named = tuple(each for each in own if isinstance(each, str))
    settings = _settings(model, {**options, "tools": named})
    made = [tool for each in own for tool in _loaded(each)]
    async with AsyncExitStack() as stack:
        stack.enter_context(ungrouped())
        stock = await stack.enter_async_context(open_stock(settings, made))
        source = await stack.enter_async_context(_source(model, settings))
        rows = _rows(prompts, settings)
        run = await stack.enter_async_context(
            open_run(Path(record), rows, settings, source, stock.shelf)
        )
        send, receive = anyio.create_memory_object_stream[Session]()
        engine = await stack.enter_async_context(anyio.create_task_group())
        engine.start_soon(_finish, run, send)
        await stack.enter_async_context(receive)
        async for session in receive:
            try:
                yield session
            except GeneratorExit:  # the loop was left: record what is in flight, then go
                engine.cancel_scope.cancel()
                return


async def _finish(run: Run, finished: ObjectSendStream[Session]) -> None:
    async with finished:
        await run.finish(finished)


def _settings(model: str | Model, options: dict[str, Any]) -> Settings:
    name = model if isinstance(model, str) else type(model).__name__.lower()
    chosen: dict[str, Any] = {"toolsets": (), **options, "model": name}
    try:
        for one in _LISTS & chosen.keys():
            chosen[one] = _several(chosen[one])
        for one in _PATHS & chosen.keys():
            chosen[one] = None if chosen[one] is None else Path(chosen[one])
        settings = Settings(**chosen)
    except TypeError as error:
        raise UsageError(f"{error}: options are the fields of hermes_run.Settings") from error
    check(settings)
    if settings.workers > 1:
        raise UsageError(
            "run_many runs in the process that calls it: leave workers out, or use the command"
        )
    return settings


def _loaded(tool: Tool | str) -> tuple[Tool, ...]:
    return load_tools((tool,)) if isinstance(tool, str) else (tool,)


def _several(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


@asynccontextmanager
async def _source(model: str | Model, settings: Settings) -> AsyncGenerator[Source]:
    if not isinstance(model, str):
        yield Source(model, settings.model or "", "python")
        return
    async with open_source(settings) as source:
        yield source


async def _rows(
    prompts: Iterable[str | dict[str, Json]], settings: Settings
) -> AsyncIterator[Prompt | Reject]:
    """Read rows as a file would be read, so that both have the same keys and the same rejects."""
    reading = Reading(settings.system)
    for number, prompt in enumerate(prompts, start=1):
        row = {"prompt": prompt} if isinstance(prompt, str) else prompt
        yield reading.row(number, encode(row))
