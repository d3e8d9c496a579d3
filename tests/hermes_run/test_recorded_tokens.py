"""What a session records of tokens: counted where nobody tells, of prompts only what is new."""

from __future__ import annotations

from pathlib import Path

from hermes_run.agent import Agent
from hermes_run.brake import Brake
from hermes_run.loop import drive
from hermes_run.models.protocol import Reply
from hermes_run.models.scripted import Scripted
from hermes_run.models.wire import Transcript
from hermes_run.sandboxes.plain import open_plain
from hermes_run.tools.tool import Context
from hermes_run.tools.toolsets import load_toolbox
from recorder.events import Event, ModelReplied, SessionStarted
from recorder.messages import Message, ToolCall, Usage
from recorder.recording import Recording
from recorder.session import Session
from recorder.tokens import prompts


class Kept:
    """A ledger in memory."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def accept(self, event: Event) -> None:
        """Take *event*."""
        self.events.append(event)

    async def settle(self, event: Event) -> None:
        """Tell nobody."""

    async def durable(self) -> None:
        """Be durable."""

    async def kept(self) -> None:
        """Be durable."""

    async def writable(self) -> None:
        """Have room."""


async def replies_of(folder: Path, *script: Reply) -> list[ModelReplied]:
    """Drive a session through *script*; gives the replies as they were recorded."""
    ledger = Kept()
    recording = Recording(Session("s"), ledger)
    await recording.record(SessionStarted, messages=[Message("user", "Hello world")])
    async with open_plain(folder, {}) as sandbox:
        agent = Agent(
            model=Scripted(script),
            model_name="m",
            toolbox=load_toolbox(()),
            tools=b"",
            context=Context(session="s", sandbox=sandbox),
            transcript=Transcript(),
            brake=Brake(),
        )
        await drive(recording, agent)
    return [event for event in ledger.events if isinstance(event, ModelReplied)]


CALL = (ToolCall("a", "nothing", "{}"),)


async def test_usage_that_nobody_gave_is_counted_and_recorded_as_estimated(tmp_path: Path):
    """Limits and budgets go by it; what the endpoint says goes before."""
    told = Usage(input=50, output=2)
    first, second = await replies_of(
        tmp_path, Reply(text="Hello", calls=CALL, usage=told), Reply(text="Hello")
    )
    assert first.usage == told
    assert second.usage is not None
    assert second.usage.estimated
    assert (second.usage.input > 8, second.usage.output) == (True, 1)


async def test_tokens_are_recorded_as_what_they_add(tmp_path: Path):
    """All of them are there again when the record is read."""
    first, second = await replies_of(
        tmp_path,
        Reply(calls=CALL, token_ids=(4, 5), logprobs=(-0.5, None), prompt_token_ids=(1, 2, 3)),
        Reply(text="Hello", token_ids=(8,), prompt_token_ids=(1, 2, 3, 4, 5, 6, 7)),
    )
    assert (first.token_ids, first.logprobs) == ((4, 5), (-0.5, None))
    assert (second.prompt_kept, second.prompt_token_ids) == (5, (6, 7))
    read = [prompt for _, prompt in prompts([first, second])]
    assert read == [(1, 2, 3), (1, 2, 3, 4, 5, 6, 7)]
