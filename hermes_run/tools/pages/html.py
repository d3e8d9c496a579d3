"""The readable text of an HTML page, with its headings, lists and links.

Parsers that build the tree of a page, as browsers do, need time and memory that grow with the
square of its size where the page wants it so. Here the page is read once from front to back; tags
that are never closed, or closed in the wrong order, cost no more than others. Pure.
"""

from __future__ import annotations

import html
import re
from collections.abc import Generator, Iterator
from urllib.parse import urljoin

import msgspec

from hermes_run.tools.pages.writing import Writer

ATTRIBUTES = 8_192
"""Characters of a tag in which attributes are looked for."""

HREF_CHARACTERS = 2_000

_TAG = re.compile(r"</?[A-Za-z][^\s/>]{0,30}")
_STOP = re.compile("[>\"']")
_HREF = re.compile(
    r"(?:^|[\s\"'/])href\s{0,20}=\s{0,20}(\"[^\"]*\"|'[^']*'|[^\s>\"']+)", re.IGNORECASE
)
_ALT = re.compile(
    r"(?:^|[\s\"'/])alt\s{0,20}=\s{0,20}(\"[^\"]*\"|'[^']*'|[^\s>\"']+)", re.IGNORECASE
)
# html.unescape() refuses numbers that Python refuses to read.
_HUGE = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{8,});?")

_SILENT = {"script", "style", "template", "svg", "iframe", "noscript", "object", "canvas", "select"}
"""Elements whose content is not read."""

_RAW = {"script", "style", "textarea", "title", "xmp", "iframe", "noframes"}
"""Elements in which only their own end tag is one."""


class Tag(msgspec.Struct, frozen=True):
    """A start tag with its attributes as they are written, or an end tag."""

    name: str
    attributes: str = ""
    closing: bool = False


def html_text(source: str, base: str) -> str:
    """Write a page as text in the manner of Markdown; links are completed by its URL *base*."""
    writer = Writer()
    silent = 0
    within = ""
    for piece in tokens(source):
        if writer.is_full:
            break
        if isinstance(piece, str):
            if not silent:
                writer.text(unescape(piece))
        elif piece.name in _SILENT:
            # Only the element that began it ends it: they may be nested.
            within = within or piece.name
            silent += (-1 if piece.closing else 1) if piece.name == within else 0
            silent = max(silent, 0)
            within = within if silent else ""
        elif not silent:
            _write(writer, piece, base)
    return writer.finished()


def tokens(source: str) -> Iterator[Tag | str]:
    """Split a page into tags and the text between them, going forward only."""
    place, missing = 0, set[str]()
    while place < len(source):
        start = source.find("<", place)
        start = len(source) if start < 0 else start
        if start > place:
            yield source[place:start]
        found = _TAG.match(source, start)
        if found is None:
            place = yield from _other(source, start)
            continue
        end = _tag_end(source, found.end(), missing)
        tag = Tag(found[0].strip("</").lower(), source[found.end() : end], found[0][1] == "/")
        yield tag
        place = end + 1
        if tag.name in _RAW and not tag.closing:
            ends = re.compile(f"</{tag.name}", re.IGNORECASE).search(source, place)
            rest = ends.start() if ends else len(source)
            yield source[place:rest]
            place = rest


def unescape(text: str) -> str:
    """Read the references to characters in a text."""
    return html.unescape(_HUGE.sub("\ufffd", text))


def _other(source: str, start: int) -> Generator[str, None, int]:
    """Pass over a comment or a declaration, or give a `<` that is only itself."""
    if source.startswith("<!--", start):
        end = source.find("-->", start + 2)
        return len(source) if end < 0 else end + 3
    if source.startswith(("<!", "<?", "</"), start):
        end = source.find(">", start)
        return len(source) if end < 0 else end + 1
    if start < len(source):
        yield "<"
    return start + 1


def _tag_end(source: str, place: int, missing: set[str]) -> int:
    """Find where a tag ends: at the first `>` that is in no quotes; *missing* ones end nowhere."""
    while found := _STOP.search(source, place):
        quote, place = found[0], found.end()
        if quote == ">":
            return found.start()
        opens = source[found.start() - 1] == "=" or source[found.start() - 1].isspace()
        close = -1 if quote in missing or not opens else source.find(quote, place)
        if close >= 0:
            place = close + 1
        elif opens:
            missing.add(quote)
    return len(source)


def _write(writer: Writer, tag: Tag, base: str) -> None:
    if tag.name == "a":
        writer.link("" if tag.closing else _target(tag, base))
    elif tag.name == "img" and not tag.closing:
        alt = " ".join(_attribute(_ALT, tag).split())
        writer.text(f"[image: {alt[:200]}]" if alt else "")
    else:
        writer.tag(tag.name, closing=tag.closing)


def _target(tag: Tag, base: str) -> str:
    """Give the whole URL that a link leads to, if it leads to another page."""
    href = _attribute(_HREF, tag).strip()
    if not href or href.startswith("#") or len(href) > HREF_CHARACTERS:
        return ""
    try:
        whole = urljoin(base, href)
    except ValueError:
        return ""
    return re.sub(r"\s", "%20", whole) if whole.startswith(("http://", "https://")) else ""


def _attribute(pattern: re.Pattern[str], tag: Tag) -> str:
    found = pattern.search(tag.attributes[:ATTRIBUTES])
    return unescape(found[1].strip("\"'")) if found else ""
