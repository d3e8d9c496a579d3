"""Commands in containers: bounded, and gone when they are over."""

from __future__ import annotations

import anyio
import pytest

from hermes_run.errors import SandboxError
from hermes_run.sandboxes.docker.session import OUT_OF_MEMORY
from hermes_run.sandboxes.processes import FLOOD_BYTES, LINE_BYTES
from hermes_run.sandboxes.protocol import Command, Finished
from tests.hermes_run.sandboxes.docker.running import LONG, make_fifo, read_fifo, run

ALIVE = "ls /proc/%s/stat 2>/dev/null || echo gone"


async def test_a_command_leaves_its_output_and_its_exit_code(container):
    """Standard output and error come in the order in which they were written."""
    finished = await run(container, "echo one; echo two >&2; echo three; exit 3")
    assert finished == Finished(output=b"one\ntwo\nthree\n", size=14, exit_code=3)


async def test_a_shell_that_dies_of_a_signal_ends_with_128_and_the_signal(container):
    """As a shell would report it, and nothing is said about it in the output."""
    assert await run(container, "kill -KILL $$") == Finished(b"", 0, 137)


async def test_the_environment_is_that_of_the_image_and_our_own(container, monkeypatch):
    """Keys of whoever runs it are not there; the mark of the run is, and home is the workspace."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    finished = await run(container, "env | sort; cat /proc/*/environ 2>/dev/null")
    assert b"sk-secret" not in finished.output
    lines = finished.output.decode().splitlines()
    wanted = {"HOME=/workspace", "LANG=C.UTF-8", "MARK=mine", "TERM=dumb", "TMPDIR=/tmp"}
    assert wanted <= set(lines)
    names = {line.split("=")[0] for line in lines[: lines.index("TMPDIR=/tmp")]}
    assert names <= {"HOME", "LANG", "MARK", "OLDPWD", "PATH", "PWD", "SHLVL", "TERM", "_"}


async def test_a_command_runs_in_the_workspace_or_a_folder_of_it(container, site):
    """The folder may be given relative to it, absolute, by way of home, or as a temporary one."""
    await container.write("sub/file", b"")
    for directory in ("sub", "/workspace/sub", "~/sub"):
        finished = await run(container, "pwd", directory=directory)
        assert finished.output == b"/workspace/sub\n"
    assert (await run(container, "pwd")).output == b"/workspace\n"
    assert (await run(container, "pwd", directory="/tmp")).output == b"/tmp\n"


@pytest.mark.parametrize("directory", ["..", "/", "/etc", "missing", "file", "out"])
async def test_a_command_does_not_start_where_there_is_no_folder_of_the_workspace(
    container, site, directory
):
    """Outside, missing, a file, a link out."""
    (site.folder / "file").write_text("")
    (site.folder / "out").symlink_to("/")
    with pytest.raises(OSError, match=r"leads out|No such|Not a directory"):
        await run(container, "touch made", directory=directory)
    assert not (site.folder / "made").exists()


async def test_a_folder_that_goes_away_meanwhile_is_said_by_the_shell(container, site, monkeypatch):
    """The command is not run anywhere else."""
    monkeypatch.setattr("hermes_run.sandboxes.folders.folder_beneath", lambda *_: "/workspace/gone")
    finished = await run(container, "touch made", directory="sub")
    assert finished.exit_code == 1
    assert b"gone" in finished.output
    assert not list(site.folder.iterdir())


async def test_there_is_nothing_to_read_and_no_terminal(container):
    """A command that asks for input gets the end of it at once."""
    finished = await run(container, "cat; (exec </dev/tty) 2>/dev/null || echo none")
    assert finished.output == b"none\n"


async def test_a_command_is_killed_at_its_limit_with_its_children(container):
    """The whole group goes, and what was written until then stays."""
    finished = await run(container, f"{LONG} & echo $!; echo $$; wait", timeout_s=3.0)
    assert (finished.exit_code, finished.timed_out, finished.flooded) == (None, True, False)
    for pid in finished.output.split():
        assert (await run(container, ALIVE % pid.decode())).output == b"gone\n"


async def test_a_flood_is_cut_short(container):
    """`yes` is killed once nobody will read the rest, and head and tail of it are kept."""
    finished = await run(container, "echo $$; yes; echo not reached", limit=1000)
    assert (finished.exit_code, finished.timed_out, finished.flooded) == (None, False, True)
    assert FLOOD_BYTES < finished.size < FLOOD_BYTES + 1_000_000
    assert len(finished.output) < 1100
    assert b"bytes cut" in finished.output
    pid = finished.output.split(b"\n")[0].decode()
    assert (await run(container, ALIVE % pid)).output == b"gone\n"


@pytest.mark.parametrize("to", ["", ">/dev/null 2>&1"])
async def test_a_child_in_the_background_is_ended_with_its_command(container, to):
    """Whether it holds the output or is silent; the call does not wait for it."""
    finished = await run(container, f"{LONG} {to} & echo $!")
    assert (finished.exit_code, finished.timed_out) == (0, False)
    assert (await run(container, ALIVE % finished.output.decode().strip())).output == b"gone\n"


@pytest.mark.parametrize("to", ["", ">/dev/null 2>&1"])
async def test_what_a_lasting_command_leaves_running_goes_on(container, to):
    """The call ends with the command, whoever holds its output."""
    finished = await run(container, f"{LONG} {to} & echo $!", lasting=True)
    assert (finished.exit_code, finished.timed_out) == (0, False)
    pid = finished.output.decode().strip()
    assert (await run(container, ALIVE % pid)).output == f"/proc/{pid}/stat\n".encode()


async def test_a_lasting_command_that_is_killed_leaves_nothing(container):
    """At its limit its group goes like that of any other."""
    finished = await run(container, f"{LONG} & echo $!; wait", timeout_s=3.0, lasting=True)
    assert finished.timed_out
    assert (await run(container, ALIVE % finished.output.decode().strip())).output == b"gone\n"


async def test_a_lasting_command_that_kills_itself_leaves_what_it_started(container):
    """That is its own end, and nobody's bound."""
    finished = await run(container, f"{LONG} & echo $!; kill -KILL $$", lasting=True)
    pid = finished.output.decode().strip()
    assert finished.exit_code == 137
    assert (await run(container, ALIVE % pid)).output == f"/proc/{pid}/stat\n".encode()


