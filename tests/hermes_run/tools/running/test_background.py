"""Commands in the background: what is running, what it said, and how it ended."""

from __future__ import annotations

import json
import shutil

import anyio
import msgspec
import pytest

from hermes_run.sandboxes.protocol import Command
from hermes_run.tools import background
from hermes_run.tools.background_scripts import PART_BYTES
from hermes_run.tools.tool import Bounds, Output

WAIT_S = 240.0


@pytest.fixture
def start(said):
    """Start a command in the background and give its id."""

    async def begin(command, **arguments):
        return (await said("terminal", command=command, background=True, **arguments))["session_id"]

    return begin


@pytest.fixture
def heard(said):
    """Wait until a command has said something; gives what."""

    async def listen(name):
        text = ""
        with anyio.fail_after(WAIT_S):
            while not text:
                waited = await said("process", action="wait", session_id=name, timeout=1)
                text = waited["output"]
        return text

    return listen


async def test_a_command_in_the_background_is_told_with_what_it_said_and_how_it_ended(
    said, start, heard
):
    """Polls give what is new since the last one."""
    await said("terminal", command="mkfifo go")
    name = await start("echo one; read line < go; echo $line; exit 7")
    assert name == "p1"
    assert await heard(name) == "one\n"
    await said("terminal", command="echo two > go")
    last = await said("process", action="wait", session_id=name)
    assert (last["status"], last["exit_code"], last["output"]) == ("exited", 7, "two\n")
    again = await said("process", action="poll", session_id=name)
    assert (again["status"], again["exit_code"], again["output"]) == ("exited", 7, "")


async def test_it_runs_where_the_shell_is_and_leaves_the_shell_alone(said, start, workspace):
    """With its folder, variables and functions."""
    await said("terminal", command="mkdir sub; cd sub; export X=1; f() { echo $X $PWD; }")
    name = await start("f; cd /; export X=2")
    waited = await said("process", action="wait", session_id=name)
    assert waited["output"] == f"1 {workspace}/sub\n"
    there = await said("terminal", command="pwd; echo $X")
    assert there["output"] == f"{workspace}/sub\n1\n"
    name = await start("pwd", workdir="sub")
    waited = await said("process", action="wait", session_id=name)
    assert waited["output"] == f"{workspace}/sub\n"


async def test_what_is_running_is_listed(said, start):
    """In the order of the starts."""
    assert (await said("process", action="list"))["processes"] == []
    await start("sleep 600")
    await said("process", action="wait", session_id=await start("exit 3"))
    listed = (await said("process", action="list"))["processes"]
    assert [(each["session_id"], each["status"], each["exit_code"]) for each in listed] == [
        ("p1", "running", None),
        ("p2", "exited", 3),
    ]
    assert listed[0]["uptime_seconds"] >= 0


async def test_a_kill_ends_all_that_a_command_has_started(said, start, heard, sandbox):
    """It may say a last word first."""
    name = await start("trap 'echo bye; exit 5' TERM; sleep 601 & echo on; wait")
    await heard(name)
    killed = await said("process", action="kill", session_id=name)
    assert (killed["status"], killed["exit_code"], killed["output"]) == ("exited", 5, "bye\n")
    left = await sandbox.run(Command("pgrep -f 'sleep 60[1]'", WAIT_S, 1000))
    assert left.output == b""
    again = await said("process", action="kill", session_id=name)
    assert (again["status"], again["exit_code"]) == ("exited", 5)


async def test_what_does_not_end_when_asked_to_is_killed(said, start, heard):
    """After two seconds."""
    name = await start("trap '' TERM; echo on; sleep 602; sleep 602")
    await heard(name)
    killed = await said("process", action="kill", session_id=name)
    assert (killed["status"], killed["exit_code"]) == ("exited", 137)


