"""Many sessions that grow side by side, each put together when somebody asks for it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from recorder.events import Event
from recorder.session import Growing, Session


class Sessions(Mapping[str, Session]):
    """Sessions by their id, in the order in which they started; facts are added to them.

    To ask for a session is work for each of its turns: it is meant for when they are all there.
    """

    def __init__(self) -> None:
        self._growing: dict[str, Growing] = {}

    def __getitem__(self, name: str) -> Session:
        """Give session *name* as it is now."""
        return self._growing[name].session()

    def __contains__(self, name: object) -> bool:
        """Whether there is session *name*."""
        return name in self._growing

    def __iter__(self) -> Iterator[str]:
        """Give their ids."""
        return iter(self._growing)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._growing)

    def add(self, event: Event, before: Session | None = None) -> None:
        """Apply *event* to its session, which is *before* if it is not here yet.

        Raises:
            MisuseError: the event can't come at this point; nothing changes.
        """
        growing = self._growing.get(event.session) or Growing(before or Session())
        growing.add(event)
        self._growing[event.session] = growing

    def pop(self, name: str, default: None = None) -> None:
        """Forget session *name*, if there is one."""
        self._growing.pop(name, default)
