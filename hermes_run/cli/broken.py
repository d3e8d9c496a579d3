"""A fault of the program itself: one sentence for the screen, the traceback for a file.

Only the standard library is needed here, so that this works whatever else is broken.
"""

from __future__ import annotations

import os
import tempfile
import traceback
from pathlib import Path

from hermes_run.cli.output import tell


def tell_broken(error: BaseException) -> int:
    """Say that *error* is a fault of ours and where its traceback is; gives the exit code."""
    text = " ".join(str(error).split())
    shown = "".join(c if c.isprintable() else " " for c in text)[:500]
    tell(f"hermes-run: something broke: {type(error).__name__}: {shown}")
    tell_where(keep_traceback(error))
    return 1


def tell_where(path: Path) -> None:
    """Say where the traceback is."""
    tell(f"The traceback is in {path}; this is a fault of hermes-run.")


def keep_traceback(error: BaseException) -> Path:
    """Write the traceback of *error* to a file of its own, for its owner only."""
    descriptor, path = tempfile.mkstemp(prefix="hermes-run-", suffix=".log")
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(traceback.format_exception(error))
    return Path(path)
