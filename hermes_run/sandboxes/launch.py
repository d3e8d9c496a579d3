"""What a wall says about how the processes of a session are started behind it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Launch(msgspec.Struct, frozen=True):
    """How the supervisor of a session is started behind a wall.

    ``argv`` is all that stands before the supervisor's own command line, ``environment`` that of
    the started program (the wall's own, so nothing secret), ``descriptors`` what is passed on to
    it: they are rewound before every start, so they belong to one session alone. ``root``,
    ``temporary`` and ``control`` are the paths that the workspace, the temporary folder and the
    control folder have inside. ``commands`` is the environment that commands get.

    ``owner`` is the uid on this machine that the processes have where it is not ours: what is made
    from outside is handed over to it. ``counted`` says that nobody else has their uid, so that the
    system can bound their number by it.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    descriptors: tuple[int, ...]
    root: str
    temporary: str
    control: str
    commands: Mapping[str, str]
    owner: int | None = None
    counted: bool = False
