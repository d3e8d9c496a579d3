"""Cut long output by bytes: head and tail stay, and what is missing in between is said."""

from __future__ import annotations

import msgspec


class Clip(msgspec.Struct, frozen=True):
    """The beginning and the end of a stream of which *size* bytes went by.

    At most *limit* bytes are kept, half of them in *head*, however long the stream is.
    """

    limit: int
    head: bytes = b""
    tail: bytes = b""
    size: int = 0


def feed(clip: Clip, chunk: bytes) -> Clip:
    """Take in the next bytes of the stream."""
    room = clip.limit // 2 - len(clip.head)
    tail = clip.tail + chunk[room:]
    return Clip(
        limit=clip.limit,
        head=clip.head + chunk[:room] if room else clip.head,
        tail=tail[max(0, len(tail) - (clip.limit - clip.limit // 2)) :],
        size=clip.size + len(chunk),
    )


def cut(content: bytes, limit: int, size: int | None = None) -> bytes:
    """Shorten *content* to *limit* bytes and a line that says how many are gone.

    *size* is what there was before *content* itself was cut; an earlier line about that falls away
    with the middle.
    """
    if len(content) <= limit:
        return content
    return render(msgspec.structs.replace(feed(Clip(limit), content), size=size or len(content)))


def render(clip: Clip) -> bytes:
    """Write out what was kept; no character of UTF-8 is split where the middle is missing."""
    if clip.size <= len(clip.head) + len(clip.tail):
        return clip.head + clip.tail
    head = clip.head[: len(clip.head) - _begun(clip.head)]
    tail = clip.tail[_continued(clip.tail) :]
    return head + b"\n[... %d bytes cut ...]\n" % (clip.size - len(head) - len(tail)) + tail


def _continued(tail: bytes) -> int:
    """Count the bytes at the front that belong to a character begun before."""
    count = 0
    while count < min(3, len(tail)) and tail[count] & 0xC0 == 0x80:
        count += 1
    return count


def _begun(head: bytes) -> int:
    """Count the bytes at the end that begin a character which is not complete."""
    for back in range(1, min(4, len(head) + 1)):
        byte = head[-back]
        if byte & 0xC0 == 0x80:
            continue
        wanted = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return back if back < wanted else 0
    return 0
