"""A process that records and dies: what it was told is durable, is."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from recorder.reader import fold_journal
from recorder.segment import segments

RECORD = """
import sys
import anyio
from pathlib import Path
from recorder.events import SessionStarted, UserSpoke
from recorder.journal import open_journal
from recorder.settings import JournalSettings

TS = "2026-11-22T17:00:00.000Z"

async def record(journal, name):
    await journal(SessionStarted(session=name, seq=0, ts=TS))
    seq = 0
    while True:
        await journal.durable()
        print(name, seq, flush=True)
        seq += 1
        await journal(UserSpoke(session=name, seq=seq, ts=TS, content="x" * (seq % 97)))

async def main():
    settings = JournalSettings(window_s=0, hurry_s=0, segment_bytes=20_000)
    async with open_journal(Path(sys.argv[1]), "run-1", settings) as journal:
        async with anyio.create_task_group() as tasks:
            for number in range(4):
                tasks.start_soon(record, journal, f"session-{number}")

anyio.run(main)
"""


@pytest.mark.parametrize("lines", [1, 30, 333])
def test_what_was_acknowledged_survives_kill_9(tmp_path, lines):
    """Every number that the process printed after ``durable`` stands in the journal."""
    process = subprocess.Popen(
        [sys.executable, "-c", RECORD, tmp_path / "j"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    printed = [process.stdout.readline() for _ in range(lines)]
    process.send_signal(signal.SIGKILL)
    printed += process.stdout.readlines()
    process.wait()
    process.stdout.close()
    acknowledged = {}
    for name, seq in (line.split() for line in printed if line.endswith("\n")):
        acknowledged[name] = int(seq)
    folded = fold_journal(tmp_path / "j")
    assert acknowledged
    for name, seq in acknowledged.items():
        assert folded.sessions[name].seq > seq


LIMITED = """
import resource
import sys
import anyio
from pathlib import Path
from recorder.events import SessionStarted, UserSpoke
from recorder.journal import open_journal

TS = "2026-11-22T17:00:00.000Z"

async def main():
    resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, 16_384))
    async with open_journal(Path(sys.argv[1]), "run-1") as journal:
        await journal(SessionStarted(session="s", seq=0, ts=TS))
        for seq in range(1, 300):
            await journal(UserSpoke(session="s", seq=seq, ts=TS, content="x" * 500))

anyio.run(main)
"""


def test_a_limit_on_file_sizes_costs_files_and_no_facts(tmp_path):
    """``ulimit -f`` is met by going on in another file."""
    subprocess.run([sys.executable, "-c", LIMITED, tmp_path / "j"], check=True)
    assert fold_journal(tmp_path / "j").sessions["s"].seq == 300
    assert len(segments(tmp_path / "j")) > 300 * 600 // 16_384
