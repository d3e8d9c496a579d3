"""Errors of the compressor, by whose fault it is.

::

    CompressorError
    ├── OptionError        what was asked for can't be done: the text says what to type
    │   └── TokenizerError    no such vocabulary, or its package is not installed
    ├── RowError           a row is no trajectory, or has no turns
    ├── SummaryError       a model gave no summary: a digest made by rule stands in
    └── OutputError        the output can't be written, or belongs to another input
"""

from __future__ import annotations

from typing import Literal, TypeAlias

Verdict: TypeAlias = Literal["again", "less", "row", "never"]


class CompressorError(Exception):
    """The root: whoever catches it catches all of them."""


class OptionError(CompressorError):
    """What was asked for can't be done."""


class TokenizerError(OptionError):
    """There is no such vocabulary here."""


class RowError(CompressorError):
    """A row is no trajectory."""


class SummaryError(CompressorError):
    """A model gave no summary.

    ``verdict`` says what follows: ask ``again`` (after ``pause_s`` seconds at least), ask about
    ``less`` text at a time, give up this ``row``'s summary, or ask ``never`` again.
    """

    def __init__(self, text: str, verdict: Verdict = "row", pause_s: float = 0.0) -> None:
        super().__init__(text)
        self.verdict = verdict
        self.pause_s = pause_s


class OutputError(CompressorError):
    """The output can't be written."""
