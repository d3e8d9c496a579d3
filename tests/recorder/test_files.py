"""Files made beside the journal: appended row by row, or replaced in one piece."""

from __future__ import annotations

import errno
import stat
import threading
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import pytest
from anyio import to_thread

from recorder import files
from recorder.disk import Disk
from recorder.errors import CorruptJournalError


def names(folder):
    """Give what lies in *folder*."""
    return sorted(path.name for path in folder.iterdir())


async def all_lines(path):
    """Read all lines of a file."""
    return [line async for line in files.lines(path)]


async def test_rows_are_appended_and_synced_at_the_end(tmp_path, disk):
    """Each stands in the file as soon as it was appended; the file is its owner's."""
    path = tmp_path / "rows.jsonl"
    async with files.open_rows(path, disk) as rows:
        await rows.append(b"one\n")
        assert path.read_bytes() == b"one\n"
        await rows.append(b"two\n")
        assert disk.calls.count("sync") == 0
    assert path.read_bytes() == b"one\ntwo\n"
    assert disk.calls[-2:] == ["sync", "close"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_rows_of_many_tasks_stay_whole(tmp_path, disk):
    """Also where the disk takes little at a time."""
    disk.mouthful = 3
    path = tmp_path / "rows.jsonl"
    given = [b"%d" % number * 20 + b"\n" for number in range(10)]
    async with files.open_rows(path, disk) as rows, anyio.create_task_group() as tasks:
        for row in given:
            tasks.start_soon(rows.append, row)
    assert sorted(path.read_bytes().splitlines(keepends=True)) == given


class Held(Disk):
    """A disk that writes nothing until it is let; ``writes`` is what came in one piece."""

    def __init__(self, refusal: OSError | None = None):
        self.writes, self.begun, self.let = [], threading.Event(), threading.Event()
        self.refusal = refusal

    def write(self, descriptor, content):
        """Wait, and write or refuse."""
        self.begun.set()
        assert self.let.wait(30)
        if self.refusal:
            raise self.refusal
        self.writes.append(bytes(content))
        return super().write(descriptor, content)


@asynccontextmanager
async def writing_the_first(path):
    """Open rows of which the first is being written, and held there."""
    disk = Held()
    async with files.open_rows(path, disk) as rows, anyio.create_task_group() as tasks:
        tasks.start_soon(rows.append, b"first\n")
        await to_thread.run_sync(disk.begun.wait)
        try:
            yield disk, rows
        finally:
            disk.let.set()


async def test_rows_that_come_while_one_is_written_are_written_together(tmp_path):
    """Each visit to the disk costs more than all that it takes there."""
    async with (
        writing_the_first(tmp_path / "rows.jsonl") as (disk, rows),
        anyio.create_task_group() as tasks,
    ):
        for number in range(5):
            tasks.start_soon(rows.append, b"%d\n" % number)
        await anyio.wait_all_tasks_blocked()
        disk.let.set()
    assert disk.writes == [b"first\n", b"0\n1\n2\n3\n4\n"]


async def test_rows_that_come_at_once_are_written_together(tmp_path, disk):
    """As many sessions end with one commit."""
    async with files.open_rows(tmp_path / "rows.jsonl", disk) as rows:
        async with anyio.create_task_group() as tasks:
            for number in range(5):
                tasks.start_soon(rows.append, b"%d\n" % number)
        assert disk.calls.count("write") == 1
    assert (tmp_path / "rows.jsonl").read_bytes() == b"0\n1\n2\n3\n4\n"


async def test_who_is_cancelled_while_its_row_is_written_has_written_it(tmp_path):
    """Else it would be written again, and stand there twice."""
    disk, ended = Held(), []
    async with files.open_rows(tmp_path / "rows.jsonl", disk) as rows:

        async def append(row):
            await rows.append(row)
            ended.append(row)

        async with anyio.create_task_group() as others:
            others.start_soon(append, b"a\n")
            await to_thread.run_sync(disk.begun.wait)
            others.start_soon(append, b"b\n")
            others.start_soon(append, b"c\n")
            await anyio.wait_all_tasks_blocked()
            disk.let.set()
            while len(disk.writes) < 1:
                await anyio.lowlevel.checkpoint()
            others.cancel_scope.cancel()
    assert (tmp_path / "rows.jsonl").read_bytes() == b"".join(ended)


async def test_who_is_cancelled_before_its_row_is_taken_leaves_no_trace(tmp_path):
    """The others' rows are written."""
    impatient = anyio.CancelScope()
    async with (
        writing_the_first(tmp_path / "rows.jsonl") as (disk, rows),
        anyio.create_task_group() as tasks,
    ):

        async def give_up():
            with impatient:
                await rows.append(b"gone\n")

        tasks.start_soon(give_up)
        tasks.start_soon(rows.append, b"second\n")
        await anyio.wait_all_tasks_blocked()
        impatient.cancel()
        await anyio.wait_all_tasks_blocked()
        disk.let.set()
    assert (tmp_path / "rows.jsonl").read_bytes() == b"first\nsecond\n"


async def test_rows_that_are_refused_together_are_an_error_for_each(tmp_path):
    """Nobody waits for ever, and nobody takes it for written."""
    disk, refused = Held(OSError(errno.EIO, "broken")), []
    async with files.open_rows(tmp_path / "rows.jsonl", disk) as rows:

        async def append(row):
            with pytest.raises(OSError, match="broken"):
                await rows.append(row)
            refused.append(row)

        async with anyio.create_task_group() as tasks:
            for row in (b"a\n", b"b\n", b"c\n"):
                tasks.start_soon(append, row)
            await to_thread.run_sync(disk.begun.wait)
            await anyio.wait_all_tasks_blocked()
            disk.let.set()
    assert sorted(refused) == [b"a\n", b"b\n", b"c\n"]
    assert (tmp_path / "rows.jsonl").read_bytes() == b""


@pytest.mark.parametrize(
    ("left", "kept"),
    [
        (b"", b""),
        (b"one\n", b"one\n"),
        (b"one\ntw", b"one\n"),
        (b"torn", b""),
        (b"one\n" + b"x" * 3_000_000, b"one\n"),
        (b"x" * 3_000_000, b""),
        (b"one\n\0\0\0", b"one\n"),
    ],
)
async def test_a_row_that_a_crash_has_torn_is_cut_off(tmp_path, left, kept):
    """The next row is not glued to it, however long it is."""
    path = tmp_path / "rows.jsonl"
    path.write_bytes(left)
    async with files.open_rows(path) as rows:
        await rows.append(b"new\n")
    assert path.read_bytes() == kept + b"new\n"


async def test_rows_wait_while_the_disk_is_full(tmp_path, disk, until):
    """What was begun is cut off, ``paused`` says why, and the row is whole in the end."""
    path = tmp_path / "rows.jsonl"
    async with files.open_rows(path, disk, retry_s=0) as rows, anyio.create_task_group() as tasks:
        await rows.append(b"one\n")
        disk.room = 2
        tasks.start_soon(rows.append, b"two\n")
        await until(lambda: rows.paused)
        assert "No space left" in str(rows.paused)
        assert path.read_bytes() == b"one\n"
        disk.mend()
        await until(lambda: not rows.paused)
    assert path.read_bytes() == b"one\ntwo\n"


@pytest.mark.parametrize("has_room", [True, False])
async def test_who_will_not_wait_for_room_tries_once_more(tmp_path, disk, until, has_room):
    """The row is written then, or an error; later ones do not wait at all."""
    path, told = tmp_path / "rows.jsonl", []

    async def append(rows, row):
        try:
            await rows.append(row)
        except OSError as error:
            told.append(error.errno)

    async with files.open_rows(path, disk, retry_s=1000) as rows:
        disk.room = 2
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(append, rows, b"one\n")
            await until(lambda: rows.paused)
            disk.room = None if has_room else 2
            rows.wait_no_more()
        assert rows.paused is None
        disk.room = 0
        await append(rows, b"two\n")
    assert told == [errno.ENOSPC] * (1 if has_room else 2)
    assert path.read_bytes() == (b"one\n" if has_room else b"")


async def test_who_gives_up_waiting_for_room_leaves_no_trace(tmp_path, disk, until):
    """The next row stands right after the one before."""
    path = tmp_path / "rows.jsonl"
    async with files.open_rows(path, disk, retry_s=1000) as rows:
        await rows.append(b"one\n")
        disk.room = 2
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rows.append, b"two\n")
            await until(lambda: rows.paused)
            tasks.cancel_scope.cancel()
        assert rows.paused is None
        disk.mend()
        await rows.append(b"three\n")
    assert path.read_bytes() == b"one\nthree\n"


