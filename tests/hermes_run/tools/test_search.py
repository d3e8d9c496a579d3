"""Searching files by content and by name."""

from __future__ import annotations

import os
import shutil

import pytest

from hermes_run.tools import search

PROGRAMS = ("bash", "cut", "env", "find", "grep", "head", "sort", "tail", "tr", "wc", "xargs")


@pytest.fixture(params=["rg", "grep", "busybox"])
def searcher(request, tmp_path, monkeypatch):
    """Leave only one program on the PATH that looks into files."""
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in (*PROGRAMS, *(["rg"] if request.param == "rg" else [])):
        is_boxed = request.param == "busybox" and name != "bash"
        (folder / name).symlink_to(shutil.which("busybox" if is_boxed else name))
    monkeypatch.setenv("PATH", str(folder))
    return request.param


@pytest.fixture
def tree(workspace):
    """Fill the workspace with a few files."""
    for path, text in {
        "a.py": "import os\nprint('one')\n",
        "src/b.py": "def two():\n    return 22\n",
        "src/deep/c.txt": "return 22 and 3é\n",
        ".hidden/d.py": "two\n",
        ".git/e.py": "two two\n",
        "odd name's $(touch x).py": "two\n",
    }.items():
        (workspace / path).parent.mkdir(parents=True, exist_ok=True)
        (workspace / path).write_text(text)
    (workspace / "binary.py").write_bytes(b"two\0\xff")
    (workspace / "link.py").symlink_to("src/b.py")
    (workspace / "out").symlink_to("..")
    os.mkfifo(workspace / "fifo.py")
    return workspace


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            {"pattern": r"return\s+\d+"},
            ["src/b.py:2:    return 22", "src/deep/c.txt:1:return 22 and 3é"],
        ),
        (
            {"pattern": "two"},
            [".hidden/d.py:1:two", "odd name's $(touch x).py:1:two", "src/b.py:1:def two():"],
        ),
        ({"pattern": "two", "path": "src"}, ["src/b.py:1:def two():"]),
        ({"pattern": "two", "path": "./src//"}, ["src/b.py:1:def two():"]),
        ({"pattern": "two", "path": "src/b.py"}, ["src/b.py:1:def two():"]),
        ({"pattern": "22", "file_glob": "*.py"}, ["src/b.py:2:    return 22"]),
        ({"pattern": "22", "file_glob": "src/**/*.txt"}, ["src/deep/c.txt:1:return 22 and 3é"]),
        ({"pattern": "(one|3é)"}, ["a.py:2:print('one')", "src/deep/c.txt:1:return 22 and 3é"]),
        ({"pattern": "-n"}, []),
        ({"pattern": "'; touch made; '"}, []),
        ({"pattern": "secret"}, []),
    ],
)
async def test_content_is_found_by_regular_expression(searcher, use, tree, arguments, lines):
    """In regular files only, in the order of their paths, with paths from the workspace on."""
    if searcher == "busybox":
        (tree / "binary.py").unlink()
    output = await use("search_files", **arguments)
    assert output.status == "ok"
    if not lines:
        path, pattern = arguments.get("path", "."), arguments["pattern"]
        lines = [f"Nothing found in {path} for {pattern!r}"]
    assert output.content.split("\n") == lines
    assert not (tree / "made").exists()
    assert not (tree / "x").exists()


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            {"pattern": "*.py"},
            [".hidden/d.py", "a.py", "binary.py", "odd name's $(touch x).py", "src/b.py"],
        ),
        ({"pattern": "**/*.txt"}, ["src/deep/c.txt"]),
        ({"pattern": "**/b.py"}, ["src/b.py"]),
        ({"pattern": "src/*.py"}, ["src/b.py"]),
        ({"pattern": "./src/**"}, ["src/b.py", "src/deep/c.txt"]),
        ({"pattern": "*", "path": "src", "file_glob": "c*"}, ["src/deep/c.txt"]),
        ({"pattern": "a.py", "path": "a.py"}, ["a.py"]),
        (
            {"pattern": "b"},
            ["Nothing found in . for 'b'; a part of a name needs wildcards, as in '*b*'"],
        ),
    ],
)
async def test_files_are_found_by_name(searcher, use, tree, arguments, lines):
    """By name, or by path where the pattern has a slash."""
    output = await use("search_files", target="files", **arguments)
    assert output.content.split("\n") == lines


