"""Commands in the sandbox without a wall: bounded, clean, and gone when they are over."""

from __future__ import annotations

import contextlib
import os
import resource
import select
from pathlib import Path

import anyio
import pytest

from hermes_run.errors import SandboxError
from hermes_run.sandboxes.fencing import VARIABLE
from hermes_run.sandboxes.plain import open_plain
from hermes_run.sandboxes.processes import FLOOD_BYTES, LINE_BYTES, blaming_the_machine
from hermes_run.sandboxes.protocol import Command, Finished, Sandbox

LONG = "sleep 600"


async def run(sandbox: Sandbox, line: str, **bounds: object) -> Finished:
    """Run *line*; what has a limit of ten seconds is not expected to reach it."""
    command = Command(line, **{"timeout_s": 10.0, "limit": 10_000, **bounds})
    with anyio.fail_after(240):
        return await sandbox.run(command)


def open_descriptors() -> list[str]:
    """List what this process has open."""
    return sorted(path.name for path in Path("/dev/fd").iterdir())


def wait_for_the_end_of(pid: int) -> None:
    """Return when the process *pid* is gone, or fail after ten seconds."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        ready, _, _ = select.select([descriptor], [], [], 10)
        os.close(descriptor)
        assert ready, f"process {pid} is still running"


needs_pidfd = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")


async def test_a_command_leaves_its_output_and_its_exit_code(sandbox):
    """Standard output and error come as they were written."""
    finished = await run(sandbox, "echo one; echo two >&2; echo three; exit 3")
    assert finished == Finished(output=b"one\ntwo\nthree\n", size=14, exit_code=3)


async def test_a_shell_that_dies_of_a_signal_ends_with_128_and_the_signal(sandbox):
    """As a shell would report it."""
    assert (await run(sandbox, "kill -KILL $$")).exit_code == 137


async def test_the_environment_is_clean(sandbox, workspace, monkeypatch):
    """Keys of whoever runs it are not there, and home is the workspace."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    finished = await run(
        sandbox, "env | cut -d= -f1 | sort; cat /proc/$$/environ; echo; echo $HOME"
    )
    assert b"sk-secret" not in finished.output
    names = set(finished.output.decode().split("\0")[0].splitlines()[:-1])
    usual = {"HOME", "LANG", "OLDPWD", "PATH", "PWD", "SHLVL", "TERM", "TMPDIR", "_"}
    assert names <= {*usual, VARIABLE}
    assert finished.output.endswith(f"{workspace}\n".encode())


async def test_a_command_runs_in_the_workspace_or_a_folder_of_it(sandbox, workspace):
    """The folder may be given relative to it, absolute, or by way of home."""
    (workspace / "sub").mkdir()
    for directory in ("sub", f"{workspace}/sub", "~/sub"):
        finished = await run(sandbox, "pwd", directory=directory)
        assert finished.output.decode() == f"{workspace}/sub\n"
    assert (await run(sandbox, "pwd")).output.decode() == f"{workspace}\n"


@pytest.mark.parametrize("directory", ["..", "/", "missing", "file", "out"])
async def test_a_command_does_not_start_where_there_is_no_folder_of_the_workspace(
    sandbox, workspace, directory
):
    """Outside, missing, a file, a link out."""
    (workspace / "file").write_text("")
    (workspace / "out").symlink_to("/")
    with pytest.raises(OSError, match=r"leads out|No such|Not a directory"):
        await run(sandbox, "touch made", directory=directory)
    assert not (workspace / "made").exists()


async def test_there_is_nothing_to_read_and_no_terminal(sandbox):
    """A command that asks for input gets the end of it at once."""
    finished = await run(sandbox, "cat; (exec </dev/tty) 2>/dev/null || echo none")
    assert finished.output == b"none\n"


@needs_pidfd
async def test_a_command_is_killed_at_its_limit_with_its_children(sandbox):
    """The whole group goes, and what was written until then stays."""
    finished = await run(sandbox, f"{LONG} & echo $!; echo $$; wait", timeout_s=3.0)
    assert (finished.exit_code, finished.timed_out, finished.flooded) == (None, True, False)
    child, shell = map(int, finished.output.split())
    wait_for_the_end_of(child)
    wait_for_the_end_of(shell)


async def test_a_flood_is_cut_short(sandbox):
    """`yes` is killed once nobody will read the rest, and head and tail of it are kept."""
    finished = await run(sandbox, "yes; echo not reached", limit=1000)
    assert (finished.exit_code, finished.timed_out, finished.flooded) == (None, False, True)
    assert FLOOD_BYTES < finished.size < FLOOD_BYTES + 1_000_000
    assert len(finished.output) < 1100
    assert finished.output.startswith(b"y\ny\n")
    assert b"bytes cut" in finished.output


async def test_long_output_keeps_head_and_tail(sandbox):
    """The middle is missing, and the size is that of the whole."""
    finished = await run(sandbox, "seq 100000", limit=100)
    assert finished.size == 588_895
    assert finished.output.startswith(b"1\n2\n3\n")
    assert finished.output.endswith(b"99999\n100000\n")
    assert finished.exit_code == 0


@needs_pidfd
async def test_a_child_in_the_background_that_holds_the_pipe_does_not_hold_the_call(sandbox):
    """The call ends soon after the command, and takes the child along."""
    finished = await run(sandbox, f"{LONG} & echo $!")
    assert (finished.exit_code, finished.timed_out) == (0, False)
    wait_for_the_end_of(int(finished.output))