async def test_a_row_that_can_not_be_written_is_an_error_and_costs_no_other(tmp_path, disk):
    """What it left is cut off before anything else is written, at the latest."""
    path = tmp_path / "rows.jsonl"
    async with files.open_rows(path, disk) as rows:
        await rows.append(b"one\n")
        disk.mouthful = 2
        disk.fail("write", errno.EIO, after=1, times=1)
        disk.fail("truncate", errno.EIO, times=1)
        with pytest.raises(OSError, match="Input/output"):
            await rows.append(b"two\n")
        assert path.read_bytes() == b"one\ntw"
        await rows.append(b"three\n")
    assert path.read_bytes() == b"one\nthree\n"


async def test_a_torn_row_is_cut_off_at_the_end(tmp_path, disk):
    """Where nothing was written after it."""
    path = tmp_path / "rows.jsonl"
    async with files.open_rows(path, disk) as rows:
        disk.mouthful = 2
        disk.fail("write", errno.EIO, after=1)
        disk.fail("truncate", errno.EIO, times=1)
        with pytest.raises(OSError, match="Input/output"):
            await rows.append(b"two\n")
    assert path.read_bytes() == b""


@pytest.mark.parametrize("call", ["extend", "sync"])
async def test_rows_that_can_not_be_opened_or_synced_say_so(tmp_path, disk, call):
    """And no descriptor stays open."""
    disk.fail(call, errno.EIO)
    with pytest.raises(OSError, match="Input/output"):
        async with files.open_rows(tmp_path / "rows.jsonl", disk):
            pass
    assert disk.calls.count("close") == (call == "sync")


