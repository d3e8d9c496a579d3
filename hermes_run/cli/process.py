"""What a process needs before it runs anything: its standard streams, and room for open files."""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress


def own_streams() -> None:
    """Give the process its three standard streams where it was started without them.

    Else the first files that it opens would get their numbers: whatever a library writes to
    standard error would end up in the journal.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(descriptor, "w", closefd=False))


def allow_many_files() -> None:
    """Let this process open as many files as it may: every session needs a handful at once."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems promise more than they give
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
