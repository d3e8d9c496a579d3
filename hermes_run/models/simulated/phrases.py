"""Reading a prompt: files, folders, quoted words and small numbers, wherever they stand in it."""

from __future__ import annotations

import re
from functools import lru_cache


def phrase(pattern: str) -> re.Pattern[str]:
    """Compile a pattern for prose: either case, over line ends."""
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


PATH = r"[\w-][\w./-]*\.[A-Za-z]\w*"
QUOTED = re.compile(r"\"([^\"\n]+)\"|`([^`\n]+)`|(?<!\w)'([^'\n]+)'(?!\w)|“([^”\n]+)”")
FOLDERS = (
    re.compile(r"(?<![\w./-])([\w-][\w.-]*(?:/[\w.-]+)*)/(?![\w*-]|\.\w)"),
    re.compile(r"(?<![\w/-])([\w-]+(?:/[\w-]+)*)[`'\"]?\s+(?:folder|directory)\b"),
    re.compile(r"\b(?:folder|directory)\s+[`'\"]?([\w-]+(?:/[\w-]+)*)(?![\w/]*\.\w)"),
)
VERBS = r"\b(?:write|save|put|store|record|leave|note)\b"
NO_FOLDER = {"the", "this", "that", "a", "each", "every", "same", "in", "of", "from", "to"}
MARK = r"[`'\"(]?"
WRITTEN = (
    phrase(rf"{VERBS}.{{0,160}}?\b(?:into|to)\s+{MARK}(?P<path>{PATH})"),
    phrase(rf"{VERBS}.{{0,160}}?\b(?:in|as|called|named)\s+{MARK}(?P<path>{PATH})"),
)
NAMED = phrase(rf"\b(?:into|as|to|called|named)\s+{MARK}(?P<path>{PATH})")
REMEMBERED = 1024
"""Prompts whose files are remembered: every family asks for them, in every turn."""

ABBREVIATIONS = {"e.g", "i.e"}
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@lru_cache(maxsize=REMEMBERED)
def paths(prompt: str) -> tuple[str, ...]:
    """Name the files a prompt names, each once, in order."""
    found = re.findall(rf"(?<![\w/.*@-]){PATH}(?![\w/@*])", prompt)
    return tuple(dict.fromkeys(path for path in found if path.lower() not in ABBREVIATIONS))


@lru_cache(maxsize=REMEMBERED)
def target(prompt: str) -> str:
    """Name the file the result is to be written to, or nothing."""
    for pattern in WRITTEN:
        found = pattern.search(prompt)
        if found is not None:
            return found["path"]
    named = [found["path"] for found in NAMED.finditer(prompt)]
    return named[-1] if named else ""


def sources(prompt: str) -> tuple[str, ...]:
    """Name the files a prompt names besides its target."""
    out = target(prompt)
    return tuple(path for path in paths(prompt) if path != out)


@lru_cache(maxsize=REMEMBERED)
def folder(prompt: str) -> str:
    """Name the first folder a prompt names, or nothing."""
    for pattern in FOLDERS:
        for found in pattern.finditer(prompt):
            if found[1].lower() not in NO_FOLDER:
                return found[1]
    return ""


def quoted(prompt: str) -> tuple[str, ...]:
    """Give what stands in quotation marks or backticks and is neither a file nor a folder."""
    found = ("".join(groups) for groups in QUOTED.findall(prompt))
    return tuple(text for text in found if not re.fullmatch(rf"{PATH}|[\w./-]+/", text))


def amount(prompt: str) -> int:
    """Give the first small number of a prompt, as digits or as a word; 0 if there is none."""
    found = re.search(rf"\b(\d{{1,3}}|{'|'.join(NUMBERS)})\b(?![./-]\w)", prompt, re.IGNORECASE)
    if found is None:
        return 0
    said = found[1].lower()
    return int(said) if said.isdigit() else NUMBERS.index(said) + 1
