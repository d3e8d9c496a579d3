"""The next turn of a conversation: find the task, run its policy over what was done, go on.

Nothing is remembered between requests and nothing is known beforehand: the answers come out of the
tool results that stand in the conversation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile

from hermes_run.models.simulated.families import FAMILIES
from hermes_run.models.simulated.request import AskedMessage, Request, text_of
from hermes_run.models.simulated.results import read_result
from hermes_run.models.simulated.slips import LESSONS, draw, stumble
from hermes_run.models.simulated.steps import Family, Puzzled, Result, Steps, Task, Turn, turn

PROMPT_CHARACTERS = 2_000
"""No task is longer than this; the patterns that read prompts take the square of the length."""

LOST = Result(text="no result", failed=True)


def next_turn(request: Request) -> Turn:
    """Decide what to reply to a request."""
    for index in reversed(range(len(request.messages))):
        message = request.messages[index]
        begun = begin(text_of(message)) if message.role == "user" else None
        if begun is None:
            continue
        family, steps = begun
        since = request.messages[index + 1 :]
        if is_over(since):
            return unknown()
        missing = family.tools - request.tools
        return lacking(family, missing) if missing else replay(steps, rounds(since))
    return unknown()


def begin(prompt: str) -> tuple[Family, Steps] | None:
    """Find the family of a task and begin it, with its mistake if it is to make one."""
    if len(prompt) > PROMPT_CHARACTERS:
        return None
    for family in FAMILIES:
        slip = draw(prompt, family.slips)
        steps = family.begin(Task(prompt=prompt, slip=slip))
        if steps is not None:
            return family, stumble(steps, slip) if slip in LESSONS else steps
    return None


def is_over(since: Sequence[AskedMessage]) -> bool:
    """Tell whether a task was answered and the user has said something else after that."""
    answered = [index for index, message in enumerate(since) if is_answer(message)]
    return bool(answered) and any(message.role == "user" for message in since[answered[-1] :])


def is_answer(message: AskedMessage) -> bool:
    """Tell a reply that asks for nothing more."""
    return message.role == "assistant" and not message.tool_calls


def rounds(since: Sequence[AskedMessage]) -> Iterator[tuple[Result, ...]]:
    """Give the results of each turn with calls, in the order of the calls."""
    for index, message in enumerate(since):
        if message.role == "assistant" and message.tool_calls:
            later = takewhile(lambda other: other.role != "assistant", since[index + 1 :])
            answers = [other for other in later if other.role == "tool"]
            yield in_order([one.id or "" for one in message.tool_calls], answers)


def in_order(ids: list[str], answers: list[AskedMessage]) -> tuple[Result, ...]:
    """Give each call its result, by id where ids tell calls apart, else by position."""
    keys = [answer.tool_call_id or "" for answer in answers]
    if not all(ids) or len(set(ids)) < len(ids):
        ids = [str(position) for position in range(len(ids))]
        keys = [str(position) for position in range(len(answers))]
    by_id = dict(zip(keys, answers, strict=True))
    return tuple(read_result(by_id[key].content) if key in by_id else LOST for key in ids)


def replay(steps: Steps, done: Iterator[tuple[Result, ...]]) -> Turn:
    """Run a task's policy over the results there are and give its next turn."""
    try:
        following = next(steps)
        for results in done:
            wanted = len(following.calls)
            following = steps.send((*results, *[LOST] * wanted)[:wanted])
    except StopIteration as end:
        return end.value
    except (Puzzled, RecursionError) as reason:  # files may be nested deeper than Python's stack
        return turn(
            f"I can't go on from here: {reason}.",
            text=f"I could not finish this task: {reason}.",
        )
    return following


def lacking(family: Family, missing: frozenset[str]) -> Turn:
    """Answer a task that can't be done with the tools at hand."""
    wanted = ", ".join(sorted(missing))
    return turn(
        f"I know how to {family.knows}, but it takes tools I was not given: {wanted}.",
        text=f"I can't do this here: it takes the tools {wanted}, which were not offered.",
    )


def unknown() -> Turn:
    """Answer honestly what the policy has no family for."""
    known = "; ".join(family.knows for family in FAMILIES)
    return turn(
        "This is none of the tasks I know. I should say so rather than pretend.",
        text=f"I am a simulated model, made for trying things out, and I can't help with this. "
        f"I only know how to {known}.",
    )
