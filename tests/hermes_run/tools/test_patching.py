"""Patching files as a model does: one string, or a patch of many files."""

from __future__ import annotations

import errno
import stat

import msgspec
import pytest

from hermes_run.tools.changes import Draft, carry_out
from hermes_run.tools.paths import near_names

GIT = """\
diff --git a/a.py b/a.py
--- a/a.py
+++ b/a.py
@@ -1,3 +1,3 @@
 one
-two
+2
 three
diff --git a/new/b.py b/new/b.py
new file mode 100644
--- /dev/null
+++ b/new/b.py
@@ -0,0 +1 @@
+b
diff --git a/gone b/gone
deleted file mode 100644
--- a/gone
+++ /dev/null
@@ -1 +0,0 @@
-x
diff --git a/run.sh b/bin/run.sh
similarity index 100%
rename from run.sh
rename to bin/run.sh
"""

V4A = """\
*** Begin Patch
*** Update File: a.py
@@
 one
-two
+2
*** Add File: new/b.py
+b
*** Delete File: gone
*** Update File: run.sh
*** Move to: bin/run.sh
*** End Patch
"""

DONE = """\
Changed a.py
@@ -1,3 +1,3 @@
 one
-two
+2
 three
Added new/b.py (1 lines)
Deleted gone
Moved run.sh to bin/run.sh"""


@pytest.fixture
def tree(workspace):
    """Fill the workspace with files to patch."""
    (workspace / "a.py").write_text("one\ntwo\nthree\n")
    (workspace / "gone").write_text("x\n")
    (workspace / "run.sh").write_text("#!/bin/sh\n")
    (workspace / "run.sh").chmod(0o755)
    return workspace


def files(tree):
    """Give the content of every file below a folder."""
    found = (path for path in tree.rglob("*") if path.is_file())
    return {str(path.relative_to(tree)): path.read_text() for path in found}


@pytest.mark.parametrize("patch", [GIT, V4A, f"Here it is:\n```diff\n{GIT}```\n"])
async def test_a_patch_changes_many_files_at_once(use, tree, patch):
    """Updates, additions, deletions and moves, in either form; a moved file keeps its mode."""
    output = await use("patch", mode="patch", patch=patch)
    assert (output.content, output.status) == (DONE, "ok")
    assert files(tree) == {
        "a.py": "one\n2\nthree\n",
        "new/b.py": "b\n",
        "bin/run.sh": "#!/bin/sh\n",
    }
    assert stat.S_IMODE((tree / "bin/run.sh").stat().st_mode) == 0o755


@pytest.mark.parametrize("patch", [GIT, V4A])
async def test_a_patch_of_which_one_part_does_not_fit_changes_nothing(use, said, tree, patch):
    """The text shows what stands in the file instead, with its line numbers."""
    (tree / "a.py").write_text("one\nzwei\nthree\n")
    before = files(tree)
    output = await use("patch", mode="patch", patch=patch)
    assert output.status == "error"
    assert said(output).startswith("Nothing was changed.\na.py: the hunk at line ")
    assert "1|one\n2|zwei\n" in said(output)
    assert "Line 2 differs: the file has 'zwei', looked for was 'two'" in said(output)
    assert files(tree) == before


