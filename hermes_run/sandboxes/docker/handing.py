"""Give a folder, and all that is in it, to whoever runs commands."""

from __future__ import annotations

import os
from pathlib import Path

from hermes_run.errors import SandboxError
from hermes_run.sandboxes.tree import FOLDER
from hermes_run.sandboxes.workspaces import opened

DEPTH = 256
"""Folders in folders that are gone into; no file tool reaches deeper ones either."""


def hand_over(folder: Path, owner: int) -> None:
    """Make *owner* the owner of *folder* and all that is in it, following no link.

    Raises:
        SandboxError: we may not.
    """
    try:
        with opened(os.open(folder, FOLDER)) as descriptor:
            _hand_over(descriptor, owner, DEPTH)
    except OSError as error:
        raise SandboxError(f"the folder {folder} can't be handed over: {error}") from error


def _hand_over(descriptor: int, owner: int, depth: int) -> None:
    os.fchown(descriptor, owner, owner)
    with os.scandir(descriptor) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if is_folder and depth:
            with opened(os.open(name, FOLDER, dir_fd=descriptor)) as below:
                _hand_over(below, owner, depth - 1)
        else:
            os.chown(name, owner, owner, dir_fd=descriptor, follow_symlinks=False)
