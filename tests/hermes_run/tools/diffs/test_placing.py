"""Where hunks go, and what is said where they go nowhere."""

from __future__ import annotations

import pytest

from hermes_run.tools.diffs.applying import Applied, apply_hunks
from hermes_run.tools.diffs.hunks import BadPatch, FilePatch
from hermes_run.tools.diffs.nearest import nearest
from hermes_run.tools.diffs.showing import show_edits
from hermes_run.tools.diffs.unified import parse_unified
from hermes_run.tools.diffs.v4a import is_v4a, parse_v4a

BODY = ":\n    def f(self):\n        return 1\n"
CODE = f"class A{BODY}\n\nclass B{BODY}"


def done(text, patch):
    """Apply a patch of one file; gives the new text and the notes, or what is wrong."""
    files = parse_v4a(patch) if is_v4a(patch) else parse_unified(patch, "f")
    if isinstance(files, BadPatch):
        return files.text
    applied = apply_hunks(text, files[0].hunks)
    return (applied.text, applied.notes) if isinstance(applied, Applied) else applied.text


def v4a(body):
    """Put the lines of an update into the frame of a patch."""
    return f"*** Begin Patch\n*** Update File: f\n{body}*** End Patch\n"


CHANGE = "-        return 1\n+        return 2\n"


@pytest.mark.parametrize(
    ("patch", "line"),
    [
        (v4a(f"@@ class B:\n{CHANGE}"), 7),
        (v4a(f"@@ class B:\n@@     def f(self):\n{CHANGE}"), 7),
        (v4a(f"@@ class A:\n{CHANGE}"), 2),
        (v4a(f"@@ class B\n     def f(self):\n{CHANGE}"), 7),
        (v4a(f"@@\n{CHANGE}*** End of File\n"), 7),
        (v4a(f"@@ -3 +3 @@\n{CHANGE}"), 2),
        (v4a(f"--- a/f\n+++ b/f\n@@ -8 +8 @@ class B\n{CHANGE}"), 7),
        (f"@@ -8,1 +8,1 @@ class A:\n{CHANGE}", 7),
        (f"@@ class B: @@\n{CHANGE}", 7),
        (v4a(f"@@\n class B:\n     def f(self):\n{CHANGE}"), 7),
    ],
)
def test_numbers_anchors_and_ends_say_which_place_is_meant(patch, line):
    """Of two that are the same."""
    lines = CODE.split("\n")
    lines[line] = "        return 2"
    assert done(CODE, patch) == ("\n".join(lines), ())


def test_of_two_places_none_is_taken_by_guess():
    """The lines of both are named."""
    said = done(CODE, f"@@ -5 +5 @@\n{CHANGE}")
    assert "its lines stand 2 times in the file (at lines 3, 8)" in said
    many = done("x\n" * 50, "@@ -90 +90 @@\n-x\n+y\n")
    assert "(at lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ...)" in many


def test_hunks_in_order_tell_equal_places_apart():
    """What comes after the first one is behind it; and none takes what another has."""
    first = "@@\n-class A:\n+class C:\n"
    assert "class C" in done(CODE, v4a(f"{first}@@ class B:\n{CHANGE}"))[0]
    both = done("x\na\nx\n", v4a("@@\n-a\n+b\n@@\n-x\n+y\n"))
    assert both == ("x\nb\ny\n", ())
    backwards = done("x\na\n", v4a("@@\n-a\n+b\n@@\n-x\n+y\n"))
    assert backwards == ("y\nb\n", ())
    assert "not in the file" in done("x\n", v4a("@@\n-x\n+y\n@@\n-x\n+z\n"))


@pytest.mark.parametrize(
    ("text", "patch", "made"),
    [
        ("a\nb\n", v4a("@@ a\n+new\n"), ("a\nnew\nb\n", ())),
        ("a\nb", v4a("+new\n"), ("a\nb\nnew", ("hunk at line 3: put at the end of the file",))),
        ("", v4a("@@\n+new\n"), ("new\n", ())),
        ("a\n", v4a("@@ a\n+new\n*** End of File\n"), ("a\nnew\n", ())),
        ("a\nb\n", "@@ -1,0 +2 @@\n+new\n", ("a\nnew\nb\n", ())),
        ("a\n", "@@ -9,0 +9 @@\n+new\n", None),
        ("a\n", v4a("@@ b\n+new\n"), None),
        ("a\n", "@@ -1,0 +1,0 @@\n", None),
    ],
)
def test_lines_that_only_come_go_where_it_is_said(text, patch, made):
    """After the anchor, after the line, or at the end."""
    found = done(text, patch)
    assert found == made if made else "does not fit" in found


