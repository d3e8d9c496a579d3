"""Paths that lead out, through every tool that takes one; nothing outside is read or changed."""

from __future__ import annotations

import stat

import pytest

from tests.redteam.guards import Call, sh


def read(path: str) -> Call:
    """Read a file."""
    return Call("read_file", {"path": path})


def write(path: str) -> Call:
    """Write a file."""
    return Call("write_file", {"path": path, "content": "escaped"})


OUT = "../../../../../../../../../.."

READS = {
    "path_traversal": [read(OUT + "{outside}/secret")],
    "an_absolute_path": [read("{outside}/secret")],
    "the_shadow_file": [read("/etc/shadow"), read(OUT + "/etc/shadow")],
    "a_link": [sh("ln -s {outside}/secret link"), read("link")],
    "a_link_to_a_link": [sh("ln -s b a; ln -s {outside} b"), read("a/secret")],
    "a_circle_of_links": [sh("ln -s b a; ln -s a b"), read("a"), read("a/x")],
    "the_working_folder_of_a_process": [read("/proc/self/cwd/../outside/secret")],
    "the_root_of_a_process": [read("/proc/self/root{outside}/secret"), read("/proc/1/environ")],
    "a_link_into_proc": [sh("ln -s /proc/self/environ e; ln -s /proc/1/environ f"), read("e")],
    "a_path_with_nul": [read("x\0/../../outside/secret")],
    "a_tilde": [read("~root/.ssh/id_rsa"), read("~/../outside/secret")],
    "the_event_log": [read("{record}/run.json"), read("../../run.json"), read("../../journal")],
}

WRITES = {
    "path_traversal": [write(OUT + "{outside}/escaped")],
    "an_absolute_path": [write("{outside}/victim")],
    "a_link": [sh("ln -s {outside}/victim link"), write("link")],
    "a_link_that_dangles": [sh("ln -s {outside}/escaped link"), write("link")],
    "a_link_to_a_folder": [sh("ln -s {outside} dir"), write("dir/escaped"), write("dir/new/x")],
    "a_patch": [
        Call("patch", {"path": "{outside}/victim", "old_string": "whole", "new_string": "x"})
    ],
    "the_event_log": [write("{record}/run.json"), write("../../journal/escaped")],
}


@pytest.mark.parametrize("attack", READS)
def test_nothing_outside_is_read_by(prison, attack):
    """The last call is refused, and what it asked for stands nowhere."""
    done = prison.run(*READS[attack])
    assert done.outcome == "completed"
    assert done.statuses[-1] == "error", done


@pytest.mark.parametrize("attack", WRITES)
def test_nothing_outside_is_written_by(prison, attack):
    """Every write is refused, whatever stands in the way."""
    done = prison.run(*WRITES[attack])
    refused = [result for result in done.results if "exit_code" not in result["output"]]
    assert done.outcome == "completed"
    assert refused
    assert all(result["status"] == "error" for result in refused), done


def test_a_hard_link_to_a_file_outside_cannot_be_made(prison):
    """There is nothing there to link to, and no other name for it inside."""
    done = prison.run(
        sh("ln {outside}/victim hard; ln /proc/self/exe exe; cp -l {outside}/secret s; ls"),
        read("hard"),
    )
    assert done.statuses == ["ok", "error"]


SWAP = """\
mkdir -p real; echo inside >real/victim
i=0
while [ $i -lt 2000 ]; do
    ln -sfn {outside} swap; rm -f swap; ln -sfn real swap; rm -f swap; mkdir swap 2>/dev/null
    rmdir swap 2>/dev/null; i=$((i + 1))
done >/dev/null 2>&1 &
echo started"""


def test_a_folder_that_turns_into_a_link_meanwhile_leads_nowhere(prison):
    """Between the look and the open it is exchanged again and again."""
    tries = [call for _ in range(15) for call in (write("swap/victim"), read("swap/secret"))]
    done = prison.run(sh(SWAP, background=True), *tries)
    assert done.outcome == "completed"


def test_a_search_stays_inside(prison):
    """Neither by a path, nor by a link, nor by its pattern."""
    done = prison.run(
        sh("ln -s {outside} out; ln -s / all"),
        Call("search_files", {"pattern": "canary", "path": "../.."}),
        Call("search_files", {"pattern": "canary", "path": "{outside}"}),
        Call("search_files", {"pattern": "canary", "path": "out"}),
        Call("search_files", {"pattern": "canary' / '", "path": "."}),
        Call("search_files", {"pattern": "x", "path": ".", "file_glob": "'; cat {outside}/secret"}),
        Call("search_files", {"pattern": "*secret*", "target": "files", "path": "all"}),
    )
    assert done.outcome == "completed"
    assert "outside/secret" not in done.output.replace("/outside/secret'", "")


def test_a_fifo_holds_no_tool_up(prison):
    """Nobody is at its other end."""
    done = prison.run(
        sh("mkfifo f; mkfifo .f; ln -s f g"),
        read("f"),
        write("f"),
        read("g"),
        Call("search_files", {"pattern": "x"}),
    )
    assert done.statuses[:4] == ["ok", "error", "error", "error"]


