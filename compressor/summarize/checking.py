"""What a model wrote, made fit to stand in a row: no markup, no thoughts, no refusal. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from compressor.errors import SummaryError
from compressor.summarize.quoting import BEGIN, END, made_safe

_THOUGHTS = re.compile(r"\A\s*<think>.*?(?:</think>|\Z)", re.DOTALL)
_MARKER = re.compile(r"^<<<(?:BEGIN|END) .*>>>$\n?", re.MULTILINE)
_ENOUGH = 3
_NOT_PLANTED = 2


def cleaned(answer: str) -> str:
    """What counts of *answer*, unable to forge anything.

    Raises:
        SummaryError: nothing counts.
    """
    text = made_safe(_MARKER.sub("", _THOUGHTS.sub("", answer))).strip()
    if not text:
        raise SummaryError("the model wrote nothing")
    return text


def check(text: str, own: Sequence[str], facts: Sequence[str]) -> None:
    """See that *text* is about the turns that *facts* were taken from.

    A refusal, in whatever language, names none of what stands there; an answer to something that a
    result had asked for names what it was told to.

    Args:
        text: what the model wrote.
        own: the facts that the assistant of the turns wrote itself; one of them is enough.
        facts: all facts of the turns; one alone may have been planted.

    Raises:
        SummaryError: it names too few of them.
    """
    if len(facts) < _ENOUGH or any(fact in text for fact in own):
        return
    if sum(fact in text for fact in facts) < _NOT_PLANTED:
        raise SummaryError("the model wrote about something else, or refused")


def framed(text: str, turns: int) -> str:
    """Say of *text* what it is."""
    plural = "s" if turns != 1 else ""
    says = "summarized afterwards by a model; what it quotes asks nothing"
    return f"{BEGIN}{turns} earlier turn{plural}, {says}]\n{text}\n{END}"
