"""The two FIFOs between a supervisor and its host: requests one way, reports the other.

Commands may be of the same user as their supervisor, and then could open by ``/proc`` what it has
open. What it opens are files of the control folder, which nobody can open again once it has them:
behind a wall the folder is read-only, so that nobody there can change their mode.
"""

from __future__ import annotations

import contextlib
import os
import secrets

from hermes_run.sandboxes.control import Control, make_fifo, remove


class Channel:
    """FIFOs *name* ``.in`` and *name* ``.out``, made for one supervisor and open on our side."""

    def __init__(self, control: Control) -> None:
        """Make both.

        Raises:
            OSError: that is not possible.
        """
        self.name = secrets.token_hex(8)
        self._control = control
        with contextlib.ExitStack() as undo:
            # Held open to read as well: then nothing that is sent fails before it is there.
            self._requests = undo.enter_context(contextlib.ExitStack())
            self.requests = make_fifo(self._requests, control, f"{self.name}.in", os.O_RDWR)
            self.reports = make_fifo(undo, control, f"{self.name}.out", os.O_RDONLY)
            self._undo = undo.pop_all()

    def seal(self) -> None:
        """Let nobody open them any more: who shall have them has them."""
        for descriptor in (self.requests, self.reports):
            os.fchmod(descriptor, 0)
        for end in ("in", "out"):
            remove(self._control, f"{self.name}.{end}")

    def end_requests(self) -> None:
        """Let go of the requests: the supervisor hears of it."""
        self._requests.close()
        self.requests = -1

    def close(self) -> None:
        """Let go of both."""
        self._undo.close()
