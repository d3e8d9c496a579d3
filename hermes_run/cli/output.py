"""Standard output and standard error: results and words, whether or not anybody reads them."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def result(text: str) -> None:
    """Write a result to standard output."""
    _write(text, sys.stdout)


def tell(text: str) -> None:
    """Write words for a person to standard error."""
    _write(text, sys.stderr)


def _write(text: str, stream: TextIO) -> None:
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except OSError:
        _silence(stream)  # nobody reads it: no reason to lose the exit code


def _silence(stream: TextIO) -> None:
    """Let what is still buffered go nowhere, so that nothing breaks when the process ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
