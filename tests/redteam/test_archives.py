"""Archives, and folders of files, that want to be unpacked somewhere else."""

from __future__ import annotations

import os
import stat

import pytest

from tests.redteam.guards import Call, sh

SLIP = """\
python3 - <<'END'
import io, tarfile, zipfile
names = ["../" * 12 + "tmp/escaped-slip", "{outside}/escaped", "../../escaped", "/etc/escaped"]
with tarfile.open("slip.tar", "w") as tar:
    for name in names:
        member = tarfile.TarInfo(name)
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "{outside}"
    tar.addfile(link)
    member = tarfile.TarInfo("link/escaped")
    member.size = 1
    tar.addfile(member, io.BytesIO(b"x"))
END
tar -xPf slip.tar 2>&1 | tail -n 3
python3 -c "import tarfile; tarfile.open('slip.tar').extractall('.')" 2>&1 | tail -n 1
echo tried"""


def test_an_archive_unpacks_nowhere_else(prison):
    """Not with absolute names, not with dots, not through a link of its own."""
    assert "tried" in prison.run(sh(SLIP)).output


ZIP = """\
python3 - <<'END'
import stat, zipfile
names = ["../" * 12 + "tmp/escaped-slip", "{outside}/escaped", "../../escaped", "/etc/escaped",
         "..\\\\..\\\\escaped", "C:/escaped", "a/../../../escaped", "ok"]
with zipfile.ZipFile("slip.zip", "w") as archive:
    for name in names:
        archive.writestr(name, "x")
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    archive.writestr(link, "{outside}")
    archive.writestr("link/escaped", "x")
    mode = zipfile.ZipInfo("suid")
    mode.create_system, mode.external_attr = 3, (stat.S_IFREG | 0o6755) << 16
    archive.writestr(mode, "x")
END
mkdir -p one two; unzip -o -: slip.zip -d one 2>&1 | tail -n 3
unzip -o slip.zip 2>&1 | tail -n 3; python3 -m zipfile -e slip.zip two; ls two
python3 -c "import shutil; shutil.unpack_archive('slip.zip', 'two')"; echo tried"""


def test_a_zip_unpacks_nowhere_else(prison):
    """By the program, by the library, with links and bits of its own."""
    done = prison.run(sh(ZIP))
    assert "tried" in done.output
    assert "ok\\n" in done.output, done


@pytest.mark.parametrize(
    "path", ["../escaped", "{outside}/escaped", "a/../../../escaped", "..", "", "a\0b", "x" * 5000]
)
def test_a_row_cannot_place_its_files_elsewhere(prison, path):
    """A row is input: its map of files is unpacked by the runner, which refuses such a path."""
    done = prison.run(sh("echo not reached"), row={"workspace": {"ok": "x", path: "escaped"}})
    assert done.outcome != "completed", done
    assert not done.results
    assert done.error


def test_a_row_cannot_write_through_its_own_files(prison):
    """A file stands where a folder would be needed."""
    done = prison.run(row={"workspace": {"a": "x", "a/b": "escaped"}})
    assert done.outcome != "completed"


def test_a_hostile_folder_is_copied_without_its_hooks(prison):
    """What one session kept is another's workspace: links stay links, the rest loses its means."""
    given = prison.base / "given"
    (given / "sub").mkdir(parents=True)
    (given / "secret").symlink_to(prison.outside / "secret")
    (given / "dir").symlink_to(prison.outside)
    (given / "sub" / "up").symlink_to("../../../../outside/victim")
    os.mkfifo(given / "fifo")
    os.link(prison.outside / "victim", given / "hard")
    (given / "suid").write_text("x")
    (given / "suid").chmod(0o6755)
    if prison.guards.user is not None:
        for found in (given, *given.rglob("*")):
            os.chown(found, prison.guards.user, -1, follow_symlinks=False)
        (given / "suid").chmod(0o6755)
    done = prison.run(
        Call("read_file", {"path": "secret"}),
        Call("read_file", {"path": "dir/secret"}),
        Call("write_file", {"path": "sub/up", "content": "escaped"}),
        Call("write_file", {"path": "dir/escaped", "content": "escaped"}),
        sh("cat secret dir/secret; echo escaped >sub/up; echo escaped >hard; rm -rf dir/*; ls -l"),
        row={"workspace": str(given)},
        keep_workspaces=True,
    )
    assert done.statuses[:4] == ["error"] * 4, done
    assert "fifo" not in done.output
    kept = list((prison.record / "workspaces").rglob("suid"))
    assert kept
    assert not any(each.stat().st_mode & (stat.S_ISUID | stat.S_ISGID) for each in kept)