async def test_a_patch_without_a_file_is_one_of_the_path(use, said, tree):
    """Without a path there is nothing to go by."""
    hunk = "@@ -2 +2 @@\n-two\n+2\n"
    assert "names no file" in said(await use("patch", mode="patch", patch=hunk))
    output = await use("patch", path="a.py", patch=hunk)
    assert output.content.startswith("Changed a.py\n@@ -1,3 +1,3 @@\n")


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        ("nothing", "it has no hunk"),
        ("*** Begin Patch\n*** End Patch", "has no `*** Update File"),
        ("*** Begin Patch\n*** Delete File: none\n", "none: there is no such file"),
        ("*** Begin Patch\n*** Delete File: ../secret\n", "leads out of the workspace"),
        ("*** Begin Patch\n*** Add File: ../new\n+x\n", "leads out of the workspace"),
        ("*** Begin Patch\n*** Add File: a.py\n+x\n", "there is such a file already"),
        ("*** Begin Patch\n*** Update File: gone\n*** Move to: a.py\n", "there is such a file"),
        ("*** Begin Patch\n*** Update File: gone\n*** Move to: ../x\n", "leads out"),
        (
            "*** Begin Patch\n*** Delete File: gone\n*** Update File: gone\n@@\n-x\n+y\n",
            "deletes it or moves it away before",
        ),
        (
            "--- a/b.py\n+++ b/a.pi\n@@ -1 +1 @@\n-x\n+y\n",
            "did you mean a.py? (the patch also calls",
        ),
        ("--- a/gone\n+++ /dev/null\n@@ -0,0 +0,0 @@\n+x\n", "deletes it but not all"),
        ("--- a/bin\n+++ b/bin\n@@ -1 +1 @@\n-x\n+y\n", "binary"),
        ("--- a/latin\n+++ b/latin\n@@ -1 +1 @@\n-é\n+\u2603\n", "has not all characters"),
        ("--- a/huge\n+++ b/huge\n@@ -1 +1 @@\n-x\n+y\n", "larger than"),
        ("--- a/gone\n+++ b/gone\n@@ -1 +1 @@\n-x\n+x\n", "already as the patch makes them"),
        ("--- /dev/null\n+++ b/new\n@@ -1 +1 @@\n-x\n+y\n", "its lines are not in the file"),
    ],
)
async def test_what_cannot_be_patched_says_why(use, said, tree, patch, reason):
    """And everything stays as it is."""
    (tree / "bin").write_bytes(b"x\n\0")
    (tree / "latin").write_bytes(b"\xe9\n")
    (tree / "huge").write_bytes(b"x\n" * 3_000_000)
    output = await use("patch", mode="patch", patch=patch)
    assert output.status == "error"
    assert reason in said(output)
    assert (tree / "gone").read_text() == "x\n"
    assert (tree.parent / "secret").read_text() == "the secret"
    assert not (tree.parent / "new").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"mode": "patch"}, "mode='patch' needs patch"),
        ({"path": "a.py", "old_string": "x"}, "mode='replace' needs new_string"),
        ({}, "mode='replace' needs path, old_string, new_string"),
    ],
)
async def test_missing_arguments_are_named(use, said, arguments, reason):
    """They depend on the mode; the call counts as one with bad arguments."""
    output = await use("patch", **arguments)
    assert (output.status, output.flags) == ("invalid", ("invalid_arguments",))
    assert reason in said(output)


@pytest.mark.parametrize(
    ("content", "patched"),
    [
        ("\ufeffone\ntwo\n".encode(), "\ufeffone\n2\n".encode()),
        (b"one\r\ntwo\r\n", b"one\r\n2\r\n"),
        ("\ufeffone\ntwo\n".encode("utf-16-le"), "\ufeffone\n2\n".encode("utf-16-le")),
        (b"one\xe9\ntwo", b"one\xe9\n2"),
    ],
)
@pytest.mark.parametrize("mode", ["replace", "patch"])
async def test_a_patched_file_keeps_its_encoding_and_line_ends(use, tree, content, patched, mode):
    """Byte order mark, carriage returns, Latin-1 and a last line without an end."""
    (tree / "a").write_bytes(content)
    arguments = {"path": "a", "old_string": "two", "new_string": "2"}
    patch = {"patch": "--- a/a\n+++ b/a\n@@ -2 +2 @@\n-two\n+2\n"}
    output = await use("patch", mode=mode, **(arguments if mode == "replace" else patch))
    assert output.status == "ok"
    assert (tree / "a").read_bytes() == patched


async def test_characters_that_a_file_cannot_hold_are_refused(use, said, tree):
    """A file in Latin-1 has no snowman."""
    (tree / "a").write_bytes(b"caf\xe9")
    output = await use("patch", path="a", old_string="é", new_string="\u2603")
    assert "latin-1, which has not all characters" in said(output)


async def test_leniency_is_said(use, tree):
    """Wrong counts, a wrong place, white space, a mode that is not set."""
    patch = (
        "diff --git a/a.py b/a.py\nold mode 100644\nnew mode 100755\n--- a/a.py\n+++ b/a.py\n"
        "@@ -9,7 +9,9 @@\n one  \n-two\n+2\n"
    )
    output = await use("patch", mode="patch", patch=patch)
    assert output.content.split("\n")[-3:] == [
        "[a.py: mode 100755 was not set; use chmod]",
        "[a.py: line 6 of the patch counts wrong]",
        "[a.py: hunk at line 6: found at line 1, not 9; white space at line ends differs]",
    ]
    assert (tree / "a.py").read_text() == "one\n2\nthree\n"