async def test_a_command_that_kills_its_parent_is_ended_all_the_same(container):
    """What runs around it is gone, so it is ended from outside."""
    finished = await run(container, f"echo $$; kill -KILL $PPID; {LONG}")
    assert finished.exit_code == 137
    assert (await run(container, ALIVE % finished.output.decode().strip())).output == b"gone\n"


async def test_a_program_with_a_name_of_brackets_is_found_too(container):
    """Names of processes are whatever they want."""
    odd = "a) S 1 1 1 ("
    line = f"cp /bin/sleep '{odd}'; './{odd}' 600 >/dev/null 2>&1 & sleep 0.2; echo $!"
    finished = await run(container, line)
    assert (await run(container, ALIVE % finished.output.decode().strip())).output == b"gone\n"


async def test_a_command_may_close_its_output_and_work_on(container, site):
    """The end of the stream is not the end of the command."""
    finished = await run(container, "exec >&- 2>&-; sleep 0.3; touch done; exit 5")
    assert (finished.exit_code, finished.output) == (5, b"")
    assert (site.folder / "done").exists()


async def test_a_cancelled_call_leaves_no_process(container, site):
    """Neither the shell nor its child lives on."""
    started = make_fifo(site.folder / "started")
    pids: list[str] = []
    async with anyio.create_task_group() as group:
        group.start_soon(run, container, f"{LONG} & echo $! $$ > started; wait")
        pids += (await read_fifo(started)).split()
        group.cancel_scope.cancel()
    for pid in pids:
        assert (await run(container, ALIVE % pid)).output == b"gone\n"


async def test_many_commands_run_at_once(container):
    """Each has its own output."""
    outputs: dict[int, bytes] = {}

    async def one(number: int) -> None:
        outputs[number] = (await run(container, f"echo {number}")).output

    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(one, number)
    assert outputs == {number: f"{number}\n".encode() for number in range(10)}


@pytest.mark.parametrize(("line", "text"), [("echo \0", "NUL"), (":" * LINE_BYTES + ":", "bytes")])
async def test_what_no_shell_can_be_given_is_refused(container, line, text):
    """A NUL would end the line early, and a longer one does not start."""
    with pytest.raises(OSError, match=text):
        await run(container, line)


