"""Any `tokenizer.json`, by path or from the local hub cache (`pip install hermes-run[tokenizers]`).

A `tokenizer.json` is read as what it is, a description; no code that a model brings is ever run.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import tokenizers

from compressor.errors import TokenizerError
from compressor.tokens import vocabularies
from compressor.tokens.counting import clean

FILE = "tokenizer.json"
ID = re.compile(r"(?P<org>[\w.-]+)/(?P<name>[\w.-]+)(@(?P<revision>[\w.-]+))?")
"""How a model of the hub is named, with a branch, a tag or a commit where one is meant."""


class TokenizerFile:
    """Counts with a `tokenizer.json`, without the tokens that it puts around a text."""

    __slots__ = ("_name", "_path", "_tokenizer")

    def __init__(self, path: Path, name: str) -> None:
        """Read *path*; *name* is what rows say they were counted with."""
        self._path = path
        self._name = name
        self._tokenizer = _read(path)

    def __reduce__(self) -> tuple[type[TokenizerFile], tuple[Path, str]]:
        """Go to another process as what is to be read there."""
        return TokenizerFile, (self._path, self._name)

    @property
    def name(self) -> str:
        """What rows say: the hub id, or the folder and the hash of the file."""
        return self._name

    @property
    def exact(self) -> bool:
        """True: the vocabulary itself counts."""
        return True

    @property
    def path(self) -> Path:
        """The file; a chat template may lie beside it."""
        return self._path

    def count(self, text: str) -> int:
        """How many tokens *text* has; markers spelled out in it count as the file says."""
        return len(self._tokenizer.encode(clean(text), add_special_tokens=False).ids)


def open_path(name: str) -> TokenizerFile:
    """Read the `tokenizer.json` at the path *name*, or in the folder there.

    Rows name it by its folder and its hash, not by where it lies on this machine.

    Raises:
        TokenizerError: there is none, or it is no tokenizer.
    """
    path = Path(name)
    path = (path / FILE if path.is_dir() else path).resolve()
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise TokenizerError(f"{path} can't be read: {error.strerror}") from error
    return TokenizerFile(path, f"{path.parent.name}/{path.name}#{digest[:12]}")


def open_cached(name: str) -> TokenizerFile:
    """Read the tokenizer of the model ``ORG/NAME[@REVISION]`` from the local hub cache.

    Raises:
        TokenizerError: the cache has no such model, or no tokenizer of it.
    """
    cache = cache_folder()
    found = ID.fullmatch(name)
    path = found and _snapshot(cache, found["org"], found["name"], found["revision"])
    if path:
        return TokenizerFile(path, name)
    near = vocabularies.nearest(name)
    instead = f", or count with {near!r}, which comes with the package" if near else ""
    raise TokenizerError(
        f"There is no file {name} and no {FILE} of such a model in {cache}. "
        f"To download it, say hub:{name}{instead}"
    )


def cache_folder() -> Path:
    """Where Hugging Face keeps what was downloaded, by its environment variables."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if folder := os.environ.get(variable):
            return Path(folder).expanduser()
    general = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{general}/huggingface"
    return Path(home).expanduser() / "hub"


def _snapshot(cache: Path, org: str, name: str, revision: str | None) -> Path | None:
    """Find the file of *revision*: a branch, a tag or a commit; without one, of `main`.

    A model that was fetched by its commit only has no `main`: then its one snapshot is meant.
    """
    model = cache / f"models--{org}--{name}"
    try:
        commit = (model / "refs" / (revision or "main")).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        commit = revision or "*"
    found = sorted(model.glob(f"snapshots/{commit}/{FILE}"))
    return found[0] if len(found) == 1 else None


def _read(path: Path) -> tokenizers.Tokenizer:
    """Read *path*, and take away that it cuts texts or fills them up: both would be miscounted."""
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the package raises plain Exception for whatever is wrong
        raise TokenizerError(f"{path} is no tokenizer that can be read: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
