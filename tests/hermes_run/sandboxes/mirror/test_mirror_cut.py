"""A process may die anywhere on the way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hermes_run.errors import SandboxError
from hermes_run.sandboxes.mirror import PACK, RESTORED, Mirror


def test_a_mirror_that_is_not_whole_is_found_out_before_the_workspace_is_touched(
    mirror, workspace, everything, spoil
):
    """Nothing is removed before all of it could be read."""
    mirror.update(1)
    spoil(workspace)
    before = everything(workspace)
    os.truncate(mirror.folder / PACK, 3)
    with pytest.raises(SandboxError, match="cut short"):
        mirror.restore()
    assert everything(workspace) == before


CUT = """
import os, sys
from pathlib import Path
from hermes_run.sandboxes.mirror import Mirror, boot_id

def die_at(number):
    left = iter(range(number))
    sys.addaudithook(lambda *_: next(left, None) is not None or os._exit(9))

boot_id()
mirror = Mirror(Path("mirror"), Path("workspace"))
for number, line in enumerate(sys.stdin):
    if os.fork() == 0:
        die_at(number)
        mirror.restore() if line == "restore\\n" else mirror.update(2)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


@pytest.fixture
def killed(tmp_path: Path):
    """Do something to a mirror in a process that is killed, the n-th time at its n-th act.

    An act is what Python tells its audit hooks about: all that changes a file system is.
    """
    line = [sys.executable, "-c", CUT]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(line, cwd=tmp_path, env=environment, **pipes) as process:

        def was_killed(deed: str) -> bool:
            assert process.stdin
            assert process.stdout
            process.stdin.write(f"{deed}\n")
            process.stdin.flush()
            return {"9\n": True, "0\n": False}[process.stdout.readline()]

        yield was_killed


def test_a_restore_that_is_cut_short_anywhere_can_be_done_again(
    mirror, tmp_path, killed, everything, spoil
):
    """The mirror stays complete until somebody removes it."""
    mirror = Mirror(tmp_path / "mirror", mirror.workspace)
    before = everything(mirror.workspace)
    assert mirror.update(1)
    spoil(mirror.workspace)
    kills = 0
    while killed("restore"):
        kills += 1
        mirror.restore()
        assert everything(mirror.workspace) == before
        assert not (mirror.folder / RESTORED).exists()
        spoil(mirror.workspace)
    assert kills > 30
    assert everything(mirror.workspace) == before


def test_an_update_that_is_cut_short_anywhere_leaves_a_complete_mirror_or_none(
    mirror, tmp_path, killed, everything, spoil
):
    """Either way the next one makes it right."""
    mirror = Mirror(tmp_path / "mirror", mirror.workspace)
    before = everything(mirror.workspace)
    assert mirror.update(1)
    kills = 0
    while killed("update"):
        kills += 1
        assert everything(mirror.workspace) == before
        assert mirror.stands_before(2) or mirror.stands_before(1) or mirror.update(2)
        spoil(mirror.workspace)
        mirror.restore()
        assert everything(mirror.workspace) == before
        assert mirror.update(1)
    assert kills > 15
    assert mirror.stands_before(2)


def test_a_mirror_or_a_workspace_that_cannot_be_removed_is_named(unprivileged):
    """Whose folder they stand in is not the session's business."""
    closed = unprivileged / "closed"
    workspace = closed / "workspace"
    workspace.mkdir(parents=True)
    mirror = Mirror(closed / "mirror", workspace)
    assert mirror.update(1)
    closed.chmod(0o500)
    with pytest.raises(SandboxError, match=r"workspace can't be removed: Permission denied"):
        mirror.restore()
    with pytest.raises(SandboxError, match=r"mirror can't be removed: Permission denied"):
        mirror.remove()
