"""A model that says what it is told to: for tests of tools, agents and records."""

from __future__ import annotations

from collections.abc import Iterable

import anyio.lowlevel

from hermes_run.errors import EndpointError
from hermes_run.failure import Failure
from hermes_run.models.protocol import Reply, Request


class Scripted:
    """Gives the replies of a script in order, and raises the failures in it.

    One script serves every session that asks; ``requests`` holds what was asked, in order. A
    string is a reply of that text. When the script is over, asking is a mistake of the test.
    """

    def __init__(self, script: Iterable[str | Reply | Failure]) -> None:
        self.requests: list[Request] = []
        self._script = iter(script)

    async def reply(self, request: Request) -> Reply:
        """Give the next reply of the script.

        Raises:
            EndpointError: the next entry is a failure.
            AssertionError: the script is over.
        """
        self.requests.append(request)
        await anyio.lowlevel.checkpoint()
        entry = next(self._script, None)
        if entry is None:
            raise AssertionError(f"asked {len(self.requests)} times, the script is shorter")
        if isinstance(entry, Failure):
            raise EndpointError(entry)
        return Reply(text=entry, finish_reason="stop") if isinstance(entry, str) else entry
