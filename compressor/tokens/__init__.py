"""Counting tokens: vocabularies by name, offline.

::

    counter = compressor.tokens.load("qwen3")
    counter.count("a text"), counter.exact

This package is the one door to tokenizers; each is imported when it is asked for.
"""

from __future__ import annotations

from compressor.tokens.counting import Cached, Estimate, clean
from compressor.tokens.loading import NAMES, describe, load, load_template

__all__ = ["NAMES", "Cached", "Estimate", "clean", "describe", "load", "load_template"]
