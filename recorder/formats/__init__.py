"""Trajectory formats: each renders a session, and reads its rows back where that loses nothing.

::

    hermes = recorder.formats.load("hermes")
    row = hermes.render(session)
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable

import msgspec

from recorder.errors import FormatError
from recorder.messages import Json
from recorder.session import Session

_MODULES = {
    "hermes": "recorder.formats.hermes",
    "messages": "recorder.formats.messages",
}
NAMES = tuple(_MODULES)
"""The formats there are."""


class Format(msgspec.Struct, frozen=True):
    """A way to write sessions down, and to read them back where that loses nothing.

    Both functions raise FormatError and nothing else, whatever they are given.
    """

    name: str
    render: Callable[[Session], dict[str, Json]]
    parse: Callable[[dict[str, Json]], Session]


def load(name: str) -> Format:
    """Give the format called *name*; its module is imported now.

    Raises:
        FormatError: there is no such format.
    """
    if name not in _MODULES:
        close = difflib.get_close_matches(name, NAMES, n=1)
        meant = f" Did you mean {close[0]!r}?" if close else ""
        raise FormatError(f"There is no format {name!r}.{meant} Formats: {', '.join(NAMES)}")
    module = importlib.import_module(_MODULES[name])
    return Format(name, module.render, module.parse)
