"""Files of models in the local cache of Hugging Face: found, never fetched.

The layout is `CACHE/models--ORG--NAME/snapshots/COMMIT/FILE`, with the commits of branches and tags
in `refs`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

ID = re.compile(r"(?P<org>[\w.-]+)/(?P<name>[\w.-]+)(@(?P<revision>[\w.-]+))?")
"""How a model of the hub is named, with a branch, a tag or a commit where one is meant."""


def cache_folder() -> Path:
    """Where Hugging Face keeps what was downloaded, by its environment variables."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if folder := os.environ.get(variable):
            return Path(folder).expanduser()
    general = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{general}/huggingface"
    return Path(home).expanduser() / "hub"


def cached_file(name: str, file: str) -> Path | None:
    """Find *file* of the model ``ORG/NAME[@REVISION]``: of `main` where no revision is named.

    A model that was fetched by its commit has no `main`: then its one snapshot is meant.
    """
    found = ID.fullmatch(name)
    if not found:
        return None
    model = cache_folder() / f"models--{found['org']}--{found['name']}"
    revision = found["revision"]
    try:
        commit = (model / "refs" / (revision or "main")).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        commit = revision or "*"
    files = sorted(model.glob(f"snapshots/{commit}/{file}"))
    return files[0] if len(files) == 1 else None
