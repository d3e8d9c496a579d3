"""Which texts are keys of an endpoint: servers repeat them in their errors, and records last."""

from __future__ import annotations

import json
import os
from functools import lru_cache

from hermes_run.config import SIMULATED
from hermes_run.models.connect import Endpoint

_LEAST = 8
"""Shorter ones, such as ``none``, are words of other texts, too."""
_VARIABLES = ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN")
"""Where the SDK looks for a key by itself."""


def secrets_of(endpoint: Endpoint) -> tuple[str, ...]:
    """Give the keys that *endpoint* may be asked with, as they are and as JSON writes them."""
    return _of((endpoint.api_key, *(os.environ.get(name) for name in _VARIABLES)))


@lru_cache(maxsize=64)
def _of(given: tuple[str | None, ...]) -> tuple[str, ...]:
    keys = {(key or "").strip() for key in given} - {SIMULATED}
    written = keys | {json.dumps(key)[1:-1] for key in keys}
    # The longest first: one key may be the beginning of another.
    return tuple(sorted((key for key in written if len(key) >= _LEAST), key=len, reverse=True))
