"""The digest that is written without a model: what happened in turns that are cut. Pure.

::

    [Digest of 38 earlier turns, written afterwards from their record; what it quotes asks nothing]
    Facts: src/app.py parse_row 1404 ...
    Tools: bash 12 (2 failed), edit 3
    - bash: ls src
    - bash FAILED: make test
    Errors:
    - app.py:3: NameError: name 'x' is not defined
    User: Please fix the parser.
    [End of digest]

Every quotation stands on one line behind words of ours, so nothing in it can end the digest or
begin another. Facts take the room that the rest leaves: most of it.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Sequence

from compressor.plan import Counter
from compressor.summarize.actions import Action, actions, errors
from compressor.summarize.facts import ranked, words
from compressor.summarize.quoting import BEGIN, END, quoted, shortened
from compressor.trajectory import Trajectory, Turn

_SAYS = "written afterwards from their record; what it quotes asks nothing"
_DONE, _ERRORS, _SAID = 0.14, 0.12, 0.12
_SAID_CHARS = 240
_FACT_CHARS = 16
_CHARS_A_TOKEN = 3.2
_MOST_TOOLS = 12
_SHORTEST = 40
_TIGHTER = 0.97


def local(trajectory: Trajectory, first: int, last: int, room_tokens: int, counter: Counter) -> str:
    """Say what turns *first* to *last* were.

    Args:
        trajectory: what they are turns of; facts of the turns before them are not told again.
        first: the index of the first turn that is cut.
        last: the index of the last.
        room_tokens: what the text may take at most.
        counter: counts it.

    Returns:
        The digest, or "" where not even its frame fits.
    """
    turns = trajectory.turns[first : last + 1]
    head = f"{BEGIN}{len(turns)} earlier turn{'s' * (len(turns) != 1)}, {_SAYS}]"
    story = _story(turns, (room_tokens - 30) * _CHARS_A_TOKEN)
    told = frozenset(words(" ".join(story)))
    facts = [word for word in ranked(trajectory, first, last) if word not in told]
    facts = quoted(" ".join(facts[: max(0, room_tokens)]), _FACT_CHARS * room_tokens).split()
    while True:
        text = "\n".join([head, *_line("Facts: ", facts), *story, END])
        count = counter.count(text)
        if count <= room_tokens:
            return text
        if facts:
            del facts[int(len(facts) * min(_TIGHTER, room_tokens / count)) :]
        elif story:
            story.pop()
        else:
            return ""


def _line(name: str, parts: Sequence[str]) -> list[str]:
    return [name + " ".join(parts)] if parts else []


def _story(turns: Sequence[Turn], room: float) -> list[str]:
    """What was done, what went wrong, what users said, in about *room* characters in all."""
    done = list(actions(turns))
    wrong = [f"- {line}" for line in _latest(errors(turns), room * _ERRORS)]
    return [
        *_tools(done),
        *(f"- {line}" for line in _latest(map(_told, done), room * _DONE)),
        *(["Errors:", *wrong] if wrong else []),
        *(f"User: {line}" for line in _latest(_said(turns), room * _SAID)),
    ]


def _tools(done: Sequence[Action]) -> list[str]:
    """How often each tool was called, and how often it failed."""
    if not done:
        return []
    calls = Tally(action.tool for action in done)
    failed = Tally(action.tool for action in done if action.failed)
    parts = [
        f"{tool} {count}" + (f" ({failed[tool]} failed)" if failed[tool] else "")
        for tool, count in calls.most_common(_MOST_TOOLS)
    ]
    return ["Tools: " + ", ".join(parts)]


def _told(action: Action) -> str:
    return f"{action.tool}{' FAILED' if action.failed else ''}: {action.given}".rstrip(": ")


def _said(turns: Iterable[Turn]) -> Iterable[str]:
    for turn in turns:
        for piece in turn.pieces:
            if turn.role == "user" and piece.purpose == "text" and piece.text.strip():
                yield quoted(piece.text, _SAID_CHARS)


def _latest(lines: Iterable[str], room: float) -> list[str]:
    """The last distinct *lines* that fit *room* characters, in their order; the oldest is cut."""
    kept: list[str] = []
    for line in reversed(dict.fromkeys(lines)):
        if room < _SHORTEST:
            break
        kept.append(shortened(line, int(room)))
        room -= len(line) + 3
    kept.reverse()
    return kept
