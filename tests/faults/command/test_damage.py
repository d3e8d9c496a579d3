"""A journal that was damaged after a crash: refused, named, saved from; a torn tail is skipped."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from recorder.events import SessionEnded, SessionStarted

JOURNAL = Path("runs/mine/journal")
LOOKS, LOOK_S = 200, 0.2


def crash(run, running, replies: int) -> None:
    """Kill the run when it has got *replies* more and waits for another."""
    endpoint = run.endpoint
    wanted = endpoint.answered.total() + replies
    endpoint.give_at_most(wanted)
    endpoint.wait_until(lambda: endpoint.answered.total() == wanted and endpoint.waiting)
    running.kill()
    running.communicate()


def newest() -> Path:
    """The segment that was begun last."""
    return max(JOURNAL.iterdir(), key=lambda path: path.name)


def flip(content: bytes) -> bytes:
    """Flip one bit in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]


def blank(content: bytes) -> bytes:
    """Write zeros over a block in the middle, as a disk does that lost it."""
    middle = len(content) // 2
    return content[:middle] + bytes(512) + content[middle + 512 :]


def forget(content: bytes) -> bytes:
    """Leave out the start of a session: each other line checks."""
    lines = content.splitlines(keepends=True)
    starts = [line for line in lines if b'"session_started"' in line]
    return b"".join(line for line in lines if line is not starts[0])


def everything(folder: Path) -> dict[Path, bytes]:
    """Read every file of a run; the lock says who looked at it last."""
    found = {}
    for path in folder.rglob("*"):
        if path.name != "lock" and path.is_file():
            with suppress(FileNotFoundError):  # who dies may remove it yet
                found[path] = path.read_bytes()
    return found


def still(folder: Path) -> dict[Path, bytes]:
    """Read every file once none changes: what a killed run has started takes a moment to die."""
    seen = everything(folder)
    for _ in range(LOOKS):
        time.sleep(LOOK_S)
        seen, before = everything(folder), seen
        if seen == before:
            return seen
    raise AssertionError("somebody still writes into the run")


@pytest.fixture
def crashed(watch, few) -> Callable[[], object]:
    """Give a run that was killed when each session had its first reply, and some their second."""
    run = watch(few)
    crash(run, run.begin(), len(run.whole.rows) * 3 // 2)
    still(Path("runs/mine"))
    return run


@pytest.mark.slow
def test_a_damaged_journal_is_refused_and_what_is_sound_is_saved(crashed, finish, command, look_at):
    """Nothing is asked or changed; the sentence names the way on, and what it saves goes on.

    What is saved is the record: sessions that had changed their workspace have to begin anew.
    """
    run = crashed
    path, content = newest(), newest().read_bytes()
    for damage in (blank, forget, flip):
        path.write_bytes(damage(content))
        before = (everything(Path("runs/mine")), run.endpoint.total)
        done = finish("resume", "runs/mine", "--progress", "plain")
        assert (done.code, done.out) == (1, ""), damage
        assert "the journal of runs/mine is damaged: " in done.err, damage
        assert "`hermes-run verify runs/mine --salvage OUT`" in done.err
        assert "Traceback" not in done.err
        assert (everything(Path("runs/mine")), run.endpoint.total) == before, damage
        assert command("verify", "runs/mine").code == 1, damage
    saved = command("verify", "runs/mine", "--salvage", "runs/saved")
    assert (saved.code, saved.err) == (1, "")
    replies = look_at("runs/saved")[0].replies()
    assert 0 < len(replies) < run.endpoint.answered.total()
    run.endpoint.give_at_most()
    done = finish("resume", "runs/saved", "--progress", "plain")
    assert done.code == 3, done.err
    past, rows = look_at("runs/saved")
    assert replies <= past.replies()
    failed = [row["error"] for row in rows.values() if row["outcome"] != "completed"]
    assert all("`--restart-failed` begins the session anew" in error for error in failed)
    done = finish("resume", "runs/saved", "--restart-failed", "--progress", "plain")
    assert done.code == 0, done.err
    past, rows = look_at("runs/saved")
    assert past.count(SessionStarted) == dict.fromkeys(run.whole.rows, 1)
    assert {name: row["outcome"] for name, row in rows.items()} == dict.fromkeys(
        run.whole.rows, "completed"
    )
    assert command("verify", "runs/saved").code == 0


@pytest.mark.slow
def test_torn_tails_are_skipped_and_counted(crashed, command, sound):
    """Half a line, and zeros, each at the end of the segment of a process that was killed."""
    run = crashed
    line = newest().read_bytes().splitlines()[-1]
    with newest().open("ab") as file:
        file.write(line[: len(line) // 2])
    run.look()
    running = run.resume()
    crash(run, running, len(run.whole.rows) // 2)
    with newest().open("ab") as file:
        file.write(bytes(4096))
    run.look()
    run.endpoint.give_at_most()
    running = run.resume()
    err = running.communicate(timeout=240)[1]
    assert running.returncode == 0, err
    assert "2 torn tail(s) skipped: they were never promised" in err
    past = run.check()
    assert past.count(SessionStarted) == past.count(SessionEnded)
    sound()
    assert "2 torn" in command("verify", "runs/mine").out
