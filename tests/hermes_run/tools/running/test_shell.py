"""The shell of a session: what one command leaves behind is there for the next."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_run.sandboxes.fencing import VARIABLE
from hermes_run.tools import shell as shells
from hermes_run.tools import shell_scripts
from hermes_run.tools.shell import going_on
from hermes_run.tools.tool import Context

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
NAME = TEXT.filter(lambda name: name not in {"", ".", ".."} and "/" not in name)


def run(
    folder: Path, line: str, program: str = "bash", step: int | None = None, **environment: str
) -> str:
    """Run a command as a sandbox does, in a session's shell."""
    fake: Any = SimpleNamespace(root=str(folder))
    given = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8", "TERM": "dumb"}
    done = subprocess.run(
        [program, "-c", going_on(line, 0, Context("session", fake, step=step))],
        env=given | {"TMPDIR": str(folder / "tmp")} | environment,
        cwd=folder,
        capture_output=True,
        check=False,
    )
    return (done.stdout + done.stderr).decode("utf-8", "surrogateescape")


def states(folder: Path, program: str) -> list[tuple[str, int]]:
    """Name the states that are kept, and their files."""
    found = (folder / "tmp").glob(f".hermes-*/{program}.*")
    return sorted((path.name, path.stat().st_ino) for path in found)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a workspace with a temporary folder in it."""
    made = tmp_path_factory.mktemp("shell").resolve()
    (made / "tmp").mkdir()
    return made


@pytest.mark.parametrize("program", ["bash", "sh"])
@settings(max_examples=25, deadline=None)
@given(value=TEXT)
def test_any_value_of_a_variable_is_there_again(folder, program, value):
    """Quotes, newlines, dollars and all."""
    run(folder, f"export VALUE={shlex.quote(value)}", program)
    assert run(folder, 'printf %s "$VALUE"', program) == value


@pytest.mark.parametrize("program", ["bash", "sh"])
@settings(max_examples=25, deadline=None)
@given(name=NAME)
def test_a_folder_of_any_name_is_gone_back_to(folder, program, name):
    """Also where its name ends with a newline or begins with a dash."""
    path = folder / "in" / name
    path.mkdir(parents=True, exist_ok=True)
    run(folder, f"cd -- {shlex.quote(str(path))}", program)
    (path / "here").write_text("yes")
    assert run(folder, "cat here; rm here; cd ..", program) == "yes"


@pytest.mark.parametrize(
    ("first", "then", "output"),
    [
        ("f() { echo $1; }; alias g='f hello'", "g", "hello\n"),
        ("shopt -s extglob; touch yes\nf() { echo @(yes|no); }", "f", "yes\n"),
        ("alias ls='echo never'; f() { ls; }", "alias | wc -l; declare -f f | wc -l", "1\n4\n"),
        ("false || exit 3", "echo on", "on\n"),
        ("export X=1; exit 3", "echo $X", "1\n"),
        ("export X=1; set -e; false; X=2", "echo $X", "1\n"),
        ("export X=1; set -u; echo $nothing; X=2", "echo $X", "1\n"),
        ("export X=1; echo ${nothing?wanted}", "echo $X", "1\n"),
        ("set -a; X='a b'; set +a", "echo $X", "a b\n"),
        ("export X=1; echo 'never", "echo ${X-none}", "none\n"),
        ("export X=1; readonly X", "X=2; echo never", "bash: line 1: X: readonly variable\n"),
        ("declare -x -a X=(1 '2 3')", 'echo "${X[1]}"', "2 3\n"),
        ("export X=1; exec true", "echo ${X-none}", "none\n"),
        ("export X=1; kill -9 $$", "echo ${X-none}", "none\n"),
        ("trap 'echo bye' EXIT; export X=1; exit 4", "echo $X", "1\n"),
        ("trap 'exit 5' TERM; export X=1; (trap 'echo sub' EXIT); trap - EXIT", "echo $X", "1\n"),
        ('cd() { builtin cd "$@" && echo in; }; mkdir -p d', "cd d", "in\n"),
        ("declare() { :; }; export() { :; }; printf() { :; }", "declare -F | wc -l", "0\n"),
        ("export PATH=/none", "echo $PATH; PATH=/bin; ls -d .", "/none\n.\n"),
        ("unset LANG HOME", "echo ${LANG-none} ${HOME-none}", "none none\n"),
        ("export PROMPT_COMMAND='echo never' PS4='never'", "echo on", "on\n"),
        ("set -C -f -x -v -n -k", "echo *tmp*", "tmp\n"),
        ("set -o posix; export X=1", "echo $X", "1\n"),
        ("export IFS=0123456789abcdefh X='1 2'", 'echo "$X"', "1 2\n"),
        ("export LD_PRELOAD=/none.so 2>&-", "echo $LD_PRELOAD", "/none.so\n"),
        ("ulimit -f 0; export X=1", "echo on", "on\n"),
        ("umask 777; export X=1", "echo $X", "1\n"),
        ("(export X=1; exit 2); export Y=1", "echo ${X-none} $Y", "none 1\n"),
        ("export X=1; sleep 0 & wait", "echo $X", "1\n"),
        ("exec 1>&- ; export X=1", "echo on", "on\n"),
        ("unset PWD; export X=1", 'echo "$X"', "1\n"),
        ("eval 'export X=1'; return 1 2>/dev/null", "echo $X", "1\n"),
        ("builtin() { echo BAD; }; export X=1", "echo ${X-none}", "none\n"),
        ("readonly __hermes_n=1; export X=1", "echo on", "on\n"),
    ],
)
def test_hostile_commands_leave_a_shell_behind_that_goes_on(tmp_path, first, then, output):
    """What can be kept is kept, and never a half of it."""
    (tmp_path / "tmp").mkdir()
    run(tmp_path, first)
    assert run(tmp_path, then).endswith(output)
    assert run(tmp_path, "echo on").endswith("on\n")


def test_what_the_shell_says_names_the_line_of_the_command(tmp_path):
    """As if it had been run without anything around it."""
    (tmp_path / "tmp").mkdir()
    assert run(tmp_path, "nosuch") == "bash: line 1: nosuch: command not found\n"
    assert run(tmp_path, ":\n:\nnosuch") == "bash: line 3: nosuch: command not found\n"


def test_a_virtual_environment_is_left_again(tmp_path):
    """What its script for leaving needs is no exported variable."""
    (tmp_path / "tmp").mkdir()
    enter = "_OLD_VIRTUAL_PATH=$PATH; PATH=/venv:$PATH; deactivate() { PATH=$_OLD_VIRTUAL_PATH; }"
    run(tmp_path, f"{enter}; unrelated=1")
    assert run(tmp_path, "echo $PATH$unrelated; deactivate") == "/venv:/usr/bin:/bin\n"
    assert run(tmp_path, "echo $PATH") == "/usr/bin:/bin\n"


@pytest.mark.parametrize("program", ["bash", "sh"])
@settings(max_examples=25, deadline=None)
@given(lines=st.lists(TEXT, min_size=2, max_size=4))
def test_a_command_of_several_lines_is_run_as_it_is(folder, program, lines):
    """Whatever is quoted in it."""
    line = "\n".join(f"printf '%s|' {shlex.quote(each)}" for each in lines)
    assert run(folder, line, program) == "".join(f"{each}|" for each in lines)


@pytest.mark.parametrize("line", ["exit 3", "false; (exit 3)", "set -e; (exit 3); :", "kill -9 $$"])
async def test_the_exit_code_is_that_of_the_command(said, line):
    """Saving has none of its own."""
    assert (await said("terminal", command=line))["exit_code"] == (137 if "kill" in line else 3)


def test_a_state_that_did_not_change_is_not_written_again(tmp_path):
    """Only a difference is worth a rename."""
    (tmp_path / "tmp").mkdir()
    run(tmp_path, "export X=1")
    before = states(tmp_path, "bash")
    assert len(before) == 1
    assert run(tmp_path, "ls >/dev/null; Y=1; echo $X") == "1\n"
    assert states(tmp_path, "bash") == before
    run(tmp_path, "export X=2")
    assert len(states(tmp_path, "bash")) == 2


@pytest.mark.parametrize("program", ["bash", "sh"])
@pytest.mark.parametrize("first", ["cd in; export X=$X.", "cd in; export X=$X.; exit 3"])
def test_a_call_that_is_run_again_begins_where_it_began_before(tmp_path, program, first):
    """It is of the same step, so what it saved the first time is not for it."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "in" / "in").mkdir(parents=True)
    run(tmp_path, "export X=.", program, step=4)
    for _ in range(3):
        run(tmp_path, first, program, step=7)
    assert run(tmp_path, "pwd; echo $X", program, step=7) == f"{tmp_path}\n.\n"
    assert run(tmp_path, "pwd; echo $X", program, step=9) == f"{tmp_path}/in\n..\n"