def test_devices_can_neither_be_made_nor_used(prison):
    """None of the host's disks, memory or terminals is there."""
    done = prison.run(
        sh(
            "mknod sda b 8 0; mknod mem c 1 1; ls /dev; "
            "cat /dev/mem /dev/kmsg /dev/sda /dev/vda /dev/port /dev/ttyS0 /dev/fuse /dev/kvm "
            "2>&1 | head -c 300; ls sda mem"
        ),
        read("/dev/zero"),
        read("sda"),
    )
    listed = done.results[0]["output"]
    assert not {"vda", "sda", "kmsg", "kvm", "fuse", "mem", "loop0"} & set(listed.split("\\n"))
    assert done.statuses == ["ok", "error", "error"]


def test_what_has_no_end_is_not_read_to_its_end(prison):
    """A device through a link, and a file of a terabyte that takes no room."""
    done = prison.run(
        sh("ln -s /dev/zero zero; truncate -s 900G sparse; ls -l sparse | wc -l"),
        read("zero"),
        read("sparse"),
        Call("search_files", {"pattern": "x"}),
        Call("patch", {"path": "sparse", "old_string": "a", "new_string": "b"}),
    )
    assert done.outcome == "completed"
    assert done.statuses[1] == "error"


def test_set_uid_bits_do_not_stay(prison):
    """Not in a workspace that is kept: on the host it would be a way to become its owner."""
    done = prison.run(
        sh(
            "cp /bin/bash suid; chmod 6755 suid; mkdir d; cp /bin/true d/t; chmod 4777 d/t; "
            "mkfifo p; ls -l suid"
        ),
        keep_workspaces=True,
    )
    assert "rws" in done.output or "Operation not permitted" in done.output
    kept = [path for path in (prison.record / "workspaces").rglob("*") if not path.is_symlink()]
    assert {path.name for path in kept} >= {"suid", "t"}
    assert not any(path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID) for path in kept)
    assert all(path.is_file() or path.is_dir() for path in kept)


def test_a_huge_folder_is_no_trouble(prison):
    """It is searched within its bounds, and removed."""
    done = prison.run(
        sh("mkdir many; cd many; seq 10000 | xargs touch; ls -f | wc -l"),
        Call("search_files", {"pattern": "*1*", "target": "files"}),
        tool_timeout=200.0,
    )
    assert "10002" in done.results[0]["output"]
    assert done.statuses == ["ok", "ok"]


NAMES = r"""
printf x >"$(printf 'a\nb')"; printf x >"$(printf '\033]0;owned\007')"; printf x >./-rf
printf x >"$(printf 'bad\377utf8')"; printf x >' '; printf x >'$(touch escaped)'
printf x >"$(head -c 255 /dev/zero | tr '\0' n)"; printf x >'`id`'; printf x >'*'
mkdir '..  '; ls -a | wc -l
"""


def test_hostile_names_are_only_names(prison):
    """Line breaks, control characters, options, commands, and bytes that are no text."""
    done = prison.run(
        sh(NAMES),
        Call("search_files", {"pattern": "*", "target": "files"}),
        Call("search_files", {"pattern": "x"}),
        read("-rf"),
        read("$(touch escaped)"),
        sh("ls escaped"),
    )
    assert done.outcome == "completed"
    assert done.results[-1]["exit_code"] != 0


PLANTED = """\
for name in .bashrc .bash_profile .profile .bash_login .bash_logout .inputrc; do
    echo 'echo planted-ran; export HERMES_PLANTED=1' >$HOME/$name
done
for name in sitecustomize usercustomize anyio msgspec json hermes_run; do
    echo 'raise SystemExit("planted-ran")' >$name.py
done
printf '[core]\\n\\tfsmonitor = touch escaped\\n' >.gitconfig
echo 'echo planted-ran' >env.sh; echo ok"""


def test_planted_start_up_files_do_not_run_by_themselves(prison):
    """Neither in the next command, nor in the runner, nor when a score is taken."""
    done = prison.run(
        sh(PLANTED),
        sh("echo next; echo $HERMES_PLANTED"),
        Call("search_files", {"pattern": "nothing-like-it"}),
    )
    assert "planted-ran" not in done.output
    assert done.statuses == ["ok", "ok", "ok"]


UNDELETABLE = """\
python3 - <<'END'
import os
top = os.getcwd()
for _ in range(1500):
    os.mkdir("d" * 50); os.chdir("d" * 50)
open("deep", "w").close()
os.chdir(top)
END
mkdir -p locked/in; touch locked/in/f; chmod 0 locked/in locked
touch fixed; chattr +i fixed 2>/dev/null; touch append; chattr +a append 2>/dev/null
mkdir sticky; chmod 1000 sticky; echo made"""


def test_a_tree_that_does_not_want_to_go_goes(prison):
    """Deeper than any path, locked, made immutable: the workspace is gone afterwards."""
    assert "made" in prison.run(sh(UNDELETABLE)).output
    assert not (prison.record / "workspaces").exists()


def test_the_record_is_out_of_reach(prison):
    """It is nowhere to be found, and can't be written by its path."""
    done = prison.run(
        sh(
            "find / -name '*.jsonl' -not -path '/proc/*' 2>/dev/null | head; "
            "echo x >>{record}/journal/00000-x.jsonl; rm -rf {record}; "
            "ls -d {record} && echo found-it; echo tried"
        )
    )
    assert "tried" in done.output
    assert "found-it" not in done.output
    assert "jsonl\\n" not in done.output