async def test_the_result_is_no_longer_than_there_is_room(use, tree):
    """Long diffs are cut, and it is said."""
    (tree / "a").write_text("".join(f"{n} {'x' * 300}\n" for n in range(1000)))
    output = await use("patch", path="a", old_string="x" * 300, new_string="y", replace_all=True)
    assert output.bytes is None
    assert output.content.endswith("more lines of diff ...]")
    big = "--- /dev/null\n+++ b/big\n@@ @@\n" + "+x\n" * 9000
    change = "--- a/a\n+++ b/a\n@@ @@\n" + "".join(f"-{n} y\n" for n in range(900))
    output = await use("patch", mode="patch", patch=big + change)
    assert output.content.startswith("Added big (9000 lines)\nChanged a")
    assert output.bytes is None


class Failing:
    """A sandbox in which some paths can't be written."""

    def __init__(self, sandbox, *broken):
        self.sandbox = sandbox
        self.broken = broken
        self.root = sandbox.root

    def __getattr__(self, name):
        return getattr(self.sandbox, name)

    async def run(self, command):
        """Run a command, unless it is one that fails."""
        if command.line.startswith(self.broken):
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        return await self.sandbox.run(command)

    async def write(self, path, content):
        """Write a file, or fail."""
        if path in self.broken:
            raise OSError(errno.ENOSPC, "No space left on device")
        await self.sandbox.write(path, content)


async def test_what_was_done_before_a_failure_is_undone(use, said, context, tree):
    """The disk is full at the second file: the move and the first one are taken back."""
    before = files(tree)
    full = msgspec.structs.replace(context, sandbox=Failing(context.sandbox, "new/b.py"))
    output = await use("patch", full, mode="patch", patch=GIT)
    assert said(output) == "new/b.py: No space left on device; nothing is changed"
    assert files(tree) == before
    assert stat.S_IMODE((tree / "run.sh").stat().st_mode) == 0o755


async def test_what_cannot_be_undone_is_said(context, tree):
    """A file that can't be written back, and a command that fails."""
    (tree / "folder").mkdir()
    draft = Draft(
        before={"a.py": b"x", "folder": b"?"},
        after={"a.py": b"y", "folder": None},
    )
    broken = await carry_out(context, draft)
    assert broken.startswith("folder: rm: ")
    assert broken.endswith("not undone: folder")
    assert (tree / "a.py").read_text() == "x"


async def test_a_move_that_fails_leaves_the_file(use, said, context, tree):
    """Its new folder can't be written."""
    full = msgspec.structs.replace(context, sandbox=Failing(context.sandbox, "bin/run.sh"))
    output = await use("patch", full, mode="patch", patch=V4A)
    assert said(output) == "run.sh: No space left on device; nothing is changed"
    assert (tree / "run.sh").read_text() == "#!/bin/sh\n"


async def test_a_move_that_stops_half_way_loses_nothing(use, said, context, tree):
    """The file is still in its old place, and no empty one is left in the new."""
    before = files(tree)
    weak = msgspec.structs.replace(context, sandbox=Failing(context.sandbox, "mv "))
    output = await use("patch", weak, mode="patch", patch=V4A)
    assert said(output) == "run.sh: Resource temporarily unavailable; nothing is changed"
    assert files(tree) == before


async def test_a_file_may_be_changed_and_moved_and_another_take_its_place(use, tree):
    """What a patch says later is about what it has made before."""
    patch = (
        "*** Update File: a.py\n*** Move to: b.py\n@@\n-two\n+2\n*** Add File: c\n+c\n"
        "*** Update File: c\n*** Move to: d/c\n*** Add File: a.py\n+new\n"
        "*** Update File: ./a.py\n@@\n-new\n+newer\n"
    )
    output = await use("patch", mode="patch", patch=patch)
    assert output.status == "ok"
    assert "Moved a.py to b.py\n@@ -1,3 +1,3 @@" in output.content
    assert files(tree) == {
        "a.py": "newer\n",
        "b.py": "one\n2\nthree\n",
        "d/c": "c\n",
        "gone": "x\n",
        "run.sh": "#!/bin/sh\n",
    }


async def test_no_names_are_found_where_no_command_runs(use, said, context, tree):
    """A hint is a hint; the error is told without."""
    weak = msgspec.structs.replace(context, sandbox=Failing(context.sandbox, "find "))
    assert said(await use("read_file", weak, path="b")).endswith("target='files' finds names")
    assert await near_names(context, "/") == ""