@pytest.mark.parametrize("program", ["bash", "sh"])
def test_a_call_that_changes_nothing_leaves_what_another_of_its_step_has_saved(tmp_path, program):
    """Only who writes can win."""
    (tmp_path / "tmp").mkdir()
    run(tmp_path, "export X=1", program, step=1)
    run(tmp_path, "export X=2", program, step=2)
    assert run(tmp_path, "echo $X", program, step=2) == "1\n"
    assert run(tmp_path, "echo $X", program, step=3) == "2\n"


@pytest.mark.parametrize("program", ["bash", "sh"])
def test_few_states_are_kept_and_always_the_one_a_command_began_from(tmp_path, program):
    """It may have to begin from there again."""
    (tmp_path / "tmp").mkdir()
    run(tmp_path, "export X=0", program, step=0)
    for step in range(3, 50, 3):
        run(tmp_path, f"export X={step}", program, step=step)
        assert len(states(tmp_path, program)) <= shell_scripts.OLD + 2
        assert run(tmp_path, "echo $X", program, step=step) == f"{step - 3}\n"


@pytest.mark.parametrize("program", ["bash", "sh"])
def test_commands_that_no_reply_made_go_on_where_the_last_one_ended(tmp_path, program):
    """Whatever its number was."""
    (tmp_path / "tmp").mkdir()
    run(tmp_path, "export X=.", program, step=88)
    for _ in range(12):
        run(tmp_path, "export X=$X.", program)
    assert run(tmp_path, "echo $X", program) == f"{13 * '.'}\n"
    assert states(tmp_path, program)[-1][0].endswith(".000000100")


