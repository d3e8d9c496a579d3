"""The ordered, bounded buffer between those who record and the one task that writes."""

from __future__ import annotations

import tracemalloc

import anyio
import pytest

from recorder.errors import JournalError, MisuseError
from recorder.pending import Batch, Pending, again

LINE = b"0123456789abcde\n"
SIZE = len(LINE)


async def add(pending, line=LINE):
    """Add a line as the journal does."""
    room = pending.room - len(line)
    if room < 0:
        await pending.enter(len(line))
    else:
        pending.room = room
    pending.count += 1
    pending.add((line,))


async def add_all(pending, lines, added):
    """Add lines one by one, noting each."""
    for line in lines:
        await add(pending, line)
        added.append(line)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    """Run these on both event loops: who waits for whom must not depend on it."""
    return request.param


async def test_lines_are_taken_in_the_order_they_were_added():
    """Sizes and counts are those of the lines."""
    pending = Pending(1000)
    for number in range(3):
        await add(pending, b"%d\n" % number)
    assert (pending.size, pending.count) == (6, 3)
    assert pending.take(None) == Batch(b"0\n1\n2\n", 6, 3)
    assert (pending.size, pending.count) == (0, 0)
    assert pending.take(None) == Batch()


async def test_who_adds_to_a_full_buffer_waits_until_something_was_taken():
    """The bound holds, and a commit is asked for at once."""
    pending, added = Pending(2 * SIZE), []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(add_all, pending, [LINE] * 5, added)
        await anyio.wait_all_tasks_blocked()
        assert len(added) == 2
        await pending.gather(window_ends=anyio.current_time() + 1000, hurry_ends=float("inf"))
        assert pending.take(None).count == 2
        await anyio.wait_all_tasks_blocked()
        assert len(added) == 4
        assert pending.take(None).count == 2
    assert pending.take(None).count == 1


async def test_a_line_larger_than_the_buffer_comes_in_alone():
    """Nothing waits for ever because it is long."""
    pending, added = Pending(SIZE), []
    long = b"x" * 3 * SIZE + b"\n"
    await add(pending)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(add_all, pending, [long, LINE], added)
        await anyio.wait_all_tasks_blocked()
        assert added == []
        pending.take(None)
        await anyio.wait_all_tasks_blocked()
        assert added == [long]
        assert pending.take(None).lines == long


async def test_nobody_gets_past_the_first_of_the_queue():
    """Small lines do not keep a long one waiting, though there is room for them."""
    pending, added = Pending(4 * SIZE), []
    long = b"x" * (3 * SIZE - 1) + b"\n"
    await add_all(pending, [LINE] * 2, added)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(add_all, pending, [long], added)
        await anyio.wait_all_tasks_blocked()
        for _ in range(3):
            tasks.start_soon(add_all, pending, [LINE], added)
        await anyio.wait_all_tasks_blocked()
        assert added == [LINE, LINE]
        pending.take(None)
        await anyio.wait_all_tasks_blocked()
        assert added == [LINE, LINE, long, LINE]
        pending.take(None)
    assert added == [LINE, LINE, long, LINE, LINE, LINE]


async def test_who_gives_up_waiting_makes_way():
    """The next in the queue is called, wherever the one stood who left."""
    pending, added = Pending(SIZE), []
    await add(pending)
    async with anyio.create_task_group() as tasks:
        scopes = [anyio.CancelScope() for _ in range(3)]

        async def wait(number):
            with scopes[number]:
                await add_all(pending, [b"%d\n" % number], added)

        for number in range(3):
            tasks.start_soon(wait, number)
            await anyio.wait_all_tasks_blocked()
        scopes[1].cancel()
        await anyio.wait_all_tasks_blocked()
        scopes[0].cancel()
        await anyio.wait_all_tasks_blocked()
        assert added == []
        pending.take(None)
    assert added == [b"2\n"]
    assert pending.take(None).lines == b"2\n"


async def test_who_was_called_and_is_cancelled_makes_way_too():
    """Room that nobody takes is not lost."""
    pending, added = Pending(SIZE), []
    await add(pending)
    async with anyio.create_task_group() as tasks:
        scope = anyio.CancelScope()

        async def first():
            with scope:
                await add_all(pending, [b"first\n"], added)

        tasks.start_soon(first)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(add_all, pending, [b"second\n"], added)
        await anyio.wait_all_tasks_blocked()
        pending.take(None)
        scope.cancel()
    assert b"second\n" in added


async def test_while_paused_nothing_comes_in():
    """Not even where there is room; afterwards everybody who waited comes in."""
    pending, added = Pending(1000), []
    await add(pending)
    pending.pause()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(add_all, pending, [b"late\n"], added)
        await anyio.wait_all_tasks_blocked()
        assert pending.take(None).count == 1
        await anyio.wait_all_tasks_blocked()
        assert added == []
        pending.resume()
    assert added == [b"late\n"]


