"""What stands where a result was: notes that say what went, and that a plan knows again. Pure.

A note of a failed result begins as a failure does, so that whoever reads it, a person or the
recorder's statistics, takes it for one; every other note begins with a bracket. Text that came from
a result is neutralised where it could be taken for a row's own markup.
"""

from __future__ import annotations

import re

from compressor.rows.judging import is_failure
from compressor.trajectory import Piece
from recorder.formats.markup import neutralise

_FAILED = "Error: "
_MASKED = re.compile(r"(?:Error: )?\[(?:masked|repeats)[: ]")
_ELIDED = re.compile(r"(?:Error: )?\[elided: ")
_ERROR = re.compile(
    r"[Ee]rror|ERROR|[Ee]xception|Traceback|[Ff]ailed|FAILED|[Ff]atal|FATAL|panic"
    r"|[Nn]ot found|[Dd]enied|[Cc]annot|undefined"
)
_ERROR_LINES, _ERROR_CHARS = 3, 160


def is_masked(text: str) -> bool:
    """Say whether *text* is a note that a plan once put there."""
    return _MASKED.match(text) is not None


def is_elided(text: str) -> bool:
    """Say whether *text* is what a plan once left of a result."""
    return _ELIDED.match(text) is not None


def pointer(piece: Piece, tokens: int) -> str:
    """What stands for a result that repeats an earlier one."""
    opening = " ".join(piece.text[:80].split())[:48]
    return _mark(piece, f"[repeats an earlier result of {tokens} tokens: {neutralise(opening)}]")


def mask(piece: Piece, tokens: int, facts: str = "") -> str:
    """What stands for a result that is gone: size, how it went, error lines, and *facts*."""
    lines = [f"[masked: {tokens} tokens{', failed' if piece.failed else ''}]"]
    lines += map(neutralise, error_lines(piece.text))
    if facts:
        lines.append(neutralise(facts))
    return _mark(piece, "\n".join(lines))


def elided(piece: Piece, tokens: int, text: str) -> str:
    """What is left of a result: *text*, marked as failed where the whole of it was."""
    return _mark(piece, f"[elided: from {tokens} tokens]\n{text}")


def error_lines(text: str) -> list[str]:
    """The first few lines of *text* that tell of an error, each cut to a length."""
    found: list[str] = []
    at = 0
    while len(found) < _ERROR_LINES and (match := _ERROR.search(text, at)):
        begin = max(text.rfind("\n", 0, match.start()) + 1, match.start() - _ERROR_CHARS // 2)
        end = text.find("\n", match.end())
        at = end if end >= 0 else len(text)
        line = text[begin : min(at, begin + _ERROR_CHARS)].strip()
        if line not in found:
            found.append(line)
    return found


def _mark(piece: Piece, text: str) -> str:
    return f"{_FAILED}{text}" if piece.failed and not is_failure(text) else text
