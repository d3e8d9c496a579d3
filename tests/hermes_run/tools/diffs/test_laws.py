"""What a diff says is what is done: apply(diff(a, b), a) == b."""

from __future__ import annotations

import difflib
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_run.tools.diffs.applying import Applied, apply_hunks
from hermes_run.tools.diffs.hunks import BadPatch
from hermes_run.tools.diffs.rows import edited, joined, split_rows
from hermes_run.tools.diffs.showing import show_edits
from hermes_run.tools.diffs.unified import parse_unified
from hermes_run.tools.diffs.v4a import parse_v4a

# Lines that look like a diff's own, and few others, so that many are the same.
LINES = [
    "",
    "a",
    "b",
    " a",
    "- x",
    "-- y",
    "++ z",
    "@@ -1 +1 @@",
    "diff --git a/b b/b",
    "```",
    "\\ x",
]

TEXTS = st.lists(st.sampled_from(LINES), max_size=14).map("\n".join)
NAMES = ["a/file", "b/file"]


def lines_of(text):
    """Split at line feeds, which stay."""
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def diff(a, b, around):
    """Write a diff as `diff -u` does; difflib leaves out what it says of last lines."""
    lines = difflib.unified_diff(lines_of(a), lines_of(b), *NAMES, n=around)
    end = "\n\\ No newline at end of file\n"
    return "".join(line if line.endswith("\n") else line + end for line in lines)


@settings(max_examples=300)
@given(TEXTS, TEXTS, st.sampled_from([0, 1, 3]))
def test_a_diff_makes_the_new_text_of_the_old_one(a, b, around):
    """To the byte, whatever the lines look like; there is nothing to be said of it."""
    files = parse_unified(diff(a, b, around))
    if a == b:
        assert isinstance(files, BadPatch)
        return
    assert isinstance(files, tuple)
    ((file,), applied) = files, apply_hunks(a, files[0].hunks)
    assert (file.kind, file.path, file.notes) == ("update", "file", ())
    assert isinstance(applied, Applied)
    assert (applied.text, applied.notes) == (b, ())


@settings(max_examples=150)
@given(TEXTS, TEXTS)
def test_the_edits_are_what_was_done(a, b):
    """Who is shown them can do it again."""
    files = parse_unified(diff(a, b, 3))
    if a != b and isinstance(files, tuple):
        applied = apply_hunks(a, files[0].hunks)
        assert isinstance(applied, Applied)
        rows = split_rows(a)
        again = joined(edited(rows.lines, applied.edits), closed=split_rows(b).closed)
        assert again == b
        shown = f"--- a/file\n+++ b/file\n{show_edits(rows.lines, applied.edits, 10**6)}\n"
        repeated = parse_unified(shown)
        assert isinstance(repeated, tuple)
        if rows.closed and split_rows(b).closed:
            more = apply_hunks(a, repeated[0].hunks)
            assert isinstance(more, Applied)
            assert more.text == b


@settings(max_examples=150)
@given(st.lists(st.text("abc", min_size=1, max_size=6), unique=True, min_size=4), st.data())
def test_a_diff_that_counts_wrong_does_the_same_where_lines_are_unique(lines, data):
    """Wrong counts, wrong starts, no numbers at all, and blanks lost at the end of the patch."""
    at = data.draw(st.integers(1, len(lines) - 2))
    a = "".join(f"{line}\n" for line in lines)
    b = "".join(f"{line}\n" for line in [*lines[:at], "NEW", *lines[at + 1 :]])
    head = data.draw(
        st.sampled_from(["@@ -7,9 +7,2 @@", "@@", "@@ ... @@", "@@ -1,1 +1 @@ x", "@@@"])
    )
    body = f" {lines[at - 1]}\n-{lines[at]}\n+NEW\n {lines[at + 1]}\n"
    files = parse_unified(f"--- a/file\n+++ b/file\n{head}\n{body}\n")
    assert isinstance(files, tuple)
    applied = apply_hunks(a, files[0].hunks)
    assert isinstance(applied, Applied)
    assert applied.text == b


@given(TEXTS, TEXTS)
def test_no_patch_and_no_text_raises(patch, text):
    """In either form; what is applied is told from what is not."""
    for parsed in (parse_unified(patch, "file"), parse_v4a(f"*** Update File: file\n{patch}")):
        for file in parsed if isinstance(parsed, tuple) else ():
            assert isinstance(apply_hunks(text, file.hunks), Applied | BadPatch)


A, B = "one\ntwo\n\nthree  \nfour", "one\n2\n\nthree  \nfour\nfive\n"


@pytest.mark.parametrize(
    "arguments", [["diff", "-u"], ["diff", "-U0"], ["git", "diff", "--no-index"]]
)
def test_diffs_of_the_common_tools_are_understood(tmp_path, arguments):
    """Of `diff` and of git, with time stamps and without."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a/x y").write_text(A)
    (tmp_path / "b/x y").write_text(B)
    run = [*arguments, "a/x y", "b/x y"]
    made = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    files = parse_unified(made)
    assert isinstance(files, tuple)
    assert files[0].path in {"x y", "b/x y"}
    applied = apply_hunks(A, files[0].hunks)
    assert isinstance(applied, Applied)
    assert (applied.text, applied.notes) == (B, ())
