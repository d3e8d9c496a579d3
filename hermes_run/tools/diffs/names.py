"""Read the names of files in the headers of a unified diff."""

from __future__ import annotations

import re

from hermes_run.tools.diffs.hunks import BadPatch, FilePatch

_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPED = {
    b"n": b"\n",
    b"t": b"\t",
    b"r": b"\r",
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"v": b"\v",
}
_PREFIXES = tuple(f"{letter}/" for letter in "abciow")
_FACTS = ("rename from", "rename to", "new file mode", "deleted file mode", "new mode")
NOTHING = "/dev/null"


def header_path(line: str) -> dict[str, str]:
    """Read a line of git's extended header, giving an empty mapping for any other."""
    return {fact: name(line[len(fact) :]) for fact in _FACTS if line.startswith(f"{fact} ")}


def plain_names(minus: str, plus: str, facts: dict[str, str], number: int) -> FilePatch | BadPatch:
    """Name the file of the header lines ``---`` and ``+++``, of which *number* is the first."""
    old, new = name(minus[4:]), name(plus[4:])
    if "rename from" in facts and "rename to" in facts:
        return _moved(facts)
    if old == new == NOTHING:
        return BadPatch(f"line {number} of the patch names no file")
    if old == NOTHING:
        return FilePatch("add", _stripped(new), notes=_mode(facts))
    if new == NOTHING:
        return FilePatch("delete", _stripped(old))
    if old.startswith(_PREFIXES) and new.startswith(_PREFIXES) and old[0] != new[0]:
        old, new = old[2:], new[2:]
    return FilePatch("update", new, otherwise=old if old != new else None, notes=_mode(facts))


def git_names(line: str, facts: dict[str, str], number: int) -> FilePatch | BadPatch:
    """Name the file of a ``diff --git`` line without ``---`` and ``+++``."""
    if "rename from" in facts and "rename to" in facts:
        return _moved(facts)
    both = line.removeprefix("diff --git ")
    half = len(both) // 2
    old, new = name(both[:half]), name(both[half + 1 :])
    if old[2:] != new[2:] or not old[2:]:
        return BadPatch(f"line {number} of the patch does not say which file it means")
    if "new file mode" in facts:
        return FilePatch("add", new[2:], notes=_mode(facts))
    if "deleted file mode" in facts:
        return FilePatch("delete", old[2:])
    return FilePatch("update", new[2:], notes=_mode(facts))


def name(written: str) -> str:
    """Read a name as it stands in a header: in quotes with escapes, or up to a time stamp."""
    text = written.strip()
    if len(text) > 1 and text.startswith('"') and '"' in text[1:]:
        quoted = text[1 : text.rindex('"')].encode("utf-8", "surrogatepass")
        return _ESCAPE.sub(_unescaped, quoted).decode("utf-8", "replace")
    return text.split("\t")[0].rstrip()


def _unescaped(found: re.Match[bytes]) -> bytes:
    code = found[1]
    return bytes([int(code, 8) & 0xFF]) if len(code) == 3 else _ESCAPED.get(code, code)


def _stripped(path: str) -> str:
    return path[2:] if path.startswith(("a/", "b/")) else path


def _moved(facts: dict[str, str]) -> FilePatch:
    return FilePatch("move", facts["rename from"], to=facts["rename to"], notes=_mode(facts))


def _mode(facts: dict[str, str]) -> tuple[str, ...]:
    """Say that a mode was not set; the usual one of a new file needs no word."""
    mode = facts.get("new mode") or facts.get("new file mode") or "100644"
    return () if mode == "100644" else (f"mode {mode} was not set; use chmod",)
