"""Processes: none outlives its session, none kills what is outside, and none waits for a key."""

from __future__ import annotations

import pytest

from tests.redteam.guards import sh

STAYS = {
    "a_daemon": "setsid nohup sleep 600 >/dev/null 2>&1 & echo started",
    "a_daemon_that_holds_the_pipe": "(sleep 600 &) ; echo started",
    "a_daemon_without_an_environment": "env -i setsid sleep 600 & echo started",
    "a_daemon_that_heeds_no_signal": (
        "(trap '' HUP INT TERM; setsid sh -c 'trap \"\" HUP INT TERM; sleep 600' &) ; echo started"
    ),
    "a_daemon_that_forks_twice": (
        'python3 -c "import os\nif os.fork(): os._exit(0)\nos.setsid()\n'
        "if os.fork(): os._exit(0)\n[os.close(n) for n in range(3)]\n"
        'import time; time.sleep(600)"; echo started'
    ),
    "a_stopped_process": "sleep 600 & kill -STOP $!; echo started",
}


@pytest.mark.parametrize("attack", STAYS)
def test_nothing_outlives_its_session(prison, attack):
    """The call comes back at once, and the end of the session is the end of all its processes."""
    done = prison.run(sh(STAYS[attack], timeout=60), sh("echo next"), tool_timeout=100.0)
    assert done.outcome == "completed"
    assert "started" in done.results[0]["output"]
    assert done.statuses == ["ok", "ok"]


KILLS = {
    "everybody": "kill -9 -1; echo over",
    "everybody_softly": "kill -TERM -1; kill -HUP -1; kill -INT -1; echo over",
    "everybody_to_a_stop": "kill -STOP $PPID; kill -STOP 1; kill -STOP -1; echo over",
    "the_parent": "kill -9 $PPID; kill -9 $(ps -o ppid= $PPID); echo over",
    "the_first_process": "kill -9 1; kill -9 0; echo over",
    "a_process_of_the_host": "kill -9 {victim}; kill -STOP {victim}; kill -9 -{victim}; echo over",
    "every_number": 'python3 -c "import os\nfor p in range(2, 70000):\n  try: p != os.getpid() and os.kill(p, 9)\n  except OSError: pass"',  # noqa: E501
}


@pytest.mark.parametrize("attack", KILLS)
def test_only_the_sandbox_is_killed_by_killing(prison, attack):
    """Whoever is hit is inside; when it is over, the next call finds a sandbox again."""
    # What the first call left running may still hit the second.
    calls = sh(KILLS[attack], timeout=2), sh("sleep .3"), sh("echo next")
    done = prison.run(*calls, tool_timeout=60.0)
    assert done.outcome == "completed", done
    assert "next" in done.results[2]["output"], done


def test_nobody_waits_for_a_key(prison):
    """There is no terminal, and nothing comes from standard input."""
    done = prison.run(
        sh(
            "read x </dev/tty; cat; read y; cat /dev/stdin; python3 -c 'input()'; stty -a; echo end"
        ),
        tool_timeout=100.0,
    )
    assert done.statuses == ["ok"]
    assert "end" in done.output
