"""Reading prompts: files, targets, folders, quotations, small numbers."""

from __future__ import annotations

import pytest

from hermes_run.models.simulated.phrases import amount, folder, paths, quoted, sources, target


@pytest.mark.parametrize(
    ("prompt", "named", "out"),
    [
        ("Count the words of a/b.txt and write them to n.txt.", ("a/b.txt", "n.txt"), "n.txt"),
        ("Write into `out.md` what in.txt says.", ("out.md", "in.txt"), "out.md"),
        ("Save the list from x.csv as y-2.json", ("x.csv", "y-2.json"), "y-2.json"),
        ("Merge a.json with b.json into c.d.json!", ("a.json", "b.json", "c.d.json"), "c.d.json"),
        ("Mail bob@x.org about e.g. a.b.c/d.py, a.b.c/d.py", ("a.b.c/d.py",), ""),
        ("See *.md and https://x.org/a.html", (), ""),
        ("No file at all, version 2.4", (), ""),
    ],
)
def test_files_are_found_and_the_one_to_write_is_known(prompt, named, out):
    """Each file once, in order; addresses, patterns and abbreviations are no files."""
    assert [path for path in paths(prompt) if not path.startswith("x.org")] == list(named)
    assert target(prompt) == out
    assert out not in sources(prompt)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("all files under src/.", "src"),
        ("in `a/b-c/` please", "a/b-c"),
        ("the config folder", "config"),
        ("in the folder config", "config"),
        ("in the directory 'a/b'", "a/b"),
        ("in this folder", ""),
        ("src/a.py", ""),
    ],
)
def test_folders_are_found_by_their_slash_or_by_the_word(prompt, expected):
    """A path to a file is no folder, nor is `the folder` alone."""
    assert folder(prompt) == expected


def test_quotations_are_found_in_all_kinds_of_marks():
    """What names a file or a folder is no quotation, an apostrophe no mark."""
    prompt = "\"one\", 'two', `three`, “four”, `a.txt`, 'src/' and it's Kim's"
    assert quoted(prompt) == ("one", "two", "three", "four")


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [("the three best", 3), ("the 12 best", 12), ("Two or three", 2), ("all in a-1.txt", 0)],
)
def test_small_numbers_are_read_as_digits_and_as_words(prompt, expected):
    """The first one counts; a part of a name is none."""
    assert amount(prompt) == expected