async def test_what_calls_without_a_result_have_saved_is_forgotten_after_a_crash(
    use, context, shell
):
    """Also where the call changes nothing when it is run again."""
    third, fifth = (msgspec.structs.replace(context, step=number) for number in (3, 5))
    await use("terminal", third, command="export X=1")
    await use("terminal", fifth, command="export X=2")
    shells.go_on(context.state)
    for background in (False, True):
        await use("terminal", fifth, command="true", background=background)
    assert await shell("echo $X") == "1\n"


@pytest.mark.parametrize("program", ["bash", "sh"])
def test_a_folder_that_is_gone_is_said_and_the_workspace_taken(tmp_path, program):
    """The command runs in the workspace instead."""
    (tmp_path / "tmp").mkdir()
    run(tmp_path, "mkdir gone; cd gone; rmdir ../gone", program)
    said = run(tmp_path, "pwd", program)
    assert (
        said
        == f"[{tmp_path}/gone is not there any more; the command runs in {tmp_path}]\n{tmp_path}\n"
    )
    assert run(tmp_path, "pwd", program) == f"{tmp_path}\n"


def test_a_state_that_cannot_be_kept_is_said(tmp_path):
    """Here the folder is a file."""
    (tmp_path / "tmp").write_text("")
    assert run(tmp_path, "export X=1") == f"{shell_scripts.UNSAVED}\n"


@pytest.mark.parametrize("program", ["bash", "sh"])
def test_a_shell_that_is_expected_and_not_there_is_said_to_be_new(tmp_path, program):
    """Once, in a session that goes on after a crash that took its temporary folder."""
    (tmp_path / "tmp").mkdir()
    fake: Any = SimpleNamespace(root=str(tmp_path))
    context = Context("session", fake)
    shells.expect(context.state)
    line = f"export TMPDIR={tmp_path}/tmp; {going_on('echo on', 0, context)}"
    done = subprocess.run([program, "-c", line], capture_output=True, check=True)
    assert done.stdout.decode() == f"{shell_scripts.ANEW}\non\n"
    assert not shells.expected(context)


@pytest.mark.parametrize("program", ["bash", "sh"])
def test_the_mark_of_a_run_is_the_one_the_sandbox_gives(folder, program):
    """A copy of a run that goes on has another one, whatever was kept."""
    run(folder, "export KEPT=1", program, None, **{VARIABLE: "first"})
    given = {VARIABLE: "second"}
    assert run(folder, f"echo ${VARIABLE} $KEPT", program, None, **given) == "second 1\n"
