"""Reading, writing and patching files as a model does."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import msgspec
import pytest

from hermes_run.tools.files import FILE_BYTES
from hermes_run.tools.tool import Bounds
from hermes_run.tools.toolsets import load_toolbox


async def test_a_file_is_read_with_line_numbers(use, workspace):
    """Line ends of any kind are only line ends, and other separators are none."""
    (workspace / "a.txt").write_bytes("one\r\n\ntwo\u2028three".encode())
    output = await use("read_file", path="a.txt")
    assert (output.content, output.status) == ("1|one\n2|\n3|two\u2028three", "ok")


async def test_a_page_says_where_to_go_on(use, workspace):
    """Until there is nothing more."""
    (workspace / "a.txt").write_text("".join(f"line {n}\n" for n in range(1, 8)))
    first = await use("read_file", path="a.txt", limit=3)
    assert first.content == ("1|line 1\n2|line 2\n3|line 3\n[lines 1-3 of 7; go on with offset=4]")
    last = await use("read_file", path="a.txt", offset="6")
    assert last.content == "6|line 6\n7|line 7"
    assert last.flags == ("coerced:offset",)


async def test_a_page_is_as_long_as_there_is_room(use, workspace):
    """Whole lines only, and never cut in the middle."""
    (workspace / "a.txt").write_text("x" * 99 + "\n" + ("y" * 99 + "\n") * 500)
    output = await use("read_file", path="a.txt")
    assert len(output.content.encode()) <= 4000
    assert output.bytes is None
    assert output.content.endswith("go on with offset=36]")


async def test_a_line_that_is_too_long_is_shortened(use, workspace):
    """And the next one is still reached."""
    (workspace / "a.txt").write_text("x" * 10_000 + "\nend\n")
    output = await use("read_file", path="a.txt")
    assert output.content == f"1|{'x' * 2000} [... 8000 characters cut ...]\n2|end"


async def test_one_line_is_shown_even_where_there_is_no_room(use, context, workspace):
    """Or a model would ask for it for ever."""
    (workspace / "a.txt").write_text("x" * 300 + "\nend\n")
    little = msgspec.structs.replace(context, bounds=Bounds(output_bytes=200))
    output = await use("read_file", little, path="a.txt")
    assert output.content.startswith("1|xxx")
    assert output.content.endswith("[lines 1-1 of 2; go on with offset=2]")


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"", "[the file is empty]"),
        (b"\n", "1|"),
        (b"a", "1|a"),
        (
            b"caf\xe9\n",
            "1|café\n[the file is not UTF-8; it is shown as Latin-1, which is a guess]",
        ),
        ("\ufffd".encode(), "1|\ufffd"),
    ],
)
async def test_small_and_odd_files_are_shown(use, workspace, content, shown):
    """Empty, without a last line end, in another encoding."""
    (workspace / "a").write_bytes(content)
    assert (await use("read_file", path="a")).content == shown


async def test_of_a_huge_file_the_beginning_is_read(use, workspace):
    """The rest is a command's work, and the note says so."""
    with (workspace / "huge").open("wb") as file:
        file.write(b"line\n" * 4000)
        file.write(b"x" * FILE_BYTES)
        file.truncate(1 << 40)
    output = await use("read_file", path="huge", limit=1)
    assert output.content == (
        f"1|line\n[lines 1-1 of a file of {1 << 40} bytes; go on with offset=2]"
    )


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing", "No such file or directory; search_files with target='files' finds names"),
        (".", "folder; search_files with target='files' and pattern='*' lists it"),
        ("binary", "is a binary file"),
        ("../secret", "leads out of the workspace"),
        ("/etc/passwd", "leads out of the workspace"),
        ("link", "leads out of the workspace"),
        ("fifo", "no regular file"),
        ("a\0", "NUL"),
        ("short\ud800", "No such file"),
        ("x" * 10_000, "too long"),
    ],
)
async def test_what_cannot_be_read_says_why(use, said, workspace, path, reason):
    """And what to do instead, where there is something."""
    (workspace / "binary").write_bytes(b"\x7fELF\0\0")
    (workspace / "link").symlink_to("../secret")
    os.mkfifo(workspace / "fifo")
    output = await use("read_file", path=path)
    assert output.status == "error"
    assert reason in said(output)
    assert "the secret" not in output.content


