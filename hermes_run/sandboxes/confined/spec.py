"""How a supervisor is to be started behind Landlock."""

from __future__ import annotations

from typing import TypedDict


class Spec(TypedDict):
    """How a supervisor is to be started, as the command line tells it.

    ``paths`` are those beneath which something is allowed, by the names in :data:`RIGHTS`; ``uid``
    is who to become, ``limits`` those of ``setrlimit`` by their numbers, ``filter`` a seccomp
    program in hexadecimal digits, ``calls`` those that it leaves to the keeper, by number,
    and ``roots`` the folders in which they may be done. ``processes`` is how many there may be
    where that counts them; ``over`` a FIFO that is held open until all have ended.
    """

    abi: int
    paths: dict[str, list[str]]
    network: bool
    uid: int | None
    limits: dict[str, int]
    folder: str
    filter: str
    calls: dict[str, str]
    roots: list[str]
    processes: int
    over: str