async def test_cancelled_rows_are_synced_all_the_same(tmp_path, disk):
    """The block's end is shielded."""
    with anyio.CancelScope() as scope:
        async with files.open_rows(tmp_path / "rows.jsonl", disk) as rows:
            await rows.append(b"one\n")
            scope.cancel()
    assert disk.calls[-2:] == ["sync", "close"]


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"one", [b"one"]),
        (b"one\n", [b"one"]),
        (b"one\n\ntwo\r\n", [b"one", b"", b"two\r"]),
        ("a\u2028b\x85c\x0bd\ne".encode(), ["a\u2028b\x85c\x0bd".encode(), b"e"]),
        (b"x" * 3_000_000 + b"\ny" * 3, [b"x" * 3_000_000, b"y", b"y", b"y"]),
    ],
)
async def test_lines_are_split_at_newlines_only(tmp_path, content, lines):
    """Whatever else ends a line elsewhere, and however long they are."""
    (tmp_path / "file").write_bytes(content)
    assert await all_lines(tmp_path / "file") == lines


async def test_lines_of_a_file_that_is_not_there_can_not_be_read(tmp_path):
    """The error names it."""
    with pytest.raises(FileNotFoundError, match="gone"):
        await all_lines(tmp_path / "gone")


async def test_a_file_whose_lines_nobody_wants_any_more_is_closed(tmp_path):
    """An unclosed file would be a warning, which is an error here."""
    (tmp_path / "file").write_bytes(b"one\ntwo\n")
    lines = files.lines(tmp_path / "file")
    assert await anext(lines) == b"one"
    await lines.aclose()


async def test_a_file_is_replaced_in_one_piece(tmp_path, disk):
    """Written beside it, synced, renamed, and the directory synced; for its owner only."""
    path = tmp_path / "statistics.json"
    path.write_bytes(b"old")
    await files.replace(path, b"new", disk)
    assert path.read_bytes() == b"new"
    assert disk.calls == ["create", "write", "sync", "close", "rename", "sync_directory"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(tmp_path) == ["statistics.json"]
    await files.replace(path, b"newer")
    assert path.read_bytes() == b"newer"


@pytest.mark.parametrize("call", ["create", "write", "sync", "close", "rename"])
async def test_a_file_that_can_not_be_replaced_stays_as_it_is(tmp_path, disk, call):
    """And no draft is left behind."""
    path = tmp_path / "statistics.json"
    path.write_bytes(b"old")
    disk.fail(call, errno.ENOSPC)
    with pytest.raises(OSError, match="No space left"):
        await files.replace(path, b"new", disk)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["statistics.json"]


async def test_a_draft_that_can_not_be_removed_is_not_the_error(tmp_path, disk):
    """What is told is why the file could not be replaced."""
    disk.fail("write", errno.ENOSPC)
    disk.fail("remove", errno.EIO)
    with pytest.raises(OSError, match="No space left"):
        await files.replace(tmp_path / "statistics.json", b"new", disk)


def test_pieces_that_can_not_be_given_change_nothing(tmp_path):
    """Whatever giving them raises comes out, and no draft is left behind."""

    def pieces():
        yield b"one\n"
        raise CorruptJournalError("line 7")

    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"old")
    with pytest.raises(CorruptJournalError, match="line 7"):
        files.put(path, pieces(), Disk())
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["rows.jsonl"]


def test_drafts_that_a_crash_has_left_are_swept_away(tmp_path):
    """And nothing else is."""
    kept = ["rows.jsonl", ".rows.jsonl", ".rows.jsonl.12345", "lock"]
    drafts = [files.draft_of(tmp_path / name).name for name in ("rows.jsonl", "statistics.json")]
    for name in [*kept, *drafts]:
        (tmp_path / name).write_bytes(b"")
    files.sweep(tmp_path, Disk())
    assert names(tmp_path) == sorted(kept)
