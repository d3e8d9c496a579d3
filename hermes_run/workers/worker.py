"""A worker: it runs the sessions that the head of the run hands out, until there are no more."""

from __future__ import annotations

import os
import signal
import socket
import traceback
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
from anyio.abc import UNIXSocketStream

from hermes_run.collecting import collecting_seldom
from hermes_run.complaints import kept_from_the_screen
from hermes_run.errors import HermesRunError, leaves, ungrouped
from hermes_run.fitting import Fitting
from hermes_run.models.opening import open_ways, provider_of
from hermes_run.models.source import Source
from hermes_run.models.throttled import Throttled
from hermes_run.plan import Plan
from hermes_run.sandboxes.choosing import open_wall
from hermes_run.scheduler import schedule
from hermes_run.shared import open_plan, read_prefill
from hermes_run.tools.opening import open_stock
from hermes_run.tools.own import load_tools
from hermes_run.workers.afar import DistantDoor, DistantDraw, DistantRows, Shipping
from hermes_run.workers.channel import open_channel
from hermes_run.workers.link import Link, open_link
from hermes_run.workers.messages import Begin, Broke, Done
from recorder.beside import beside
from recorder.errors import JournalError, RecorderError
from recorder.journal import JournalSettings
from recorder.opening import join_record
from recorder.standing import Standings
from recorder.statistics import StatisticsFold


def main(end: int, *others: int) -> None:
    """Work over the socket *end*, which the head of a run has the other end of.

    Args:
        end: the descriptor of the socket.
        others: what else was inherited to be held, and no more than held. What a tool starts
            must have none of them: while it lives, it would pass for a worker.
    """
    for descriptor in (end, *others):
        os.set_inheritable(descriptor, False)  # noqa: FBT003  # it has no name
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # who sends one here means to kill this process
    anyio.run(_work, socket.socket(fileno=end))


async def _work(end: socket.socket) -> None:
    stream = await UNIXSocketStream.from_socket(end)
    async with open_channel(stream) as channel, open_link(channel) as (link, begin):
        try:
            with ungrouped():
                notices = await _run_all(link, begin)
        except Exception as error:  # noqa: BLE001  # the head says it, and decides what follows
            link.tell(_broke(error))
        else:
            link.tell(Done(tuple(notices)))


def _broke(error: Exception) -> Broke:
    cause = leaves(error)[0]
    if isinstance(cause, JournalError):
        return Broke(str(cause), record=True, errno=getattr(cause.__cause__, "errno", None))
    if isinstance(cause, HermesRunError | RecorderError):
        return Broke(str(cause))
    trace = "".join(traceback.format_exception(error))
    return Broke(f"{type(cause).__name__}: {cause}", trace=trace)


async def _run_all(link: Link, begin: Begin) -> list[str]:
    """Run what the head hands out; gives what the servers of tools came to."""
    settings, folder = begin.settings, begin.folder
    async with AsyncExitStack() as stack:
        complaints = stack.enter_context(kept_from_the_screen())
        tools = load_tools(settings.tools, folder)
        stock = await stack.enter_async_context(open_stock(settings, tools, folder))
        known = Standings(begin.run, {}, StatisticsFold())
        rows = DistantRows(begin.directory, link)
        plan = await stack.enter_async_context(_open(link, begin, rows, known))
        stack.enter_context(complaints.written_to(plan.log))
        rows.shipping = shipping = Shipping(plan.record.journal, link)
        plan.record.statistics = shipping  # the head counts, and has to hear of every fact
        shipping.send()  # from here on it has begun
        draw = DistantDraw(link, Fitting(settings, stock.shelf), known)
        stack.enter_context(collecting_seldom())
        async with beside(shipping.keep_sending):
            await _run(link, draw, plan, shipping)
        return stock.notices()


async def _run(link: Link, draw: DistantDraw, plan: Plan, shipping: Shipping) -> None:
    """Run sessions until there are no more, or they are given up; the head hears of all of it."""
    try:
        with link.everything:
            await schedule(draw, plan)
    finally:
        shipping.sending.cancel()
        shipping.send()


@asynccontextmanager
async def _open(
    link: Link, begin: Begin, rows: DistantRows, known: Standings
) -> AsyncGenerator[Plan]:
    """Open what the sessions of this worker share."""
    settings = begin.settings
    journal = JournalSettings(sync=settings.sync)
    async with (
        open_wall(settings) as wall,
        open_ways(settings) as ways,
        join_record(rows, begin.run, known, journal) as record,
    ):
        door = DistantDoor(link, [way.notices for way in ways])
        model = Throttled(ways, door)
        source = Source(model, settings.model or "", provider_of(settings), link.brake)
        prefill = read_prefill(settings.prefill)
        async with open_plan(record, settings, source, wall, prefill, begin.folder) as plan:
            yield plan
