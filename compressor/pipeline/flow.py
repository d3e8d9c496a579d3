"""Chunks of rows through the processes that plan them, and out again in their order.

A slot goes into two queues: that of whoever plans next, and that of the one who writes, who waits
for each slot in turn. The second is bounded, so that reading stops where writing does not keep up:
no more than its length of chunks is ever in memory.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import anyio
from anyio import CapacityLimiter, to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from compressor.pipeline.fate import Done
from compressor.pipeline.reading import Chunk
from compressor.pipeline.summaries import Summaries

AHEAD = 2
"""Chunks in memory for each process."""


class Planning(Protocol):
    """Whoever plans rows, one chunk at a time; it may block."""

    def ask(self, chunk: Chunk, /) -> list[Done]:
        """Give what the lines of *chunk* have become, in their order."""
        ...


class Slot:
    """A chunk, and what became of its rows once it is ``ready``."""

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self.done: list[Done] = []
        self.ready = anyio.Event()


@asynccontextmanager
async def planned(
    chunks: Iterator[Chunk], workers: Sequence[Planning], summaries: Summaries
) -> AsyncGenerator[MemoryObjectReceiveStream[Slot]]:
    """Plan *chunks* while the block runs; it receives the slots in order and waits for each.

    Args:
        chunks: what is to be planned; read as far ahead as there is room for.
        workers: the processes.
        summaries: what writes the digests where a model does.

    Raises:
        BaseExceptionGroup: what reading and planning raise.
    """
    give, slots = anyio.create_memory_object_stream[Slot](AHEAD * len(workers))
    hand, handed = anyio.create_memory_object_stream[Slot](len(workers))
    limiter = CapacityLimiter(len(workers) + 1)
    with give, hand, handed:  # also where a task is cancelled before it starts
        async with anyio.create_task_group() as tasks, slots:
            tasks.start_soon(_read, chunks, give, hand, limiter)
            for worker in workers:
                tasks.start_soon(_plan, worker, handed, summaries, limiter)
            yield slots
            tasks.cancel_scope.cancel()


async def _read(
    chunks: Iterator[Chunk],
    give: MemoryObjectSendStream[Slot],
    hand: MemoryObjectSendStream[Slot],
    limiter: CapacityLimiter,
) -> None:
    async with give, hand:
        while chunk := await to_thread.run_sync(next, chunks, None, limiter=limiter):
            slot = Slot(chunk)
            await give.send(slot)
            await hand.send(slot)


async def _plan(
    worker: Planning,
    handed: MemoryObjectReceiveStream[Slot],
    summaries: Summaries,
    limiter: CapacityLimiter,
) -> None:
    async with anyio.create_task_group() as asking:
        async for slot in handed:
            slot.done = await to_thread.run_sync(worker.ask, slot.chunk, limiter=limiter)
            if any(done.plan for done in slot.done):
                asking.start_soon(_ask, slot, summaries)
            else:
                slot.ready.set()


async def _ask(slot: Slot, summaries: Summaries) -> None:
    """Let a model write the digests of a chunk, all at once; the summarizer bounds how many."""
    async with anyio.create_task_group() as tasks:
        for place, done in enumerate(slot.done):
            if done.plan:
                tasks.start_soon(_rewrite, slot, place, summaries)
    slot.ready.set()


async def _rewrite(slot: Slot, place: int, summaries: Summaries) -> None:
    line, number = slot.chunk.lines[place], slot.chunk.first + place
    slot.done[place] = await summaries.rewrite(line, f"line {number}", slot.done[place])