async def test_the_longest_line_still_starts(container):
    """The limit is below that of the system."""
    assert (await run(container, ":" + " " * (LINE_BYTES - 1))).exit_code == 0


async def test_half_a_character_in_a_command_is_no_reason_to_fail(container):
    """It becomes a question mark."""
    assert (await run(container, "echo '\ud800'")).output == b"?\n"


async def test_a_session_that_kills_everything_gets_a_new_start(container, site):
    """The container is started again; the workspace is as it was."""
    await run(container, "touch kept; kill -KILL -1", timeout_s=240.0)
    finished = await run(container, "ls")
    assert finished == Finished(b"kept\n", 5, 0)


async def test_a_command_for_which_there_is_no_memory_is_said_so(container, engine, site):
    """The kernel's count of such kills in this container has grown."""
    gauge = next(iter(engine.containers.values())).machine.gauges / "memory.events"
    assert (await run(container, "kill -KILL $$")).stopped is None
    started, go = make_fifo(site.folder / "started"), make_fifo(site.folder / "go")
    results: list[Finished] = []

    async def keep() -> None:
        results.append(await run(container, "echo > started; read line < go; kill -KILL $$"))

    async with anyio.create_task_group() as group:
        group.start_soon(keep)
        await read_fifo(started)
        gauge.write_text("low 0\noom 2\noom_kill 2\n")
        await anyio.to_thread.run_sync(go.write_text, "\n")
    assert (results[0].exit_code, results[0].stopped) == (None, OUT_OF_MEMORY)
    assert (await run(container, "kill -KILL $$")).stopped is None


async def test_a_container_that_ends_for_want_of_memory_is_said_so(container, engine):
    """The engine tells it where nobody in there can any more."""
    next(iter(engine.containers.values())).out_of_memory = True
    finished = await run(container, "kill -KILL -1; kill -KILL $$")
    assert (finished.exit_code, finished.stopped) == (None, OUT_OF_MEMORY)
    assert (await run(container, "echo again")).output == b"again\n"


async def test_a_session_that_takes_too_much_is_stopped(container, site):
    """A call that runs says why, what ran in the background is gone, and the next call runs."""
    started = make_fifo(site.folder / "started")
    lasting = await run(container, f"{LONG} >/dev/null 2>&1 & echo $!", lasting=True)
    results: list[Finished] = []

    async def keep() -> None:
        results.append(await run(container, f"echo > started; {LONG}"))

    async with anyio.create_task_group() as group:
        group.start_soon(keep)
        await read_fifo(started)
        container.stop("it wrote too much")
    assert (results[0].exit_code, results[0].timed_out) == (None, False)
    assert results[0].stopped == "it wrote too much"
    finished = await run(container, f"{ALIVE % lasting.output.decode().strip()}; echo next")
    assert finished.output == b"gone\nnext\n"
    assert finished.stopped is None


async def test_files_are_read_and_written_by_the_paths_that_commands_see(container, site):
    """Relative, absolute, from home on, and in the temporary folder."""
    await container.write("made/by/tool", b"one")
    line = "cat made/by/tool; echo -n two > ~/made/by-shell; echo -n three > /tmp/x"
    assert (await run(container, line)).output == b"one"
    assert await container.read("~/made/by-shell", 10) == b"two"
    assert await container.read("/workspace/made/by-shell", 2) == b"tw"
    assert await container.read("/tmp/x", 10) == b"three"
    with pytest.raises(IsADirectoryError):
        await container.read("~", 10)
    with pytest.raises(PermissionError):
        await container.read("/etc/passwd", 10)
    await run(container, "ln -s /etc/passwd out; ln -s /workspace/made/by/tool in")
    with pytest.raises(PermissionError):
        await container.read("out", 10)
    assert await container.read("in", 10) == b"one"


async def test_a_closed_container_does_nothing_more(wall, site):
    """Closing it twice is closing it once."""
    async with wall.open(site) as container:
        await container.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            await container.read("file", 1)
    assert isinstance(container, object)


async def test_a_container_that_somebody_removed_is_a_broken_sandbox(container, engine):
    """Nobody in the session can do anything about that."""
    for one in list(engine.containers.values()):
        await one.machine.kill()
    engine.containers.clear()
    with pytest.raises(SandboxError, match="No such container"):
        await container.run(Command("true", 240, 100))
