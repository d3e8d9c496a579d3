"""Tool calls while their pieces arrive. Pure and incremental.

The API wants each piece to carry its call's ``index``, and the first one its id and name. Servers
give the same index to all calls, or none; ids that repeat, that are empty or missing; the whole
call in one piece, names in several pieces or in each of them. What a call says is kept as it came;
only missing and repeated ids are replaced, because results are matched by them.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hermes_run.models.pieces import join
from recorder.json_text import encode
from recorder.messages import Json, ToolCall
from recorder.shapes import object_of, text_in


class _Piece(msgspec.Struct, frozen=True):
    """A piece of a call, or a whole call; what is missing is empty."""

    index: int | None
    id: str
    name: str
    arguments: str


class _Draft(msgspec.Struct):
    """A call while its pieces arrive; ``last`` is the latest piece of its arguments."""

    id: str
    name: str
    arguments: list[str]
    last: str = ""


class Drafts:
    """The calls of one reply while their pieces arrive."""

    def __init__(self) -> None:
        self._all: list[_Draft] = []
        self._at: dict[int, _Draft] = {}
        self._of: dict[tuple[int | None, str], _Draft] = {}

    def __len__(self) -> int:
        return len(self._all)

    def add(self, piece: Json) -> None:
        """Take a piece: it goes on with a call, or begins one."""
        if self._went_on(piece):
            return
        read = _read(piece)
        if read is None:
            return
        known = self._known(read)
        if known is None:
            self._begin(read)
        else:
            _extend(known, read)

    def add_whole(self, call: Json) -> None:
        """Take a call that is complete, whatever it shares with others."""
        read = _read(call)
        if read is not None:
            self._begin(read)

    def calls(self) -> tuple[ToolCall, ...]:
        """Give the calls as they stand, each with an id that no other one has."""
        return with_ids([ToolCall(each.id, each.name, join(each.arguments)) for each in self._all])

    def _went_on(self, piece: Json) -> bool:
        """Take *piece* if it has nothing but more arguments of a known call, as most have."""
        fields = object_of(piece)
        function = object_of(fields.get("function"))
        index, arguments = fields.get("index"), function.get("arguments")
        draft = self._at.get(index) if isinstance(index, int) else None
        says_more = fields.get("id") or function.get("name")
        if draft is None or says_more or not isinstance(arguments, str):
            return False
        if arguments:
            draft.arguments.append(arguments)
            draft.last = arguments
        return True

    def _begin(self, piece: _Piece) -> None:
        draft = _Draft(piece.id, piece.name, [piece.arguments], piece.arguments)
        self._all.append(draft)
        self._remember(draft, piece.index)

    def _remember(self, draft: _Draft, index: int | None) -> None:
        if index is not None:
            self._at[index] = draft
        if draft.id:
            self._of[index, draft.id] = draft

    def _known(self, piece: _Piece) -> _Draft | None:
        """Find the call that *piece* goes on with, if it begins no other."""
        draft = self._at.get(piece.index) if piece.index is not None else self._last
        if draft and piece.id and draft.id and piece.id != draft.id:
            draft = self._of.get((piece.index, piece.id))
        if draft is None or _begins_another(draft, piece):
            return None
        if piece.id and not draft.id:
            draft.id = piece.id
            self._remember(draft, piece.index)
        return draft

    @property
    def _last(self) -> _Draft | None:
        return self._all[-1] if self._all else None


def with_ids(calls: Sequence[ToolCall]) -> tuple[ToolCall, ...]:
    """Give *calls*, each with an id that no other of them has; the first keeps what several had."""
    taken = {call.id for call in calls}
    used: set[str] = set()
    number = 0
    named: list[ToolCall] = []
    for call in calls:
        call_id = call.id
        while not call_id or call_id in used:
            candidate, number = f"call_{number}", number + 1
            call_id = "" if candidate in taken else candidate
        used.add(call_id)
        named.append(ToolCall(call_id, call.name, call.arguments))
    return tuple(named)


def _begins_another(draft: _Draft, piece: _Piece) -> bool:
    """Whether *piece* is a call of its own, though its index and id don't say so.

    It is one if it brings another name when arguments have come already; or the same name and
    arguments that open where those before were closed, which no single JSON document does.
    """
    if not piece.name or not draft.last:
        return False
    opens = piece.arguments.lstrip().startswith("{") and draft.last.rstrip().endswith("}")
    return opens or piece.name != draft.name


def _extend(draft: _Draft, piece: _Piece) -> None:
    if piece.name != draft.name:
        draft.name += piece.name
    if piece.arguments:
        draft.arguments.append(piece.arguments)
        draft.last = piece.arguments


def _read(piece: Json) -> _Piece | None:
    if not isinstance(piece, dict):
        return None
    fields = object_of(piece)
    function = object_of(fields.get("function"))
    index = fields.get("index")
    return _Piece(
        index=index if isinstance(index, int) else None,
        id=text_in(fields.get("id")),
        name=text_in(function.get("name")),
        arguments=_arguments(function.get("arguments")),
    )


def _arguments(value: Json) -> str:
    """Arguments are a string that holds JSON; where a server sends the JSON itself, its text."""
    if value is None or isinstance(value, str):
        return value or ""
    return encode(value).decode()
