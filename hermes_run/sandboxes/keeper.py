"""A keeper: who runs the commands of a session behind the wall, one after the other.

Starting one costs about as much as a command, so it is kept for the next when its command is over.
"""

from __future__ import annotations

import contextlib
import os

from hermes_run.sandboxes.control import Control, make_fifo


class Keeper:
    """The FIFO on which keeper *number* is told what to run."""

    def __init__(self, control: Control, number: int) -> None:
        """Make the FIFO.

        Raises:
            OSError: that is not possible.
        """
        self.number = number
        with contextlib.ExitStack() as undo:
            # Held open to read as well: then nothing that is sent fails before it is there.
            self._writing = make_fifo(undo, control, f"k{number}", os.O_RDWR)
            self._undo = undo.pop_all()

    def send(self, call: int) -> bool:
        """Tell the number of the next command; that may fail where somebody else told too much."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._writing, b"%d\n" % call)
            return True
        return False

    def close(self) -> None:
        """Let it go: it leaves when nothing more can come."""
        self._undo.close()
