"""The segments that one process writes, one after the other: the blocking half of the journal.

A segment is left when it is large enough, and given up after any error: a segment that failed once
is never written or synced again, because after a failed sync a second one can succeed with the
bytes gone.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from recorder.disk import FULL, Disk
from recorder.events import SCHEMA, SegmentOpened, timestamp
from recorder.framing import frame
from recorder.segment import Segment
from recorder.settings import JournalSettings
from recorder.version import VERSION


class Chain:
    """Appends to the current segment and begins the next; every call is for a worker thread.

    ``fresh`` says that nothing was acknowledged in the current segment, or in the one that was
    given up last.

    Args:
        directory: the journal folder; it is made where it is missing.
        run: the id of the run, written into the first line of each segment.
        settings: ``sync`` and ``segment_bytes`` are used; one batch always fits into a segment.
        disk: what to write with.
    """

    def __init__(self, directory: Path, run: str, settings: JournalSettings, disk: Disk) -> None:
        self.directory = directory
        self.fresh = True
        self._run = run
        self._settings = settings
        self._disk = disk
        self._writer = f"{os.getpid():x}{secrets.token_hex(3)}"
        self._segment: Segment | None = None
        self._least = 0

    def begin(self) -> int:
        """Begin the first segment; gives the bytes written.

        Raises:
            OSError: it can't be begun.
        """
        self._disk.make_directory(self.directory)
        try:
            return self._next(())[1]
        except OSError as error:
            self._give_up(error)
            raise

    def append(self, lines: bytes | memoryview, declared: Sequence[bytes]) -> int:
        """Write *lines* and make them durable; gives the bytes written.

        Args:
            lines: whole lines.
            declared: lines that a new segment must repeat before them.

        Raises:
            OSError: nothing of *lines* counts as written, and the segment was given up.
        """
        try:
            return self._append(lines, declared)
        except OSError as error:
            self._give_up(error)
            raise

    def close(self) -> None:
        """Close the current segment, if there is one.

        Raises:
            OSError: what was not synced may be lost.
        """
        segment, self._segment = self._segment, None
        if segment:
            segment.close()

    def _append(self, lines: bytes | memoryview, declared: Sequence[bytes]) -> int:
        segment, heading = self._segment, 0
        size = len(lines)
        too_large = segment and segment.size + size > self._settings.segment_bytes
        if segment is None or (too_large and not self.fresh):
            segment, heading = self._next(declared)
        segment.append(lines)
        if self._settings.sync != "none":
            segment.sync()
        segment.check_place()
        self.fresh = False
        return heading + size

    def _next(self, declared: Sequence[bytes]) -> tuple[Segment, int]:
        self.close()
        self.fresh = True
        self._segment = Segment.create(self.directory, self._writer, self._disk, self._least)
        self._least = self._segment.number + 1  # no name is used twice: somebody may follow along
        self._disk.sync_directory(self.directory)
        opened = SegmentOpened(
            session="",
            seq=0,
            ts=timestamp(time.time()),
            schema=SCHEMA,
            run=self._run,
            writer=self._writer,
            sync=self._settings.sync,
            version=VERSION,
        )
        heading = b"".join([frame(opened), *declared])
        self._segment.append(heading)
        return self._segment, len(heading)

    def _give_up(self, error: OSError) -> None:
        """Leave the segment as it is, unless it only stands in the way of what it could not hold.

        Where there was no room, everything in a fresh segment is written again elsewhere: without
        it there is a little more room, and no litter for each attempt.
        """
        segment, self._segment = self._segment, None
        if segment is None:
            return
        with suppress(OSError):
            segment.close()
        if self.fresh and error.errno in (*FULL, errno.EFBIG):
            with suppress(OSError):
                self._disk.remove(segment.path)
