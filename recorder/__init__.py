"""A durable record of agent sessions: events, journal, sessions, formats.

Use it in any agent, ours or somebody else's::

    async with recorder.open("runs/mine") as record:
        async with record.session(prompt="...", tools=schemas, model="...") as session:
            await session.model_replied(text="...", calls=[...], usage=...)
            await session.tool_returned(call_id, output)

``fold_journal`` reads what was recorded, and a ``Follower`` what is being recorded, while it is.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recorder import errors as errors
    from recorder import formats as formats
    from recorder import stats as stats
    from recorder.blocking import open_sync as open_sync
    from recorder.following import Follower as Follower
    from recorder.opening import open_record as open  # noqa: A004  # recorder.open reads as it should
    from recorder.reader import fold_journal as fold_journal
    from recorder.settings import JournalSettings as JournalSettings

_PUBLIC = {
    "Follower": ("recorder.following", "Follower"),
    "JournalSettings": ("recorder.settings", "JournalSettings"),
    "fold_journal": ("recorder.reader", "fold_journal"),
    "open": ("recorder.opening", "open_record"),
    "open_sync": ("recorder.blocking", "open_sync"),
}
_MODULES = ("errors", "formats", "stats")

__all__ = ["Follower", "JournalSettings", "fold_journal", "open", "open_sync"]


def __getattr__(name: str) -> Any:  # noqa: ANN401  # whatever was asked for
    """Load what is asked for when it is asked for: reading a journal needs no event loop."""
    if name in _MODULES:
        return import_module(f"recorder.{name}")
    try:
        module, attribute = _PUBLIC[name]
    except KeyError:
        raise AttributeError(f"module 'recorder' has no attribute {name!r}") from None
    return getattr(import_module(module), attribute)
