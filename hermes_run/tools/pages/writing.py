"""Write the text of a page in the manner of Markdown: blank lines, headings, lists, links. Pure."""

from __future__ import annotations

CHARACTERS = 2_000_000
"""What is written of one page at most."""

DEEPEST = 8
PREFIX_CHARACTERS = 24

_APART = frozenset(
    (  # noqa: SIM905 - names are read, not counted
        "address article aside blockquote body dl fieldset figure footer form h1 h2 h3 h4 h5 h6 "
        "header hr main nav ol p pre section table title ul"
    ).split()
)
_OWN_LINE = frozenset(
    "br caption dd details div dt figcaption li option summary tr".split()  # noqa: SIM905
)
_HEADINGS = {f"h{depth}": "#" * depth + " " for depth in range(1, 7)}


class Writer:
    """Takes the text and the tags of a page in their order."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0
        self._gap = 0
        self._space = False
        self._prefix = ""
        self._lists = 0
        self._literal = False
        self._href = ""
        self._link_at = 0

    @property
    def is_full(self) -> bool:
        """Whether as much was written as ever is."""
        return self._size >= CHARACTERS

    def text(self, text: str) -> None:
        """Write text; outside of `pre` all white space in a row is one space."""
        if self._literal:
            self._put(text)
            return
        words = text.split()
        if not words:
            self._space = self._space or bool(text)
            return
        self._space = self._space or text[0].isspace()
        self._put(" ".join(words))
        self._space = text[-1].isspace()

    def tag(self, name: str, *, closing: bool) -> None:
        """Begin or end an element."""
        if self._literal and not (name == "pre" and closing):
            self._gap = 1 if name == "br" else self._gap
            return
        self._gap = max(self._gap, 2 * (name in _APART) or 1 * (name in _OWN_LINE))
        if name in {"ul", "ol"}:
            self._lists = max(0, min(self._lists + (-1 if closing else 1), DEEPEST))
            # A list in a list is no thing apart.
            self._gap = 1 if self._lists - (not closing) > 0 else self._gap
        elif name == "pre" and closing == self._literal:
            self._fence(closing=closing)
        elif name in {"li", "title"} or name in _HEADINGS:
            self._begin(name, closing=closing)
        elif name in {"td", "th"} and not closing and not self._gap and self._parts:
            self._space = True
            self._put("|")
            self._space = True
        elif name == "hr" and not closing:
            self._put("---")
            self._gap = 2

    def link(self, href: str) -> None:
        """Begin a link, or end it with an empty *href*; links are never in links."""
        parts = self._parts[self._link_at :]
        if self._href and parts:
            whole = "".join(parts)
            label = whole.strip()
            lead = whole[: len(whole) - len(whole.lstrip())]
            linked = f"[{label}]({self._href})" if "\n" not in label else f"{label} ({self._href})"
            self._parts[self._link_at :] = [lead, linked] if label else [whole]
            self._size += len(self._href) + len("[]()")
        self._href, self._link_at = href, len(self._parts)

    def finished(self) -> str:
        """Give what was written; an open link or `pre` ends here."""
        self.link("")
        if self._literal:
            self._fence(closing=True)
        return "".join(self._parts)

    def _begin(self, name: str, *, closing: bool) -> None:
        if closing or name == "li":
            self._prefix = ""
        if not closing and len(self._prefix) < PREFIX_CHARACTERS:
            item = f"{'  ' * (self._lists - 1)}- "
            self._prefix += {"li": item, "title": "Title: "}.get(name) or _HEADINGS[name]

    def _fence(self, *, closing: bool) -> None:
        self._literal = False
        self._gap = 1 if closing else 2
        self._put("```")
        self._gap = 2 if closing else 1
        self._literal = not closing

    def _put(self, text: str) -> None:
        """Write *text* after the gap, the prefix or the space that is due."""
        between = " " if self._space and not self._prefix else ""
        if self._gap or not self._parts:
            between = "\n" * self._gap if self._parts else ""
        self._parts.append(between + self._prefix + text)
        self._size += len(self._parts[-1])
        self._gap, self._space, self._prefix = 0, False, ""
