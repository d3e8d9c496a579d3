"""Names for foreign tools that every endpoint takes and that are nobody else's. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import TypeAlias

MOST = 64
"""How long the name of a tool may be, in characters: what endpoints take."""

Key: TypeAlias = tuple[str, str]
"""A server's name, and that of one of its tools."""


def name_tools(servers: Mapping[str, Sequence[str]], taken: Collection[str] = ()) -> dict[Key, str]:
    """Name every tool of *servers*: as its server does, or as ``SERVER_TOOL`` where that is shared.

    What a tool is called depends on what others are called, and neither on their order nor on
    chance: two servers that have one tool each get a longer name for it. A name that is still not
    its own ends in eight digits of a hash.

    Args:
        servers: the names of the tools of each server.
        taken: names that belong to others.
    """
    keys = [(server, tool) for server, tools in servers.items() for tool in tools]
    short = {key: _legal(key[1]) for key in keys}
    count = Counter(short.values())
    names = {key: name for key, name in short.items() if count[name] == 1 and name not in taken}
    long = {key: _legal(f"{key[0]}_{key[1]}") for key in keys if key not in names}
    others = Counter([*long.values(), *names.values(), *taken])
    for key, name in long.items():
        names[key] = name if others[name] == 1 else _marked(name, key)
    return {key: names[key] for key in keys}


def _legal(name: str) -> str:
    """Write *name* with the characters that are taken; what is too long ends in a hash."""
    legal = re.sub(r"[^A-Za-z0-9_-]", "_", name) or "_"
    return legal if len(legal) <= MOST else _marked(legal, ("", name))


def _marked(name: str, key: Key) -> str:
    digest = sha256("\0".join(key).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{name[: MOST - 9]}_{digest}"
