"""The version of the software, as records carry it."""

from __future__ import annotations

VERSION = "0.1.0"