async def test_a_command_that_somebody_killed_with_its_shell_is_lost(said, start, heard):
    """Nobody could note its exit code."""
    name = await start("echo on; sleep 603")
    await heard(name)
    await said("terminal", command="kill -9 -$(cut -d' ' -f2 $TMPDIR/.hermes-*/p1/pid)")
    polled = await said("process", action="wait", session_id=name)
    assert (polled["status"], polled["exit_code"]) == ("lost", None)
    await said("terminal", command="rm -rf $TMPDIR/.hermes-*/p1")
    assert (await said("process", action="poll", session_id=name))["status"] == "lost"


@pytest.mark.parametrize("code", ["256", "-1", "1" * 30, "9" * 5000, "1 2", "x"])
async def test_an_exit_code_that_no_command_has_is_none(said, start, code):
    """The file that it is read from can be written by every command."""
    name = await start("true")
    await said("process", action="wait", session_id=name)
    await said("terminal", command=f"echo {code} > $(echo $TMPDIR/.hermes-*/p1/exit)")
    assert (await said("process", action="poll", session_id=name))["exit_code"] is None


@pytest.mark.parametrize("size", ["9" * 15, "9" * 40])
async def test_a_size_that_no_output_has_is_bounded(said, start, size):
    """It is read from a name that every command can choose."""
    name = await start("true")
    await said("process", action="wait", session_id=name)
    await said("terminal", command=f"cd $TMPDIR/.hermes-*/p1; echo x >out.{size}")
    polled = await said("process", action="poll", session_id=name)
    assert len(polled["output"]) < 100


async def test_a_number_that_now_belongs_to_another_process_is_not_signalled(said, start):
    """The time of the start tells them apart."""
    name = await start("echo on")
    await said("process", action="wait", session_id=name)
    other = await start("sleep 604")
    await said(
        "terminal",
        command="(cd $TMPDIR/.hermes-*; rm p1/exit; read p g s < p2/pid; echo $p $g 1 > p1/pid)",
    )
    assert (await said("process", action="kill", session_id=name))["status"] == "lost"
    assert (await said("process", action="poll", session_id=other))["status"] == "running"


async def test_the_log_is_bounded_and_says_what_is_gone(said, start, scratch):
    """The last one to four megabytes are kept."""
    name = await start("seq 1 1000000")
    await said("process", action="wait", session_id=name)
    log = await said("process", action="log", session_id=name, limit=2)
    assert log["output"].endswith("kept]\n999999\n1000000\n")
    kept = sum(path.stat().st_size for path in scratch.glob("tmp/.hermes-*/p1/out.*"))
    assert PART_BYTES <= kept <= 4 * PART_BYTES


async def test_a_log_is_read_in_pages(said, start):
    """From the beginning with an offset, else from the end."""
    name = await start("seq 1 100")
    await said("process", action="wait", session_id=name)
    page = await said("process", action="log", session_id=name, offset=10, limit=2)
    assert (page["output"], page["total_lines"]) == ("11\n12\n", 100)
    assert (await said("process", action="log", session_id=name, limit=1))["output"] == "100\n"


async def test_long_output_is_cut_so_that_the_json_stays_whole(use, start, said):
    """Quotes make it longer still."""
    name = await start("yes '\"' | head -c 100000")
    output = await use("process", action="wait", session_id=name)
    assert len(output.content.encode()) <= 4000
    assert "bytes cut" in json.loads(output.content)["output"]


async def test_a_character_that_is_not_complete_waits_for_its_rest(said, start):
    """A poll may come in the middle of it."""
    name = await start(r"printf 'a\303'; sleep 0.8; printf '\251b'")
    first = await said("process", action="wait", session_id=name, timeout=1)
    texts = [first["output"]]
    texts.append((await said("process", action="wait", session_id=name))["output"])
    assert "".join(texts) == "aéb"


async def test_there_is_a_bound_to_how_many_run(use, said, start, monkeypatch):
    """What has ended does not count."""
    monkeypatch.setattr(background, "RUNNING", 2)
    await said("process", action="wait", session_id=await start("true"))
    await start("sleep 605")
    await start("sleep 605")
    refused = await use("terminal", command="touch made", background=True)
    assert refused.status == "error"
    assert "2 commands run in the background already" in refused.content