async def test_an_absolute_path_of_the_workspace_may_be_searched(use, tree):
    """The results then have absolute paths, too."""
    output = await use("search_files", pattern="def", path=f"{tree}/src")
    assert output.content == f"{tree}/src/b.py:1:def two():"


async def test_more_results_than_asked_for_are_said(use, workspace):
    """The first ones are shown."""
    (workspace / "a").write_text("x\n" * 10)
    output = await use("search_files", pattern="x", limit=2)
    assert output.content == (
        "a:1:x\na:2:x\n[the first 2 results; go on with offset=2, or narrow the search]"
    )
    assert (await use("search_files", pattern="x", limit=10)).content.count("\n") == 9


async def test_results_fill_no_more_than_the_room_there_is(use, workspace):
    """Long lines are shortened, and whole results are left out."""
    (workspace / "a").write_text(("x" * 1000 + "\n") * 100)
    output = await use("search_files", pattern="x", limit=100)
    assert len(output.content.encode()) <= 4000
    assert output.bytes is None
    assert output.content.endswith(
        "[the first 7 results; go on with offset=7, or narrow the search]"
    )


@pytest.mark.parametrize("pattern", ["(", "[a", "*(", "a\0b"])
async def test_a_pattern_that_is_none_is_an_error(searcher, use, said, tree, pattern):
    """The model is told what is wrong with it."""
    output = await use("search_files", pattern=pattern)
    assert output.status == "error"
    assert "regular expression" in said(output) or "NUL" in said(output)


@pytest.mark.parametrize(
    ("path", "reason"),
    [("..", "leads out"), ("out", "leads out"), ("none", "No such file"), ("a.py/x", "Not a dir")],
)
async def test_a_place_that_cannot_be_searched_says_why(use, said, tree, path, reason):
    """Outside, missing, below a file."""
    output = await use("search_files", pattern="x", path=path)
    assert output.status == "error"
    assert said(output).startswith(f"Cannot search {path}: ")
    assert reason in said(output)


async def test_a_link_to_a_file_is_not_followed(use, tree):
    """The file itself is found under its own name."""
    output = await use("search_files", pattern="two", path="link.py")
    assert output.content == "Nothing found in link.py for 'two'"


async def test_a_hostile_pattern_does_not_hold_the_run(use, workspace):
    """Nested repetition that would take a matcher that goes back for ages."""
    (workspace / "a").write_text("a" * 50_000 + "!\n")
    output = await use("search_files", pattern="^(a+)+$")
    assert output.status in {"ok", "timeout"}


async def test_a_search_that_takes_too_long_is_stopped(use, said, monkeypatch):
    """It is a timeout, and the text says what to do."""
    monkeypatch.setattr(search, "SEARCH_S", 0.001)
    output = await use("search_files", pattern="x")
    assert output.status == "timeout"
    assert "narrow it" in said(output)


async def test_huge_files_are_left_out_of_the_content_and_not_of_the_names(use, workspace):
    """One line of a gigabyte would have to be in memory as a whole."""
    with (workspace / "sparse").open("wb") as file:
        file.write(b"needle\n")
        file.truncate(1 << 34)
    assert "Nothing found" in (await use("search_files", pattern="needle")).content
    assert (await use("search_files", pattern="sp*", target="files")).content == "sparse"


