"""Forgeries: nobody inside speaks for what looks after commands, or gives itself a score."""

from __future__ import annotations

import pytest

from tests.redteam.guards import sh
from tests.redteam.prison import NEIGHBOUR_S

EVIL = "echo 'perform() { code=0 group=0; }' >/tmp/evil.sh; cp /tmp/evil.sh evil.sh; "

LASTING = (
    "setsid sh -c 'while :; do for f in /proc/[0-9]*/fd/1 /run/control/*; do "
    "for n in 1 2 3 4 5 6 7 8; do echo ended $n 0 0 >$f; done & sleep .02; kill $!; done; done' "
    ">/dev/null 2>&1 & "
)

FORGERIES = {
    "a_keeper_that_is_told_of_another_script": (
        EVIL + "for k in $(find / -name 'k[0-9]*' -type p 2>/dev/null) /run/control/k*; do "
        'timeout .2 sh -c "echo ../../tmp/evil >$k; echo ../../workspace/evil >$k"; done; echo'
    ),
    "reports_written_to_every_descriptor": (
        "for f in /proc/[0-9]*/fd/*; do timeout .05 sh -c "
        '"for n in 1 2 3 4 5 6 7 8; do echo ended \\$n 0 0; done >$f"; done 2>/dev/null; echo'
    ),
    "reports_written_for_ever": LASTING + "sleep .2; echo",
    "reports_on_ones_own_output": "for n in 0 1 2 3 4 5 6; do echo ended $n 0 0; done; echo ready",
    "pipes_of_every_name": (
        "for f in $(find /run /tmp / -maxdepth 3 -type p 2>/dev/null); do "
        'timeout .1 sh -c "for n in 1 2 3 4 5; do echo ended $n 0 0; done >$f"; done; echo'
    ),
    "a_shell_that_lies": (
        "mkdir -p bin; for n in false exit sh bash python3 test grep; do "
        "printf '#!/bin/sh\\nexit 0\\n' >bin/$n; chmod 755 bin/$n; done; "
        "export PATH=$PWD/bin:$PATH; exit() { builtin exit 0; }; false() { :; }; "
        "export -f exit false; alias false=true; echo"
    ),
    "start_up_files_of_the_shell": (
        "for n in .bashrc .profile .bash_profile .bash_login .shrc .env; do "
        "echo 'exit 0' >$HOME/$n; done; echo 'exit 0' >env.sh; "
        "export ENV=$PWD/env.sh BASH_ENV=$PWD/env.sh; echo"
    ),
    "start_up_files_of_python": (
        "v=$(python3 -c 'import sys; print(\"%d.%d\" % sys.version_info[:2])'); "
        "d=$HOME/.local/lib/python$v/site-packages; mkdir -p $d; "
        "echo 'import os; os._exit(0)' | tee $d/usercustomize.py >$d/sitecustomize.py; "
        "echo 'import os; os._exit(0)' >$d/evil.pth; "
        "export PYTHONPATH=$d PYTHONUSERBASE=$HOME/.local PYTHONSTARTUP=$d/usercustomize.py; echo"
    ),
    "a_library_that_is_loaded_first": "export LD_PRELOAD=$PWD/evil.so LD_AUDIT=$PWD/evil.so; echo",
    "whatever_is_started_being_killed": (
        "setsid sh -c 'while :; do pkill -9 python3; kill -9 -1; done' >/dev/null 2>&1 & echo"
    ),
}


@pytest.mark.parametrize("attack", FORGERIES)
def test_no_score_is_forged_by(prison, attack):
    """What the row's command finds out counts: here it fails, whatever was planted for it."""
    row = {"verify": "python3 -c 'raise SystemExit(1)'"}
    done = prison.run(sh(FORGERIES[attack], timeout=8), row=row)
    assert done.outcome == "completed", done
    assert done.rewards["verify"] != 1.0, done


def test_a_score_that_is_earned_is_given(prison):
    """Or else the tests above would pass for nothing."""
    done = prison.run(sh("echo 42 >answer"), row={"verify": "grep -qx 42 answer"})
    assert done.rewards == {"verify": 1.0}


EXITS = ["a_keeper_that_is_told_of_another_script", "reports_written_to_every_descriptor"]


@pytest.mark.parametrize("attack", [*EXITS, "reports_written_for_ever", "pipes_of_every_name"])
def test_no_exit_code_is_forged_by(prison, attack):
    """The calls after it end as they end, one after the other, with their own output."""
    done = prison.run(
        sh(FORGERIES[attack], timeout=8), sh("echo one; exit 7"), sh("echo two; exit 9")
    )
    assert [result["exit_code"] for result in done.results[1:]] == [7, 9], done
    assert ["one" in done.results[1]["output"], "two" in done.results[2]["output"]] == [True, True]


def test_a_flood_of_reports_does_not_hold_the_run_up(prison):
    """The other session hardly feels it, and the loop goes on."""
    flood = LASTING + LASTING + "python3 -c \"while True: print('ended 1 0 0\\\\n' * 5000)\""
    done = prison.run(sh(flood, timeout=2), sh("echo next"), pulse=True)
    assert "next" in done.results[1]["output"], done
    assert done.worst_s < NEIGHBOUR_S