async def test_starts_at_once_count_each_other(use, start, monkeypatch):
    """Whoever comes after the last one is refused."""
    monkeypatch.setattr(background, "RUNNING", 3)
    outputs: list[Output] = []

    async def begin():
        outputs.append(await use("terminal", command="sleep 605", background=True))

    async with anyio.create_task_group() as calls:
        for _ in range(6):
            calls.start_soon(begin)
    assert sorted(output.status for output in outputs) == ["error"] * 3 + ["ok"] * 3


async def test_a_timeout_that_does_not_hold_is_said(said):
    """A command in the background runs until it ends or is ended."""
    told = await said("terminal", command="true", background=True, timeout=5)
    assert "timeout of 5 s does not hold in the background" in told["output"]
    assert "timeout" not in (await said("terminal", command="true", background=True))["output"]


@pytest.mark.parametrize(
    ("command", "line"),
    [("echo 'bad", 1), ("nosuch", 1), (":\n:\nnosuch", 3), ("cat <<E\nE\necho \\'; nosuch", 3)],
)
async def test_what_the_shell_says_names_the_line_of_the_command(said, start, command, line):
    """As in the foreground."""
    waited = await said("process", action="wait", session_id=await start(command))
    assert f"line {line}: " in waited["output"]


async def test_output_that_is_cut_says_its_size(use, start):
    """In bytes; what is whole says nothing."""
    name = await start("head -c 9000 /dev/zero | tr '\\0' x")
    assert (await use("process", action="wait", session_id=name)).bytes == 9000
    assert (await use("process", action="log", session_id=name)).bytes == 9000
    assert (await use("process", action="poll", session_id=name)).bytes is None


async def test_a_command_that_writes_fast_is_running_all_the_time(said, start):
    """Its files are taken away and written while they are looked at."""
    name = await start("yes")
    for action in ("poll", "log") * 6:
        looked = await said("process", action=action, session_id=name)
        assert looked["status"] == "running"
        assert not {"tail:", "wc:", "head:"} & set(looked["output"].split())
    await said("process", action="kill", session_id=name)


@pytest.mark.parametrize("length", [40_000, 300_000])
async def test_a_long_command_is_started(said, start, workspace, length):
    """Longer than a command line."""
    text = "it is \n" * (length // 6)
    name = await start(f"cat > made <<'E'\n{text}E")
    assert (await said("process", action="wait", session_id=name))["exit_code"] == 0
    assert (workspace / "made").read_text() == text


@pytest.mark.parametrize("arguments", [{}, {"session_id": "p7"}, {"session_id": "../p1"}])
async def test_a_command_that_was_never_started_is_an_error(use, arguments):
    """The text says what there is."""
    output = await use("process", action="poll", **arguments)
    assert output.status == "error"
    assert "process(action='list')" in output.content or "None is there" in output.content


async def test_a_command_that_can_not_be_started_is_an_error(use, scratch):
    """No folder to run in, or no folder for its output."""
    output = await use("terminal", command="true", background=True, workdir="none")
    assert "No such file" in json.loads(output.content)["error"]
    for path in scratch.glob("tmp/.hermes-*"):
        shutil.rmtree(path)
    output = await use("terminal", command="chmod 0 $TMPDIR; rm -rf $TMPDIR; touch $TMPDIR")
    output = await use("terminal", command="true", background=True)
    assert "could not be started" in json.loads(output.content)["error"]


async def test_a_wait_ends_before_the_limit_of_its_call(use, context, start):
    """So that it can say how things stand."""
    name = await start("sleep 606")
    hurried = msgspec.structs.replace(context, bounds=Bounds(timeout_s=3.0, output_bytes=4000))
    output = await use("process", hurried, action="wait", session_id=name, timeout=600)
    assert json.loads(output.content)["status"] == "running"
