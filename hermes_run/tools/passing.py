"""Give a shell in a sandbox text that no command line can hold: into a file, piece by piece."""

from __future__ import annotations

import errno
import shlex

from hermes_run.sandboxes.protocol import Command
from hermes_run.tools.tool import Context

TEXT_BYTES = 1_000_000
"""A longer text is refused: what is so long belongs into a file."""

PIECE_CHARACTERS = 24_000
"""Quoted, each of them has five bytes at most; a command line can have 131,000."""

_PIECE_S, _SAID_BYTES = 20.0, 200


async def pass_text(text: str, path: str, context: Context) -> bool:
    """Write *text* to a file, for a command that is to come; tells whether it is there.

    Args:
        text: what a model wrote.
        path: the file, as a word of a shell; its folder must be there.
        context: the session.

    Raises:
        OSError: the text is too long, or no shell can be asked.
    """
    size = len(text.encode("utf-8", "replace"))
    if size > TEXT_BYTES:
        advice = "write long text to a file with write_file, and use that"
        raise OSError(errno.E2BIG, f"it has {size:,} bytes and can have {TEXT_BYTES:,}; {advice}")
    for begin in range(0, len(text), PIECE_CHARACTERS):
        piece = shlex.quote(text[begin : begin + PIECE_CHARACTERS])
        line = f"printf %s {piece} {'>>' if begin else '>'} {path}"
        done = await context.sandbox.run(Command(line, _PIECE_S, _SAID_BYTES))
        if done.exit_code != 0:
            return False
    return True
