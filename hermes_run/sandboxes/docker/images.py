"""Images: each is pulled once, however many sessions need it at the same moment."""

from __future__ import annotations

import re
from typing import TypeAlias

import anyio

from hermes_run.errors import SandboxError, UsageError
from hermes_run.sandboxes.docker.engine import Engine

Volumes: TypeAlias = tuple[str, ...]
"""The folders that an image wants to be volumes."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/-]{0,511}")


def check_image(asked: str | None, usual: str | None) -> str:
    """Choose the image of a session.

    Args:
        asked: what its row asks for.
        usual: for rows that ask for none.

    Raises:
        UsageError: there is none, or it is not the name of an image.
    """
    image = asked or usual
    if not image:
        raise UsageError(
            "--sandbox docker needs an image: give one with --image, for example --image "
            'debian:stable-slim (the wall is tested with it, too), or give the row an "image"'
        )
    # It becomes part of an address of the engine's.
    if not _NAME.fullmatch(image) or ".." in image or "//" in image:
        raise UsageError(f"{image[:100]!r} is no name of an image, like debian:stable-slim is one")
    return image


class Images:
    """The images that sessions have asked for so far."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turns: dict[str, _Turn] = {}

    async def get(self, image: str) -> Volumes:
        """See that an image is there.

        Raises:
            SandboxError: it can't be had; whoever waited for the same pull gets the same error,
                whoever comes later tries anew.
        """
        turn = self._turns.setdefault(image, _Turn())
        failures = turn.failures
        async with turn.lock:
            if turn.volumes is None and turn.failures == failures:
                await self._fetch(image, turn)
            if turn.volumes is None:
                raise SandboxError(turn.error)
            return turn.volumes

    async def _fetch(self, image: str, turn: _Turn) -> None:
        try:
            turn.volumes = await self._engine.volumes(image)
            if turn.volumes is None:
                await self._engine.pull(image)
                # What the engine says while it pulls may end early without an error.
                turn.volumes = await self._engine.volumes(image)
                turn.error = f"the container engine pulled the image {image} and has it not"
        except SandboxError as error:
            turn.error = f"{error}; if it needs a login, pull it by hand first"
        turn.failures += turn.volumes is None


class _Turn:
    """One image: who asks for it now, and what came of it."""

    def __init__(self) -> None:
        self.lock = anyio.Lock()
        self.volumes: Volumes | None = None
        self.failures = 0
        self.error = ""