async def test_a_page_behind_the_end_is_an_error(use, said, workspace):
    """The model learns how long the file is."""
    (workspace / "a").write_text("1\n2\n")
    assert said(await use("read_file", path="a", offset=3)) == (
        "There is no line 3: the file has 2 lines"
    )


async def test_a_file_is_written_with_its_folders(use, workspace):
    """Its size is said in bytes."""
    output = await use("write_file", path="a/b/c.txt", content="é\n")
    assert output.content == "Wrote 3 bytes to a/b/c.txt\n[made the folder a]"
    assert (workspace / "a/b/c.txt").read_text() == "é\n"
    await use("write_file", path="a/b/c.txt", content="")
    assert (workspace / "a/b/c.txt").read_text() == ""


async def test_half_a_character_is_written_as_its_replacement(use, workspace):
    """A file can't hold it, and a call is not lost for it."""
    output = await use("write_file", path="a", content="x\ud800")
    assert (output.status, output.flags) == ("ok", ("replaced:surrogates",))
    assert (workspace / "a").read_text() == "x\ufffd"


@pytest.mark.parametrize("path", ["../out", "/etc/hermes", "link", ".", "file/x", ""])
async def test_what_cannot_be_written_says_why(use, said, workspace, path):
    """Nothing is made outside."""
    (workspace / "file").write_text("")
    (workspace / "link").symlink_to(workspace.parent / "secret")
    output = await use("write_file", path=path, content="mine")
    assert output.status == "error"
    assert said(output).startswith(f"Cannot write {path}: ")
    assert (workspace.parent / "secret").read_text() == "the secret"
    assert not Path("/etc/hermes").exists()


async def test_a_piece_of_a_file_is_replaced(use, workspace):
    """The one place where it stands."""
    (workspace / "a.py").write_text("def f():\n    return 1\n")
    output = await use("patch", path="a.py", old_string="return 1", new_string="return 2")
    assert output.content == (
        "Replaced 1 in a.py (line 2)\n@@ -1,2 +1,2 @@\n def f():\n-    return 1\n+    return 2"
    )
    assert (workspace / "a.py").read_text() == "def f():\n    return 2\n"


async def test_every_place_is_replaced_if_asked_for(use, workspace):
    """The first of them are named."""
    (workspace / "a").write_text("x\n" * 20)
    output = await use("patch", path="a", old_string="x", new_string="y", replace_all="true")
    assert output.content.startswith(
        "Replaced 20 in a (line 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ...)\n@@ -1,20 +1,20 @@\n-x\n+y\n"
    )
    assert (workspace / "a").read_text() == "y\n" * 20


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("a", "a was not changed: old_string was not found"),
        ("broken", "it is not UTF-8 text; use a command"),
        ("binary", "it is a binary file; use a command"),
        ("huge", "larger than"),
        ("missing", "Cannot patch missing: No such file"),
        ("../secret", "leads out"),
    ],
)
async def test_a_patch_that_fails_changes_nothing(use, said, workspace, path, reason):
    """And says why."""
    (workspace / "a").write_text("content")
    (workspace / "broken").write_bytes("é secret".encode() + b"\xe9")
    (workspace / "binary").write_bytes(b"secret\0")
    (workspace / "huge").write_bytes(b"secret" + b"x" * FILE_BYTES)
    output = await use("patch", path=path, old_string="secret", new_string="x")
    assert output.status == "error"
    assert reason in said(output)
    assert (workspace / "a").read_text() == "content"
    assert (workspace.parent / "secret").read_text() == "the secret"


async def test_patches_of_one_turn_do_not_undo_each_other(use, workspace):
    """Calls of one turn run at once; each sees what the other wrote."""
    (workspace / "a").write_text("".join(f"<{n}>\n" for n in range(10)))
    async with anyio.create_task_group() as group:
        for n in range(10):
            group.start_soon(
                lambda n=n: use("patch", path="a", old_string=f"<{n}>", new_string=f"({n})")
            )
    assert (workspace / "a").read_text() == "".join(f"({n})\n" for n in range(10))


def test_the_tools_say_what_they_may_change():
    """Only the session's own folder."""
    box = load_toolbox(["file"])
    assert {name: box.effect_of(name) for name in box.tools} == {
        "read_file": "read",
        "write_file": "workspace",
        "patch": "workspace",
        "search_files": "read",
    }