@pytest.fixture
def odd_tree(workspace):
    """Fill the workspace with files that programs look into differently."""
    (workspace / ".gitignore").write_text("ignored\nb.txt\n")
    (workspace / ".ignore").write_text("c.txt\n")
    (workspace / ".git").mkdir()
    for path, content in {
        "a-b/x": b"needle\n",
        "a/x": b"one\nneedle 1\ntwo\nthree\nfour\nneedle 2\nfive\n",
        "a.txt": b"needle",
        "b.txt": b"needle\r\n",
        "c.txt": b"Needle needle\n",
        "ignored": b"needle\n",
        "latin": b"caf\xe9 needle\n",
        "late": b"needle\n" + b"x\n" * 50_000 + b"\0",
        "bin": b"needle\n\0",
        "bom": "\ufeffneedle\n".encode(),
        "wide": "\ufeffneedle\n".encode("utf-16-le"),
        "empty": b"",
        "it's": "a needle \u00e9\n".encode(),
    }.items():
        (workspace / path).parent.mkdir(exist_ok=True)
        (workspace / path).write_bytes(content)
    return workspace


FOUND = ["a-b/x", "a.txt", "a/x", "b.txt", "bom", "c.txt", "ignored", "it's", "latin"]


@pytest.mark.parametrize("searcher", ["rg", "grep"], indirect=True)
async def test_whoever_looks_the_same_is_found_in_the_same_order(searcher, use, odd_tree):
    """Ignore files count for nothing, a NUL makes a file binary, bytes need no encoding."""
    paths = await use("search_files", pattern="needle", output_mode="files_only")
    assert paths.content.split("\n") == FOUND
    counts = await use("search_files", pattern="needle", output_mode="count")
    assert counts.content.split("\n") == [f"{path}:{1 + (path == 'a/x')}" for path in FOUND]
    lines = await use("search_files", pattern=r"(?<!\w)need\w+ [12]$", context=1)
    assert lines.content.split("\n") == [
        "a/x-1-one",
        "a/x:2:needle 1",
        "a/x-3-two",
        "--",
        "a/x-5-four",
        "a/x:6:needle 2",
        "a/x-7-five",
    ]
    assert "latin:1:caf\ufffd needle" in (await use("search_files", pattern="^caf")).content


async def test_a_page_goes_on_where_the_last_one_ended(searcher, use, workspace):
    """For lines, paths and counts alike."""
    for name in "abcde":
        (workspace / name).write_text("x\ny\n")
    for arguments in (
        {"pattern": "x"},
        {"pattern": "x", "output_mode": "files_only"},
        {"pattern": "x", "output_mode": "count"},
        {"pattern": "?", "target": "files"},
    ):
        whole = (await use("search_files", **arguments)).content.split("\n")
        assert [line[0] for line in whole] == list("abcde")
        first = (await use("search_files", **arguments, limit=2)).content.split("\n")
        assert first[-1] == "[the first 2 results; go on with offset=2, or narrow the search]"
        then = (await use("search_files", **arguments, limit=2, offset=2)).content.split("\n")
        assert then[-1] == "[results 3-4; go on with offset=4, or narrow the search]"
        last = (await use("search_files", **arguments, limit=2, offset=4)).content.split("\n")
        assert first[:-1] + then[:-1] + last == whole
    behind = await use("search_files", pattern="x", offset=5)
    assert behind.content == "Nothing found in . for 'x' after the first 5 results"


async def test_names_with_line_ends_make_no_lines_of_their_own(searcher, use, workspace):
    """Such a file can be found by its name; its lines could not be told from those of others."""
    (workspace / "a").write_text("x\n")
    (workspace / "b\n.").mkdir()
    for name in ("c\n.", "b\n./d"):
        (workspace / name).write_text("x\n")
    modes = {"content": "a:1:x", "files_only": "a", "count": "a:1"}
    for mode, wanted in modes.items():
        found = await use("search_files", pattern="x", output_mode=mode)
        assert found.content == wanted
    names = await use("search_files", pattern="*", target="files")
    assert names.content.split("\n") == ["a", "b?./d", "c?."]


async def test_files_are_counted(searcher, use, tree):
    """Hidden ones with the others."""
    output = await use("search_files", pattern="*.py", target="files", output_mode="count")
    assert output.content == "5"


async def test_a_folder_that_is_not_there_is_answered_with_one_that_is(use, said, tree):
    """Where a name is alike."""
    assert "did you mean src?" in said(await use("search_files", pattern="x", path="scr"))
