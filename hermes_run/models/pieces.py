"""Text that arrives in pieces. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def join(pieces: Sequence[str]) -> str:
    """Join *pieces*; a character that was cut into its two surrogates is whole again.

    A stream of JSON may cut between the two escapes that stand for one character. A surrogate
    without its other half stays as it is.
    """
    text = "".join(pieces)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return text
