"""Hand a workspace over to whom the processes of its session run as."""

from __future__ import annotations

import os
from pathlib import Path

from hermes_run.errors import SandboxError
from hermes_run.sandboxes.tree import FOLDER
from hermes_run.sandboxes.workspaces import opened

DEPTH = 256
"""Folders in folders that are gone into; no file tool reaches deeper ones either."""


def hand_over(folder: Path, owner: int) -> None:
    """Make *owner* the owner of *folder* and of all that is in it, following no link.

    Nothing may run there yet: what is exchanged meanwhile is handed over in its place.

    Raises:
        SandboxError: that is not possible.
    """
    try:
        with opened(os.open(folder, FOLDER)) as descriptor:
            _hand_over(descriptor, owner, DEPTH)
    except OSError as error:
        raise SandboxError(f"the folder {folder} can't be handed over: {error}") from error


def _hand_over(folder: int, owner: int, depth: int) -> None:
    os.fchown(folder, owner, owner)
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if is_folder and depth:
            with opened(os.open(name, FOLDER, dir_fd=folder)) as below:
                _hand_over(below, owner, depth - 1)
        else:
            os.chown(name, owner, owner, dir_fd=folder, follow_symlinks=False)
