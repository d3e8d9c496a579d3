"""Text of others inside a digest: on one line, and never taken for our markup. Pure."""

from __future__ import annotations

import re

from recorder.formats.markup import neutralise

BEGIN, END = "[Digest of ", "[End of digest]"

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*\x07?)?")
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_FRAME = re.compile(r"\[(?=\s*(?:digest of|end of digest))", re.IGNORECASE)
_TEMPLATE = re.compile(r"<(?=\|)|(?<=\|)>")
_CUT = "..."


def quoted(text: str, chars: int) -> str:
    """Give at most *chars* characters of *text* on one line, unable to begin or end anything.

    Our tags are neutralised as in any other text, the frame of a digest loses its bracket, and what
    chat templates take for the borders of turns is taken apart.
    """
    if len(text) > 4 * chars:
        text = text[: 4 * chars]
    seen = _UNSEEN.sub(" ", _ESCAPES.sub("", text))
    return _safe(shortened(" ".join(seen.split()), chars))


def made_safe(text: str) -> str:
    """Do the same to *text* without changing its lines or its length more than it must."""
    lines = _ESCAPES.sub("", text).split("\n")
    return _safe("\n".join(_UNSEEN.sub(" ", line).rstrip() for line in lines))


def shortened(line: str, chars: int) -> str:
    """Cut *line* at *chars* characters, and show that it was cut."""
    return line if len(line) <= chars else line[: max(0, chars - len(_CUT))].rstrip() + _CUT


def _safe(line: str) -> str:
    return neutralise(_FRAME.sub("(", _TEMPLATE.sub(" ", line)))
