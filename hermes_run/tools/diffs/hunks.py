"""What a patch says, whichever of its formats it was written in."""

from __future__ import annotations

from typing import Literal

import msgspec

Mark = Literal[" ", "-", "+"]


class Hunk(msgspec.Struct, frozen=True):
    r"""One change: lines that stay (``" "``), go (``"-"``) and come (``"+"``).

    ``number`` is the line of the patch it begins at. ``start`` is where it should be in the old
    file, counted from 0, if it says so; ``anchors`` are lines that stand before it, one after the
    other; one that is ``at_end`` reaches the last line of the file. ``open_old`` and ``open_new``
    say that the last line of that side has no line feed.
    """

    lines: tuple[tuple[Mark, str], ...]
    number: int
    start: int | None = None
    anchors: tuple[str, ...] = ()
    at_end: bool = False
    open_old: bool = False
    open_new: bool = False


class FilePatch(msgspec.Struct, frozen=True):
    """What happens to one file.

    A moved file goes to ``to``. ``otherwise`` is a second name that the patch has for it. ``notes``
    say what was not written as it should be and was understood nevertheless.
    """

    kind: Literal["update", "add", "delete", "move"]
    path: str
    hunks: tuple[Hunk, ...] = ()
    to: str | None = None
    otherwise: str | None = None
    notes: tuple[str, ...] = ()


class BadPatch(msgspec.Struct, frozen=True):
    """Why a patch can't be read or applied."""

    text: str


class Edit(msgspec.Struct, frozen=True):
    """Old lines *start* to *end* (from 0, the last not included) that become other *lines*."""

    start: int
    end: int
    lines: tuple[str, ...]
