"""Searching files by content and by name."""

from __future__ import annotations

import os

import pytest

from hermes_run.tools import search


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
async def test_content_is_found_by_regular_expression(use, tree, arguments, lines):
    """In regular files only, in the order of their paths, with paths from the workspace on."""
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
async def test_files_are_found_by_name(use, tree, arguments, lines):
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
    assert output.content.endswith("[the first 7 results; go on with offset=7, or narrow the search]")


@pytest.mark.parametrize("pattern", ["(", "[a", "*(", "a\0b"])
async def test_a_pattern_that_is_none_is_an_error(use, said, tree, pattern):
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