async def test_whoever_waits_or_comes_is_refused_with_an_error_of_their_own():
    """All of them are told the same; what was there before is still to be taken."""
    pending, refused = Pending(SIZE), []
    await add(pending)

    async def wait():
        try:
            await add(pending)
        except JournalError as error:
            refused.append(error)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        pending.refuse(JournalError("broken"))
    await wait()
    assert [str(error) for error in refused] == ["broken"] * 4
    assert len(set(map(id, refused))) == 4
    await pending.gather(window_ends=float("inf"), hurry_ends=float("inf"))
    assert pending.take(None).count == 1
    await pending.gather(window_ends=float("inf"), hurry_ends=float("inf"))


async def test_what_could_not_be_written_comes_first_again():
    """Order is kept, and the sizes add up."""
    pending = Pending(1000)
    await add_all(pending, [b"0\n", b"1\n"], [])
    batch = pending.take(None)
    await add(pending, b"2\n")
    pending.put_back(batch)
    await pending.gather(window_ends=0, hurry_ends=0)
    assert (pending.size, pending.count) == (6, 3)
    assert pending.take(None) == Batch(b"0\n1\n2\n", 6, 3)


async def test_memory_that_was_written_is_filled_again():
    """Two pages take turns, and each holds only what came since."""
    pending = Pending(1000)
    for number in range(6):
        await add(pending, b"%d\n" % number)
        batch = pending.take(None)
        assert bytes(batch.lines) == b"%d\n" % number
        pending.done(batch)
        with pytest.raises(ValueError, match="released"):
            bytes(batch.lines)


async def test_what_one_long_line_took_is_not_kept():
    """Later lines come into pages of their usual size."""
    pending, long = Pending(SIZE), b"x" * 100_000 + b"\n"
    tracemalloc.start()
    try:
        await add(pending, long)
        del long
        pending.done(pending.take(None))
        for _ in range(3):
            await add(pending)
            pending.done(pending.take(None))
        assert tracemalloc.get_traced_memory()[0] < 50_000
    finally:
        tracemalloc.stop()


async def test_a_page_that_could_not_be_written_is_left_to_whoever_holds_it():
    """A failed write may still be looked at by its error; what comes next goes elsewhere."""
    pending = Pending(1000)
    await add(pending, b"0\n")
    batch = pending.take(None)
    pending.put_back(batch)
    for number in (1, 2, 3):
        await add(pending, b"%d\n" % number)
        pending.done(pending.take(None))
    assert bytes(batch.lines) == b"0\n"


async def test_no_more_is_taken_than_fits():
    """Whole lines that fit, but at least one."""
    pending = Pending(1000)
    await add_all(pending, [b"0\n", b"1\n", b"long line\n"], [])
    first = pending.take(None)
    await add_all(pending, [b"2\n"], [])
    second = pending.take(None)
    await add_all(pending, [b"3\n"], [])
    pending.put_back(second)
    pending.put_back(first)
    taken = [pending.take(most) for most in (5, 3, 3, 100, 100)]
    assert [bytes(batch.lines) for batch in taken] == [
        b"0\n1\n",
        b"long line\n",
        b"2\n",
        b"3\n",
        b"",
    ]
    assert [batch.count for batch in taken] == [2, 1, 1, 1, 0]
    assert [batch.size for batch in taken] == [4, 10, 2, 2, 0]


async def test_gathering_ends_with_the_window():
    """Without anybody in a hurry the writer waits until then, and no longer."""
    pending = Pending(1000)
    await add(pending)
    window_ends = anyio.current_time() + 0.01
    with anyio.fail_after(20):
        await pending.gather(window_ends=window_ends, hurry_ends=0)
    assert anyio.current_time() >= window_ends


async def test_somebody_who_waits_shortens_the_gathering():
    """To the shorter pause, which has passed here."""
    pending = Pending(1000)
    await add(pending)
    pending.hurry()
    with anyio.fail_after(20):
        await pending.gather(window_ends=anyio.current_time() + 1000, hurry_ends=0)


def test_an_error_is_raised_again_as_another_object():
    """It says the same and has the same cause."""
    error = MisuseError("no")
    error.__cause__ = cause = OSError("disk")
    copy = again(error)
    assert copy is not error
    assert (type(copy), copy.args, copy.__cause__) == (MisuseError, ("no",), cause)


@pytest.mark.parametrize("most_bytes", [None, 100])
async def test_a_line_that_was_counted_and_never_came_is_taken_as_nothing(most_bytes):
    """Who adds it may be interrupted in between; nobody looks for it again and again."""
    pending = Pending(1000)
    await pending.enter(SIZE)
    pending.count += 1
    taken = pending.take(most_bytes)
    assert (bytes(taken.lines), taken.size, taken.count) == (b"", 0, 1)
    assert pending.count == 0
