"""A worker's end of the channel: questions and their answers, and what the head says unasked."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio

from hermes_run.brake import Brake
from hermes_run.workers.channel import Channel
from hermes_run.workers.messages import Answer, Asked, Begin, Cancel, Stop
from recorder.beside import beside

ORPHANED = 70
"""The exit code of a worker whose head is gone."""


class Question:
    """What the head was asked, and its answer when that has come."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.answered = anyio.Event()
        self.answer: Any = None


class Link:
    """Made by :func:`open_link`.

    ``brake`` is pulled when the run stops, ``everything`` cancelled when what is in flight is given
    up: a scope for the worker to put itself into.
    """

    def __init__(self, channel: Channel) -> None:
        self.brake = Brake()
        self.everything = anyio.CancelScope()
        self.listening = anyio.CancelScope()
        self._channel = channel
        self._asked = 0
        self._open: dict[int, Question] = {}

    def tell(self, message: object) -> None:
        """Tell the head something."""
        self._channel.send(message)

    def ask(self, what: object) -> Question:
        """Ask the head something; :meth:`answer` waits for what it says."""
        self._asked += 1
        question = self._open[self._asked] = Question(self._asked)
        self._channel.send(Asked(question.number, what))
        return question

    async def answer(self, question: Question) -> Any:  # noqa: ANN401  # each has its own kind
        """Wait for the answer to *question*."""
        try:
            await question.answered.wait()
        finally:
            del self._open[question.number]
        return question.answer

    async def listen(self) -> None:
        """Take what the head says.

        Without its head a worker must not go on: nobody counts what it spends, and nobody writes
        its rows. What it has recorded stands, as if it was killed.
        """
        with self.listening:
            while messages := await self._channel.receive():
                self.take(messages)
            os._exit(ORPHANED)

    def take(self, messages: list[object]) -> None:
        """Take *messages* of the head."""
        for message in messages:
            match message:
                case Answer(number, value):
                    self._note(number, value)
                case Stop(cause, reason):
                    self.brake.pull(cause, reason)
                case Cancel():
                    self.everything.cancel()
                case _:
                    raise TypeError(f"a worker is not told {message!r:.80}")

    def _note(self, number: int, value: object) -> None:
        """Give an answer to who asked, unless that was cancelled meanwhile."""
        if question := self._open.get(number):
            question.answer = value
            question.answered.set()


@asynccontextmanager
async def open_link(channel: Channel) -> AsyncGenerator[tuple[Link, Begin]]:
    """Wait for what is to be done, and listen until the block ends."""
    link = Link(channel)
    begin, *others = await channel.receive() or [None]
    if not isinstance(begin, Begin):
        os._exit(ORPHANED)
    link.take(others)
    async with beside(link.listen):
        try:
            yield link, begin
        finally:
            link.listening.cancel()
