"""The terminal: commands as models know them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from hermes_run.sandboxes.protocol import Finished
from hermes_run.tools.terminal import _report
from hermes_run.tools.tool import Bounds, Output


def report(output: Output) -> dict[str, Any]:
    """Read the JSON that a command gives."""
    return json.loads(output.content)


async def test_a_command_gives_output_and_exit_code(use):
    """As JSON, with the keys that other agents use."""
    output = await use("terminal", command="echo é; echo oops >&2")
    assert output == Output('{"output": "é\\noops\\n", "exit_code": 0, "error": null}', exit_code=0)


async def test_a_command_that_fails_is_a_call_that_worked(use):
    """The exit code is the command's, the status is the executor's."""
    output = await use("terminal", command="exit 3")
    assert (output.status, output.exit_code, report(output)["exit_code"]) == ("ok", 3, 3)


async def test_a_command_goes_on_where_the_last_one_ended(use, workspace):
    """The folder and the variables persist as files do."""
    await use("terminal", command="mkdir sub && cd sub && touch made && export X=1")
    output = await use("terminal", command="ls; pwd; echo $X")
    assert report(output)["output"] == f"made\n{workspace}/sub\n1\n"


async def test_a_command_past_its_own_limit_is_a_timeout(use):
    """What it wrote until then is there, and the limit is said."""
    output = await use("terminal", command="echo so far; sleep 600", timeout=1)
    assert (output.status, output.exit_code) == ("timeout", None)
    assert report(output) == {
        "output": "so far\n",
        "exit_code": None,
        "error": "The command ran into its limit of 1 s and was killed",
    }


@pytest.mark.parametrize("seconds", [None, 600])
async def test_no_command_runs_longer_than_the_session_allows(use, context, seconds):
    """A longer wish of the model's counts for nothing."""
    hurried = msgspec.structs.replace(context, bounds=Bounds(timeout_s=0.3))
    output = await use("terminal", hurried, command="sleep 600", timeout=seconds)
    assert output.status == "timeout"
    assert "limit of 0.3 s" in output.content


@pytest.mark.parametrize("seconds", [0, -1])
async def test_a_limit_of_no_time_is_refused(use, said, seconds):
    """It is no way to ask for none."""
    output = await use("terminal", command="touch made", timeout=seconds)
    assert output.status == "invalid"
    assert "'timeout' is wrong: Expected `int` >= 1" in said(output)


async def test_a_flood_is_an_error_with_what_was_kept(use):
    """The command was killed, and not by its own doing."""
    output = await use("terminal", command="yes")
    assert (output.status, output.exit_code) == ("error", None)
    assert report(output)["error"].startswith("The command was killed after ")
    assert len(output.content.encode()) <= 4000
    assert output.bytes is not None
    assert output.bytes > 10_000_000


@pytest.mark.parametrize(
    ("workdir", "reason"),
    [("..", "leads out of the workspace"), ("none", "No such file"), ("file", "Not a directory")],
)
async def test_a_command_that_cannot_start_there_is_not_run(use, said, workspace, workdir, reason):
    """The model learns why."""
    (workspace / "file").write_text("")
    output = await use("terminal", command="touch made", workdir=workdir)
    assert output.status == "error"
    assert reason in said(output)
    assert [path.name for path in workspace.iterdir()] == ["file"]


@pytest.mark.parametrize("command", ["echo \0", ":" * 1_000_001])
async def test_a_command_that_no_shell_takes_is_an_error(use, command):
    """A NUL, or more than anybody should write there."""
    assert (await use("terminal", command=command)).status == "error"


async def test_a_command_that_is_too_long_says_its_own_size(use, said):
    """And what to use instead."""
    output = await use("terminal", command="x" * 1_000_001)
    assert "it has 1,000,001 bytes and can have 1,000,000" in said(output)
    assert "write_file" in said(output)


@pytest.mark.parametrize("count", [1_400, 8_000])
async def test_a_long_here_document_is_taken_as_it_is(use, workspace, count):
    """Quotes and backslashes may make it longer than a command line can be."""
    body = "print('a', \"b\") # 'it' 'x' $y `z` \\n \\0047 \u00e9\n" * count
    end = "EOF\nexport DONE=1\ntrap 'echo bye' EXIT\nnosuch"
    output = await use("terminal", command=f"cat > big.txt <<'EOF'\n{body}{end}")
    assert (workspace / "big.txt").read_text() == body
    assert f"line {count + 5}: nosuch: command not found\nbye\n" in report(output)["output"]
    assert report(await use("terminal", command="echo $DONE"))["output"] == "1\n"


async def test_output_that_is_no_text_is_shown_as_far_as_it_is(use):
    """Bytes that are no UTF-8 and NULs become replacement characters."""
    output = await use("terminal", command=r"printf 'a\377b\000c'")
    assert report(output)["output"] == "a\ufffdb\ufffdc"


async def test_long_output_is_cut_so_that_the_json_stays_whole(use):
    """Quoting makes it longer: what is cut is the output, not the JSON around it."""
    output = await use("terminal", command=r"yes '\"' | head -n 100000; echo end")
    assert output.bytes == 300_004
    assert 3000 < len(output.content.encode()) <= 4000
    text = report(output)["output"]
    assert text.startswith('\\"\n')
    assert text.endswith("\nend\n")
    assert text.count("bytes cut") == 1


@pytest.mark.parametrize("limit", [0, 10, 60, 100, 1000])
@pytest.mark.parametrize("character", ["x", "\x01", "\n", "é", "😀", '"'])
def test_a_report_fits_however_much_its_output_grows_by_quoting(limit, character):
    """Only where there is no room at all does the frame stand alone."""
    whole = (character * 5000).encode()
    text = _report(Finished(whole, len(whole), 0), None, limit)
    read = json.loads(text)
    assert len(text.encode()) <= limit or len(read["output"]) < 40
    assert "bytes cut" in read["output"]


async def test_a_list_of_processes_shows_little_that_is_not_the_commands(use):
    """What a command is wrapped in is not among its words."""
    await use("terminal", command="export X=1; f() { echo f$X; }")
    output = report(await use("terminal", command="wc -c < /proc/$$/cmdline; f"))["output"]
    size, said = output.split()
    assert (int(size) < 700, said) == (True, "f1")


async def test_a_command_is_run_once_where_its_beginning_was_taken_away(use, workspace):
    """The state is kept from then on; a beginning that is not whole is none."""
    await use("terminal", command="export X=1")
    for harm in ("rm -f $TMPDIR/.hermes-*/begin-*", ": > $(echo $TMPDIR/.hermes-*/begin-*)"):
        await use("terminal", command=harm)
        output = await use("terminal", command="echo on >> made; export Y=$X; echo on")
        assert report(output)["output"] == "on\n"
        assert report(await use("terminal", command="echo $X$Y"))["output"] == "11\n"
    assert (workspace / "made").read_text() == "on\non\n"
