"""Answers that were paid for: one file each, put in one piece and durable before it is used.

A file's name is the hash of all that was asked (:func:`compressor.summarize.prompts.key`), so that
two processes can't disagree about what stands in it: whichever comes last puts the same kind of
answer in the same place, and who reads sees one of them whole.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import anyio
import anyio.to_thread
import msgspec

from compressor.errors import OutputError
from compressor.summarize.summary import Answer
from recorder.disk import Disk
from recorder.files import replace


class _Kept(msgspec.Struct, frozen=True):
    answer: Answer
    crc: str


async def make(directory: Path) -> None:
    """Make the folder, durably.

    Raises:
        OutputError: it can't be made.
    """
    try:
        await anyio.to_thread.run_sync(Disk().make_directory, directory)
    except OSError as error:
        raise _unusable(directory, error) from error


async def kept(directory: Path, key: str) -> Answer | None:
    """Give the answer that was kept under *key*; one that a bad disk has changed is none.

    Raises:
        OutputError: it can't be read.
    """
    try:
        content = await anyio.to_thread.run_sync(_path(directory, key).read_bytes)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(directory, error) from error
    try:
        found = msgspec.json.decode(content, type=_Kept)
    except (ValueError, RecursionError):
        return None
    return found.answer if found.crc == _check(found.answer) else None


async def keep(directory: Path, key: str, answer: Answer) -> None:
    """Keep *answer* under *key*; it is on stable storage when this returns.

    Raises:
        OutputError: it can't be kept.
    """
    content = msgspec.json.encode(_Kept(answer, _check(answer))) + b"\n"
    try:
        # Bounded by the disk: what was paid for is not given up because somebody waits no longer.
        with anyio.CancelScope(shield=True):
            await replace(_path(directory, key), content)
    except OSError as error:
        raise _unusable(directory, error) from error


def _path(directory: Path, key: str) -> Path:
    return directory / f"{key}.json"


def _check(answer: Answer) -> str:
    return f"{zlib.crc32(msgspec.json.encode(answer)):08x}"


def _unusable(directory: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{directory} can't keep the summaries that were paid for: {error.strerror or error}; "
        "make room there, or name another folder for them"
    )