@pytest.mark.parametrize(
    ("text", "patch", "made", "note"),
    [
        ("a \nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n+c\n", "a \nc\n", "white space at line ends"),
        ("  a\n  b\n", "@@ -1,2 +1,3 @@\n a\n-b\n+c\n+\n", "  a\n  c\n\n", "2 spaces more"),
        ("a\nb\n", "@@ -1,2 +1,2 @@\n \ta\n-\tb\n+\tc\n", "a\nc\n", "1 tab less"),
        ("a\r\nb\r\n", "@@ -1,2 +1,2 @@\n a\n-b\n+c\n", "a\r\nc\r\n", ""),
        ("a\r\nb\r\n", "@@ -1,2 +1,2 @@\r\n a\r\n-b\r\n+c\r\n", "a\r\nc\r\n", ""),
        ("a\nb\r\n", "@@ -1,2 +1,2 @@\n a\n-b\n+c\n", "a\nc\n", ""),
        ("a\nb", "@@ -1,2 +1,2 @@\n a\n-b\n+c\n", "a\nc", ""),
        ("a\nb", "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n", "a\nc\n", ""),
        ("a\n\nb\n", "@@ -1,3 +1,3 @@\n a\n\n-b\n+c\n", "a\n\nc\n", ""),
    ],
)
def test_white_space_is_forgiven_where_it_is_certain(text, patch, made, note):
    """What stays is left as the file has it, what comes is moved with it; and it is said."""
    found, notes = done(text, patch)
    assert found == made
    assert note in " ".join(notes)


def test_what_is_less_far_in_than_the_file_is_refused():
    """Where lines would have to begin before the margin."""
    said = done("a\n", "@@ -1 +1 @@\n-  a\n+  b\n+ c\n")
    assert "stands less far in" in said


@pytest.mark.parametrize(
    ("patch", "file"),
    [
        ("--- a/x\t2026-01-01 00:00:00\n+++ b/x\t2026\n@@ @@\n-a\n", FilePatch("update", "x")),
        ("--- x\n+++ x\n@@ @@\n-a\n", FilePatch("update", "x")),
        ("--- x.orig\n+++ x\n@@ @@\n-a\n", FilePatch("update", "x", otherwise="x.orig")),
        ('--- "a/\\303\\251\\t\\"q"\n+++ "b/\\303\\251\\t\\"q"\n', FilePatch("update", 'é\t"q')),
        ("--- /dev/null\n+++ b/x\n@@ @@\n+a\n", FilePatch("add", "x")),
        ("--- x\n+++ /dev/null\n@@ @@\n-a\n", FilePatch("delete", "x")),
        ("diff --git a/x b/x\nnew file mode 100644\nindex 0..1\n", FilePatch("add", "x")),
        ("diff --git a/x b/x\ndeleted file mode 100644\n", FilePatch("delete", "x")),
        (
            "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n",
            FilePatch("update", "x", notes=("mode 100755 was not set; use chmod",)),
        ),
        (
            "diff --git a/x b/y\nrename from x\nrename to y\n--- a/x\n+++ b/y\n",
            FilePatch("move", "x", to="y"),
        ),
        (
            "diff --git a/x b/y\nrename from x\nrename to y\ndiff --git",
            FilePatch("move", "x", to="y"),
        ),
    ],
)
def test_headers_name_the_file_and_what_happens_to_it(patch, file):
    """Of git, of diff, and of models."""
    files = parse_unified(patch)
    if isinstance(files, BadPatch):
        files = parse_unified(patch.removesuffix("diff --git"))
    assert isinstance(files, tuple)
    found = files[0]
    assert (found.kind, found.path, found.to) == (file.kind, file.path, file.to)
    assert (found.otherwise, found.notes) == (file.otherwise, file.notes)


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        ("diff --git a/x b/x\nBinary files a/x and b/x differ\n", "line 2 of the patch is binary"),
        ("diff --git a/x b/y\ncopy from x\ncopy to y\n", "copies are not made"),
        ("diff --git a/x b/y\n", "does not say which file"),
        ("--- /dev/null\n+++ /dev/null\n", "names no file"),
        ("*** Update File: \n", "names no file"),
        ("*** Update File: x\n", "no hunk follows for x"),
        (
            "*** Add File: x\n+a\n b\n",
            "line 3 of the patch: each line of a new file begins with `+`",
        ),
        ("@@@ -1 -1 +1 @@@\n", "does not fit"),
    ],
)
def test_what_is_no_patch_says_where(patch, reason):
    """With the line of the patch."""
    assert reason in done("", patch)


