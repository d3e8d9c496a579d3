"""Encodings that tiktoken knows (`pip install hermes-run[tiktoken]`); it downloads them itself."""

from __future__ import annotations

import tiktoken

from compressor.errors import TokenizerError
from compressor.tokens.counting import clean


class Tiktoken:
    """Counts with an encoding of tiktoken's; markers in a text are text."""

    __slots__ = ("_encoding",)

    def __init__(self, encoding: tiktoken.Encoding) -> None:
        """Take an open *encoding*."""
        self._encoding = encoding

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """Go to another process as what is to be opened there."""
        return open_encoding, (self._encoding.name,)

    @property
    def name(self) -> str:
        """The encoding's name, with whose it is."""
        return f"tiktoken:{self._encoding.name}"

    @property
    def exact(self) -> bool:
        """True: the vocabulary itself counts."""
        return True

    def count(self, text: str) -> int:
        """How many tokens *text* has."""
        return len(self._encoding.encode_ordinary(clean(text)))


def open_encoding(name: str) -> Tiktoken:
    """Open the encoding called *name*, or the one of the model called so.

    Raises:
        TokenizerError: tiktoken knows neither, or can't fetch its file.
    """
    try:
        known = name in tiktoken.list_encoding_names()
        encoding = tiktoken.get_encoding(name) if known else tiktoken.encoding_for_model(name)
    except KeyError as error:
        names = ", ".join(tiktoken.list_encoding_names())
        raise TokenizerError(f"tiktoken knows no {name!r}. It knows: {names}") from error
    except Exception as error:  # many kinds: network, disk, a damaged file; all mean: not here
        raise TokenizerError(f"tiktoken can't open {name!r}: {error}") from error
    return Tiktoken(encoding)
