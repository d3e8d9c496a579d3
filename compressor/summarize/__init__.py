"""What stands for turns that are cut: a digest made by rule, or a summary a model writes.

- `local(trajectory, first, last, room_tokens, counter)`: the digest, pure. Pure modules import it
  from `compressor.summarize.local`, where nothing that asks a model can come along.
- `open_summarizer(options, counter)`: an async context manager that gives a `Summarizer`.
- `Options`, `Summary`, `Usage`, `Summarizer`: what they take and give.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from compressor.summarize.local import local as local
from compressor.summarize.summary import Options as Options
from compressor.summarize.summary import Summarizer as Summarizer
from compressor.summarize.summary import Summary as Summary
from compressor.summarize.summary import Usage as Usage

if TYPE_CHECKING:
    from compressor.summarize.opening import open_summarizer as open_summarizer


def __getattr__(name: str) -> Any:  # noqa: ANN401  # whatever was asked for
    """Load what asks a model when it is asked for: planning needs no event loop."""
    if name != "open_summarizer":
        raise AttributeError(f"module 'compressor.summarize' has no attribute {name!r}")
    return import_module("compressor.summarize.opening").open_summarizer
