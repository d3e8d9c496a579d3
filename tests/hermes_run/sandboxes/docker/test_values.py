"""What is read from a container, and who is who."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import msgspec
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_run.sandboxes.docker import owner as owners
from hermes_run.sandboxes.docker.body import Person, Traits, person
from hermes_run.sandboxes.docker.owner import is_gone, this_process
from hermes_run.sandboxes.docker.scripts import (
    RUN,
    Header,
    read_header,
    read_kills,
    read_probed,
)


@pytest.mark.parametrize(
    ("traits", "uid", "expected"),
    [
        (Traits(), 1000, Person("1000:100")),
        (Traits(), 0, Person("65534:65534", 65534)),
        (Traits(rootless=True), 1000, Person("0:0")),
        (Traits(rootless=True), 0, Person("0:0")),
        (Traits(remapped=True), 1000, Person("1000:100")),
    ],
)
def test_whoever_runs_commands_leaves_files_that_are_ours_to_remove(traits, uid, expected):
    """Ourselves; for root somebody without rights; the root of an engine that is ours."""
    assert person(traits, uid, 100) == expected


def text_of(here: owners.Owner, **changes: object) -> str:
    """Give the label of a process like *here*."""
    return msgspec.json.encode(msgspec.structs.replace(here, **changes)).decode()


def test_this_process_is_there():
    """And is told apart from one with its id that started at another time."""
    here = this_process()
    assert not is_gone(text_of(here), here)
    assert is_gone(text_of(here, started="another time"), here)


@pytest.mark.parametrize("number", ["0123456789abcdef", ""])
def test_only_of_its_own_machine_a_process_says_what_an_earlier_boot_left(number):
    """Two machines may have one name; one without a number can't be told from others at all."""
    here = msgspec.structs.replace(this_process(), number=number)
    assert is_gone(text_of(here, boot="another"), here) is bool(number)
    assert is_gone(text_of(here, started="another time"), here)
    assert not is_gone(text_of(here, boot="another", machine="another"), here)
    assert not is_gone(text_of(here, boot="another", number="another"), here)
    assert not is_gone(text_of(here, started="another time", number="another"), here)


def test_a_machine_has_a_number_where_it_says_so(monkeypatch, tmp_path):
    """As systemd does."""
    monkeypatch.setattr(owners, "MACHINE", tmp_path / "machine-id")
    assert this_process().number == ""
    (tmp_path / "machine-id").write_text("0123456789abcdef\n")
    assert this_process().number == "0123456789abcdef"


def test_a_process_that_ended_is_gone():
    """It was there before."""
    here = this_process()
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE) as child:
        label = text_of(here, pid=child.pid, started=owners._started(child.pid))
        assert not is_gone(label, here)
    assert is_gone(label, here)


@pytest.mark.parametrize("label", [None, "", "{}", "5", '{"pid": "x"}', "\ud800"])
def test_a_label_of_another_form_is_of_nobody_who_is_gone(label):
    """Better one container too many than one too few."""
    assert not is_gone(label, this_process())


def test_where_the_system_shows_no_clock_of_its_own_another_is_taken(monkeypatch):
    """As on macOS, where there is no /proc."""
    monkeypatch.setattr(owners, "Path", lambda path: Path(f"/none{path}"))
    here = this_process()
    assert here.space == ""
    assert here.started == str(psutil.Process(os.getpid()).create_time())
    assert not is_gone(text_of(here), here)
    assert is_gone(text_of(here, pid=2**22 + 1), here)


@given(st.binary(max_size=60))
def test_a_first_line_is_read_or_it_is_none(line):
    """Whatever a container writes."""
    header = read_header(line)
    assert header is None or header.group.isdecimal()
    assert read_probed(line) is None
    assert read_kills(line) >= 0


def test_a_command_without_a_group_of_its_own_has_not_begun():
    """Nobody could end it."""
    assert read_header(b"12  12 3") == Header("12", 3)
    assert read_header(b"12  7 0") is None
    assert read_header(b"12  0") is None
    assert read_probed(b"12  7 /bin/sh all") is None


def test_a_command_that_leads_no_group_says_so():
    """As with an engine that starts it in the group of another."""
    argv = ["/bin/sh", "-c", f"{RUN}", "name", "true", "/", "/bin/sh", "lasting"]
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@"; exit $?', "sh", *argv],
        capture_output=True,
        check=False,
        start_new_session=True,
    )
    assert read_header(done.stdout.split(b"\n")[0]) is None
