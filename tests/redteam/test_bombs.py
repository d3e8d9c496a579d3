"""Bombs: they cost the session that throws them, and nobody else, and all of them are cleared."""

from __future__ import annotations

import pytest

from tests.redteam.prison import Call

MIB = 2**20


def sh(command: str, **more: object) -> Call:
    """Run a command in the terminal."""
    return Call("terminal", {"command": command, **more})


EAT = "python3 -c \"x = []\nwhile True: x.append(bytearray(b'x' * (8 << 20)))\""

ATTACKS = {
    "forks": ":(){ :|:& };: ; sleep 1; echo $(ls -d /proc/[0-9]* | wc -l)",
    "forks_of_python": (
        'python3 -c "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass"'
    ),
    "memory": EAT,
    "memory_of_many_processes": f"for i in 1 2 3 4 5 6; do {EAT} & done; wait",
    "disk": "head -c 400M /dev/zero >full; ls -l full; head -c 400M /dev/zero >/tmp/full",
    "disk_without_a_name": (
        "exec 9>gone; rm gone; for i in $(seq 40); do head -c 16M /dev/zero >&9; done; echo over"
    ),
    "files": "mkdir f; cd f; for i in $(seq 400); do seq -f $i-%g 1000 | xargs touch; done; echo x",
    "shared_memory": "head -c 400M /dev/zero >/dev/shm/full; ls -l /dev/shm; rm /dev/shm/*",
    "shared_pages": (
        'python3 -c "import mmap\nx = []\nwhile True:\n  x.append(mmap.mmap(-1, 8 << 20))\n'
        '  x[-1].write(bytes(8 << 20))"'
    ),
    "names_in_memory": (
        "python3 -c \"for n in range(900000): open(f'/dev/shm/{n}', 'w').close()\"; echo over"
    ),
    "temporary_files": "for i in $(seq 40); do head -c 16M /dev/zero >/tmp/t$i; done; echo over",
    "processors": "for i in 1 2 3 4; do (while :; do :; done) & done; sleep 1; echo over",
    "output": "yes",
    "output_to_standard_error": "yes >&2",
    "one_line_of_a_gigabyte": "head -c 1G /dev/zero | tr '\\0' x",
    "a_drip": "while :; do printf .; sleep 0.2; done",
    "open_files": 'python3 -c "import os\nx = []\nwhile len(x) < 200000: x.append(os.pipe())"',
    "sleepers": "for i in $(seq 3000); do sleep 600 & done 2>/dev/null; echo over",
    "threads": (
        'python3 -c "import threading, time\nfor i in range(20000): '
        'threading.Thread(target=time.sleep, args=(600,), daemon=True).start()"'
    ),
    "message_queues": (
        'python3 -c "import ctypes; c = ctypes.CDLL(None); '
        'print(sum(c.msgget(0, 0o600) >= 0 for _ in range(50000)))"'
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_session_alone_pays_for_a_bomb_of(prison, attack):
    """The call ends within its limit, the session goes on, and nothing of the bomb is left."""
    done = prison.run(
        sh(ATTACKS[attack], timeout=4),
        sh("echo still-there"),
        sandbox_memory=256 * MIB,
        sandbox_disk=128 * MIB,
        sandbox_processes=128,
        tool_timeout=8.0,
    )
    assert done.outcome == "completed", done
    assert "still-there" in done.results[1]["output"], done
    assert len(done.results[0]["output"]) < 60_000


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
    done = prison.run(sh(STAYS[attack], timeout=6), sh("echo next"), tool_timeout=10.0)
    assert done.outcome == "completed"
    assert "started" in done.results[0]["output"]
    assert done.statuses == ["ok", "ok"]


KILLS = {
    "everybody": "kill -9 -1; echo over",
    "everybody_softly": "kill -TERM -1; kill -HUP -1; kill -INT -1; echo over",
    "everybody_to_a_stop": "kill -STOP -1; echo over",
    "the_parent": "kill -9 $PPID; kill -9 $(ps -o ppid= $PPID); echo over",
    "the_parent_to_a_stop": "kill -STOP $PPID; echo over",
    "the_first_process": "kill -9 1; kill -STOP 1; kill -9 0; echo over",
    "a_process_of_the_host": "kill -9 {victim}; kill -STOP {victim}; kill -9 -{victim}; echo over",
    "every_number": 'python3 -c "import os\nfor p in range(2, 70000):\n  try: p != os.getpid() and os.kill(p, 9)\n  except OSError: pass"',  # noqa: E501
}


@pytest.mark.parametrize("attack", KILLS)
def test_only_the_sandbox_is_killed_by_killing(prison, attack):
    """Whoever is hit is inside; the next call finds a sandbox again."""
    done = prison.run(sh(KILLS[attack], timeout=4), sh("echo next"), tool_timeout=8.0)
    assert done.outcome == "completed", done
    assert "next" in done.results[1]["output"], done


def test_nobody_waits_for_a_key(prison):
    """There is no terminal, and nothing comes from standard input."""
    done = prison.run(
        sh(
            "read x </dev/tty; cat; read y; cat /dev/stdin; python3 -c 'input()'; stty -a; echo end"
        ),
        tool_timeout=10.0,
    )
    assert done.statuses == ["ok"]
    assert "end" in done.output


PYTHON = {
    "leaving": "import os; os._exit(3)",
    "forks": "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass",
    "endless_output": "while True: print('x' * 1000)",
    "an_endless_loop": "try:\n  while True: pass\nexcept BaseException:\n  while True: pass",
    "a_crash": "import ctypes; ctypes.string_at(0)",
    "memory": "x = []\nwhile True: x.append(bytearray(b'x' * (8 << 20)))",
}


@pytest.mark.parametrize("attack", PYTHON)
def test_the_interpreter_is_bounded_too(prison, attack):
    """Its calls end within their limit; then there is an interpreter again."""
    done = prison.run(
        Call("python", {"code": PYTHON[attack]}),
        Call("python", {"code": "1"}),
        Call("python", {"code": "print('still', 'there')"}),
        toolsets=["default", "python"],
        sandbox_memory=256 * MIB,
        sandbox_processes=128,
        tool_timeout=4.0,
    )
    assert done.outcome == "completed", done
    assert "still there" in done.results[2]["output"], done
