"""What an endpoint said last of its rates: left by the client, fetched by the gate."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

import anyio

from hermes_run.throttle.told import PREFIX, Heard


class Notices:
    """Holds the newest notice until somebody takes it."""

    def __init__(self) -> None:
        self._newest: Heard | None = None

    def leave(self, headers: Iterable[tuple[str, str]], *, refused: bool) -> None:
        """Keep those of a response's *headers* that tell of rates, if any do.

        Args:
            headers: names and values.
            refused: whether the response refuses a request because there were too many.
        """
        named = ((name.lower(), value) for name, value in headers)
        told = {name: value for name, value in named if name.startswith(PREFIX)}
        if told:
            self._newest = Heard(told, anyio.current_time(), time.time(), refused)

    def take(self) -> Heard | None:
        """Give what was left since the last time, if anything was."""
        newest, self._newest = self._newest, None
        return newest


def take_all(notices: Sequence[Notices | None]) -> Iterator[tuple[int, Heard]]:
    """Take what was left at each of the *notices*, with the place of the lane it is of."""
    for lane, one in enumerate(notices):
        if one and (heard := one.take()):
            yield lane, heard
