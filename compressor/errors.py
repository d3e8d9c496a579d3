"""Errors of the compressor, by whose fault it is.

::

    CompressorError
    ├── OptionError        what was asked for can't be done: the text says what to type
    │   └── TokenizerError    no such vocabulary, or its package is not installed
    ├── RowError           a row is no trajectory, or has no turns
    └── OutputError        the output can't be written, or belongs to another input
"""

from __future__ import annotations


class CompressorError(Exception):
    """The root: whoever catches it catches all of them."""


class OptionError(CompressorError):
    """What was asked for can't be done."""


class TokenizerError(OptionError):
    """There is no such vocabulary here."""


class RowError(CompressorError):
    """A row is no trajectory."""


class OutputError(CompressorError):
    """The output can't be written."""
