"""Crashes: the runner is killed in the middle of an attack, and its run goes on afterwards."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.redteam.guards import Call, sh

ATTACKS = {
    "a_command": sh("echo begun >begun; sleep 60"),
    "a_daemon": sh("setsid nohup sh -c 'sleep 60' >/dev/null 2>&1 & sleep 60"),
    "a_daemon_without_an_environment": sh("env -i setsid sleep 60 {base} & sleep 60"),
    "what_heeds_no_signal": sh(
        "trap '' HUP INT TERM PIPE; (trap '' HUP INT TERM; setsid sleep 60) & sleep 60"
    ),
    "forks": sh(":(){ :|:& };: ; sleep 60"),
    "writes": sh("while :; do head -c 1M /dev/urandom >x; mv x y; ln -sf / x; rm -f x; done"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_killed_runner_leaves_nothing_of(prison, attack):
    """No process is left; what goes on has a sound journal and its secrets."""
    prison.run_until_killed(
        sh("echo before >before"), ATTACKS[attack], seconds=0.4, sandbox_processes=64
    )
    # What was cut is run again, in the folder as it was before.
    done = prison.resume(sh("cat before; echo resumed"), sandbox_processes=64, tool_timeout=1.0)
    assert done.outcome in ("completed", "uncertain"), done
    assert not (prison.record / "workspaces").is_dir() or done.outcome != "completed"


def links(folder: Path, outside: Path) -> None:
    """Put links that lead out in the place of whatever is in *folder*, and beside it."""
    for path in list(folder.iterdir()):
        aside = path.with_name(f"{path.name}-was")
        path.rename(aside)
        path.symlink_to(outside, target_is_directory=True)
    (folder / "more").symlink_to(outside)
    (folder / "secret").symlink_to(outside / "secret")
    (folder / "victim").symlink_to(outside / "victim")


def plant(prison, kind: str) -> Path:
    """Give the attacker's folder of one kind."""
    top, _, below = kind.partition("/")
    (found,) = (prison.record / top).glob("attacker*")
    return found / below


@pytest.mark.parametrize("kind", ["workspaces", "scratch/tmp", "mirrors"])
def test_links_that_are_planted_between_lead_nowhere(prison, kind):
    """Whatever stands in a session's folder by now: what goes on neither reads nor changes it."""
    prison.run_until_killed(sh("mkdir d; echo x >d/f"), sh("sleep 60"), seconds=0.4)
    links(plant(prison, kind), prison.outside)
    done = prison.resume(
        sh(
            "cat d/f secret more/secret; echo escaped >d/f; echo escaped >victim; rm -rf d/* more/*"
        ),
        Call("read_file", {"path": "secret"}),
        Call("write_file", {"path": "victim", "content": "escaped"}),
        tool_timeout=1.0,
    )
    assert done.outcome in ("completed", "failed", "uncertain", "error"), done


@pytest.mark.parametrize("kind", ["workspaces", "mirrors"])
def test_a_folder_that_became_a_link_is_not_followed(prison, kind):
    """A session whose own folder leads out neither works there nor removes what is there."""
    prison.run_until_killed(sh("echo x >f"), sh("sleep 60"), seconds=0.4)
    folder = plant(prison, kind)
    shutil.rmtree(folder)
    folder.symlink_to(prison.outside, target_is_directory=True)
    done = prison.resume(sh("cat secret; echo escaped >victim; rm -rf *"), tool_timeout=1.0)
    assert done.outcome is not None
    assert os.path.lexists(prison.outside / "victim")