def test_lines_without_a_mark_are_lines_that_stay():
    """The space before them is what models forget most; it is said."""
    for patch in ("--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\na\n-b\n+c\n", v4a("@@\na\n-b\n+c\n")):
        files = parse_v4a(patch) if is_v4a(patch) else parse_unified(patch)
        assert isinstance(files, tuple)
        assert files[0].notes == ("line 4 of the patch has no mark; it was taken as one to keep",)
        applied = apply_hunks("a\nb\n", files[0].hunks)
        assert isinstance(applied, Applied)
        assert applied.text == "a\nc\n"


def test_what_follows_a_patch_is_none_of_it():
    """A signature of a mail, an end of a fence, another patch."""
    body = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n"
    for more in ("-- \n2.39\n", "```\ntext\n", "\n\nIndex: x\n", "*** End Patch\n-x\n"):
        assert done("a\n", body + more) == ("b\n", ())
    assert done("a\n", f"*** Begin Patch\n*** Update File: f\n-a\n+b\n*** End Patch\n{body}") == (
        "b\n",
        (),
    )
    added = parse_v4a("*** Add File: x\n+a\n\n+b\n\n*** Delete File: y")
    assert isinstance(added, tuple)
    assert [file.kind for file in added] == ["add", "delete"]
    assert len(added[0].hunks[0].lines) == 3


@pytest.mark.parametrize(
    ("rows", "wanted", "last"),
    [
        (["a", "b"], ["b", "c"], "The file ends before 'c'"),
        (["a b c", "x"], ["", "a b d"], "The file begins after ''"),
        (["x" * 500], ["x" * 500, "y"], "The file ends before 'y'"),
        (["a"], ["a"], "1|a"),
        (["a"], [], "Nothing in the file is like it; look at it again with read_file"),
        ([], ["a"], "Nothing in the file is like it; look at it again with read_file"),
    ],
)
def test_the_nearest_lines_are_shown_with_what_differs(rows, wanted, last):
    """Also where they reach over an end of the file."""
    assert nearest(rows, wanted).split("\n")[-1] == last


def test_a_long_diff_is_cut_and_counted():
    """By bytes; long lines by themselves."""
    files = parse_unified("@@ -1,3 +1,3 @@\n a\n-b\n+" + "x" * 300 + "\n c\n", "f")
    assert isinstance(files, tuple)
    applied = apply_hunks("a\nb\nc\n", files[0].hunks)
    assert isinstance(applied, Applied)
    shown = show_edits(["a", "b", "c"], applied.edits, 1000)
    assert shown.endswith(f"-b\n+{'x' * 200} [... cut ...]\n c")
    assert show_edits(["a", "b", "c"], applied.edits, 25) == (
        "@@ -1,3 +1,3 @@\n a\n-b\n[... 2 more lines of diff ...]"
    )


def test_changes_far_from_each_other_are_shown_apart():
    """With a few lines around each; no change is nothing."""
    text = "".join(f"{n}\n" for n in range(30))
    files = parse_unified("@@ @@\n-3\n@@ @@\n-6\n+six\n@@ @@\n+new\n 20\n", "f")
    assert isinstance(files, tuple)
    applied = apply_hunks(text, files[0].hunks)
    assert isinstance(applied, Applied)
    assert show_edits(text.split("\n"), applied.edits, 1000) == (
        "@@ -2,8 +2,7 @@\n 1\n 2\n-3\n 4\n 5\n-6\n+six\n 7\n 8\n"
        "@@ -19,4 +18,5 @@\n 18\n 19\n+new\n 20\n 21"
    )
    assert show_edits(["a"], (), 1000) == ""
