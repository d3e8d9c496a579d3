"""Pages deep in large files, and what is said of files that are not as usual."""

from __future__ import annotations

import pytest

from hermes_run.tools import reading
from hermes_run.tools.paths import quoted


@pytest.fixture
def little(monkeypatch):
    """Make files of more than a hundred bytes large ones."""
    monkeypatch.setattr(reading, "FILE_BYTES", 100)
    monkeypatch.setattr("hermes_run.tools.files.FILE_BYTES", 100)


@pytest.mark.parametrize("name", ["a", "-n", "odd $(touch x)'s name"])
async def test_a_page_deep_in_a_large_file_is_cut_out(use, workspace, little, name):
    """Lines are counted as they are, also a last one without an end."""
    (workspace / name).write_text("".join(f"line {n}\n" for n in range(1, 1000)) + "last")
    output = await use("read_file", path=name, offset=5, limit=2)
    assert output.content == "5|line 5\n6|line 6\n[lines 5-6 of 1000; go on with offset=7]"
    output = await use("read_file", path=name, offset=12, limit=3)
    assert output.content.startswith("12|line 12\n13|line 13\n14|line 14\n[lines 12-14 of 1000; go")
    output = await use("read_file", path=f"{workspace}/{name}", offset=999)
    assert output.content == "999|line 999\n1000|last\n[lines 999-1000 of 1000]"
    assert not (workspace / "x").exists()


async def test_a_page_behind_the_end_of_a_large_file_is_an_error(use, said, workspace, little):
    """The model learns how long it is."""
    (workspace / "a").write_text("x\n" * 1000)
    assert said(await use("read_file", path="a", offset=1001)) == (
        "There is no line 1001: the file has 1000 lines"
    )


async def test_lines_of_any_length_are_cut_in_a_large_file(use, workspace, little):
    """And the page ends where there is no more room."""
    (workspace / "a").write_text("".join(f"{n}{'x' * 3_000_000}\n" for n in range(4)))
    output = await use("read_file", path="a", offset=2)
    assert output.content.startswith("2|1xxxx")
    assert "x [... the rest of the line cut ...]\n" in output.content
    assert output.content.endswith("\n[lines 2-2 of 4; go on with offset=3]")
    (workspace / "b").write_text("".join(f"{n} {'y' * 5_000}\r\n" for n in range(40)))
    output = await use("read_file", path="b", offset=2, limit=40)
    assert "yy [... 3002 characters cut ...]\n" in output.content
    assert len(output.content.encode()) <= 4000


async def test_a_large_file_is_read_in_its_own_encoding(use, said, workspace, little):
    """Latin-1 by its beginning; UTF-16 as far as it was read."""
    (workspace / "latin").write_bytes(b"caf\xe9\r\n" * 100)
    output = await use("read_file", path="latin", offset=90, limit=1)
    assert output.content == (
        "90|café\n[lines 90-90 of 100; go on with offset=91]\n"
        r"[the file is not UTF-8; it is shown as Latin-1, which is a guess]"
        "\n[lines end with \\r\\n]"
    )
    (workspace / "wide").write_bytes("\ufeff".encode("utf-16-le") + "a\n".encode("utf-16-le") * 90)
    output = await use("read_file", path="wide", limit=3)
    assert output.content.startswith("1|a\n2|a\n3|a\n[lines 1-3 of ")
    output = await use("read_file", path="wide", offset=24)
    assert output.content.startswith("24|a\n[lines 24-24 of ")
    assert "convert it with iconv" in said(await use("read_file", path="wide", offset=60))


async def test_a_line_that_is_too_far_in_is_a_timeout(use, said, workspace, little, monkeypatch):
    """What can be done instead is said; a file too large to count has no number of lines."""
    monkeypatch.setattr(reading, "CUT_S", 0.0)
    monkeypatch.setattr(reading, "COUNTED_BYTES", 10)
    (workspace / "a").write_text("x\n" * 1000)
    output = await use("read_file", path="a", offset=900)
    assert output.status == "timeout"
    assert "too far in" in said(output)


async def test_a_large_binary_file_is_described_with_its_size(use, said, workspace, little):
    """Which is not what was read of it."""
    (workspace / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n\0" + b"x" * 9991)
    assert "PNG image, 10000 bytes; it begins 89 50" in said(await use("read_file", path="a.png"))


async def test_line_ends_that_are_not_shown_are_said(use, workspace):
    """All of them, or most."""
    (workspace / "a").write_bytes(b"a\r\nb\r\n")
    (workspace / "b").write_bytes(b"a\r\nb\r\nc\n")
    assert (await use("read_file", path="a")).content == "1|a\n2|b\n[lines end with \\r\\n]"
    assert (await use("read_file", path="b")).content.endswith("[most lines end with \\r\\n]")


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("src/mian.py", "; did you mean src/main.py?"),
        ("main.py", "; did you mean src/main.py?"),
        ("src/MAIN.PY", "; did you mean src/main.py?"),
        ("nowhere/[a]*.txt", "; did you mean src/[a]*.txt?"),
        ("src/quite/else", "; search_files with target='files' finds names"),
    ],
)
async def test_a_file_that_is_not_there_is_answered_with_names_that_are(
    use, said, workspace, path, hint
):
    """The same name elsewhere, or one like it in the folder."""
    (workspace / "src").mkdir()
    (workspace / "src/main.py").write_text("")
    (workspace / "src/[a]*.txt").write_text("")
    for name in ("read_file", "patch"):
        arguments = {"old_string": "a", "new_string": "b"} if name == "patch" else {}
        output = await use(name, path=path, **arguments)
        assert said(output).endswith(f"{path}: No such file or directory{hint}")


async def test_what_writing_changes_beside_the_content_is_said(use, workspace):
    """Folders that are made, line ends that were others; the mode stays."""
    (workspace / "there").mkdir()
    assert "[made" not in (await use("write_file", path="there/a", content="")).content
    output = await use("write_file", path="there/b/c/d", content="")
    assert output.content.endswith("\n[made the folder there/b]")
    (workspace / "dos").write_bytes(b"a\r\nb\r\n")
    (workspace / "dos").chmod(0o751)
    output = await use("write_file", path="dos", content="a\n")
    assert output.content.endswith("\n[its lines ended with \\r\\n before, now with \\n]")
    assert (workspace / "dos").stat().st_mode & 0o777 == 0o751


def test_paths_are_quoted_as_the_file_tools_read_them():
    """`~` is the workspace, and no name is an option."""
    names = ["~", "~/a b", "-x", "/a", "./a", "~x"]
    assert [quoted(name) for name in names] == ["./.", "'./a b'", "./-x", "/a", "./a", "'./~x'"]