@needs_pidfd
async def test_a_child_in_the_background_that_is_silent_is_ended_too(sandbox):
    """Nothing of a call is left when it returns."""
    finished = await run(sandbox, f"{LONG} >/dev/null 2>&1 & echo $!")
    wait_for_the_end_of(int(finished.output))


async def test_a_command_may_close_its_output_and_work_on(sandbox, workspace):
    """The end of the pipe is not the end of the command."""
    finished = await run(sandbox, "exec >&- 2>&-; sleep 0.1; touch done; exit 5")
    assert (finished.exit_code, finished.output) == (5, b"")
    assert (workspace / "done").exists()


@needs_pidfd
async def test_a_cancelled_call_leaves_no_process(sandbox, workspace):
    """Neither the shell nor its child lives on."""
    os.mkfifo(workspace / "started")
    pids: list[str] = []
    async with anyio.create_task_group() as group:
        group.start_soon(run, sandbox, f"{LONG} & echo $! $$ > started; wait")
        pids += (await anyio.to_thread.run_sync((workspace / "started").read_text)).split()
        group.cancel_scope.cancel()
    for pid in pids:
        wait_for_the_end_of(int(pid))


async def test_many_commands_run_at_once(sandbox):
    """Each has its own output."""
    outputs: dict[int, bytes] = {}

    async def one(number: int) -> None:
        outputs[number] = (await run(sandbox, f"echo {number}")).output

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(one, number)
    assert outputs == {number: f"{number}\n".encode() for number in range(20)}


async def test_calls_leave_no_descriptor_open(sandbox):
    """Whether they end well, at their limit or not at all."""
    counts: list[int] = []
    for _ in range(3):
        await run(sandbox, "true")
        await run(sandbox, LONG, timeout_s=0.05)
        with pytest.raises(FileNotFoundError):
            await run(sandbox, "true", directory="missing")
        counts.append(len(open_descriptors()))
    assert counts == counts[:1] * 3


@pytest.mark.parametrize(("line", "text"), [("echo \0", "NUL"), (":" * LINE_BYTES + ":", "bytes")])
async def test_what_no_shell_can_be_given_is_refused(sandbox, line, text):
    """A NUL would end the line early, and a longer one does not start."""
    with pytest.raises(OSError, match=text):
        await run(sandbox, line)


async def test_the_longest_line_still_starts(sandbox):
    """The limit is below that of the system."""
    assert (await run(sandbox, ":" + " " * (LINE_BYTES - 1))).exit_code == 0


async def test_half_a_character_in_a_command_is_no_reason_to_fail(sandbox):
    """It becomes a question mark."""
    assert (await run(sandbox, "echo '\ud800'")).output == b"?\n"


async def test_sh_does_where_there_is_no_bash(workspace, monkeypatch):
    """The shell that is always there takes over."""
    empty = workspace / "bin"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    async with open_plain(workspace) as sandbox:
        monkeypatch.undo()
        finished = await run(sandbox, "echo $0-$BASH_VERSION")
    assert finished.exit_code == 0
    assert finished.output.startswith(b"/bin/sh-")


async def test_files_are_read_and_written_by_the_paths_that_commands_see(sandbox, workspace):
    """Relative, absolute, and from home on."""
    await sandbox.write("made/by/tool", b"one")
    assert (await run(sandbox, "cat made/by/tool; echo -n two > ~/made/by/shell")).output == b"one"
    assert await sandbox.read("~/made/by/shell", 10) == b"two"
    assert await sandbox.read(f"{workspace}/made/by/shell", 2) == b"tw"
    with pytest.raises(IsADirectoryError):
        await sandbox.read("~", 10)
    with pytest.raises(FileNotFoundError):
        await sandbox.read("~other", 10)


async def test_a_folder_swapped_for_a_link_leads_nowhere_else(sandbox, workspace):
    """The workspace is held by descriptor: moving it away and linking another does not help."""
    await sandbox.write("file", b"mine")
    moved = workspace.parent / "moved"
    await run(sandbox, f"mv {workspace} {moved}; ln -s {workspace.parent} {workspace}")
    assert await sandbox.read("file", 10) == b"mine"
    with pytest.raises(FileNotFoundError):
        await sandbox.read("secret", 10)


async def test_a_closed_sandbox_does_nothing_more(workspace):
    """Closing it twice is closing it once."""
    async with open_plain(workspace) as sandbox:
        await sandbox.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        await sandbox.read("file", 1)


async def test_a_sandbox_needs_its_folder(tmp_path):
    """It makes none: that is what preparing a workspace does."""
    with pytest.raises(FileNotFoundError):
        async with open_plain(tmp_path / "none"):
            pytest.fail("opened")


@contextlib.contextmanager
def no_more_descriptors():
    """Let no file be opened any more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    "use",
    [
        lambda sandbox: sandbox.read("file", 1),
        lambda sandbox: sandbox.write("file", b""),
        lambda sandbox: sandbox.run(Command("true", 1, 1)),
    ],
    ids=["read", "write", "run"],
)
async def test_a_machine_without_descriptors_is_no_fault_of_the_command(sandbox, use):
    """What nobody in the session can mend is a broken sandbox, not a failed call."""
    await sandbox.write("file", b"")
    with pytest.raises(SandboxError, match="Too many open files"), no_more_descriptors():
        await use(sandbox)


def test_a_machine_that_does_not_answer_in_time_is_a_broken_sandbox():
    """A start that takes too long is nobody's fault in the session."""
    with pytest.raises(SandboxError, match="in time"), blaming_the_machine():
        raise TimeoutError
