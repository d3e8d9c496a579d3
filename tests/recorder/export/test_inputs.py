"""Rows are found wherever people keep them, and what can't be read is told with its place."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
import zstandard

from recorder.errors import ExportError, FormatError
from recorder.export import inputs
from recorder.export.inputs import Place, Row, Unread, find
from recorder.formats import Format, load

MESSAGES = load("messages")
ROWS = [{"messages": [{"role": "user", "content": f"{number}"}]} for number in range(3)]
LINES = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)


def items(path, shape=MESSAGES) -> list[Any]:
    """Everything that is found at *path*."""
    return list(find(path, shape).items(shape))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", LINES),
        ("a.txt", b"\xef\xbb\xbf" + LINES),
        ("a.jsonl.gz", gzip.compress(LINES, mtime=0)),
        ("a.jsonl.zst", zstandard.ZstdCompressor().compress(LINES)),
    ],
)
def test_a_line_is_a_row_however_it_is_packed(tmp_path, name, content):
    """A mark at the head of the file is no part of a row."""
    path = tmp_path / name
    path.write_bytes(content)
    assert items(path) == [Row(Place(name, line), row) for line, row in enumerate(ROWS, 1)]


@pytest.mark.parametrize("name", ["a.json", "a.traj", "a.json.gz"])
def test_a_document_is_a_row_or_a_list_of_rows(tmp_path, name):
    """Rows of a list are told by their number."""
    path = tmp_path / name
    packed = gzip.compress if name.endswith(".gz") else bytes
    path.write_bytes(packed(json.dumps(ROWS, indent=1).encode()))
    assert items(path) == [Row(Place(name, row=n), row) for n, row in enumerate(ROWS, 1)]
    path.write_bytes(packed(json.dumps(ROWS[0], indent=1).encode()))
    assert items(path) == [Row(Place(name), ROWS[0])]


def several(document):
    """Give the rows of a document that has some."""
    if "rows" not in document:
        raise FormatError("no rows")
    yield from document["rows"]


def test_a_document_of_several_sessions_gives_a_row_for_each(tmp_path):
    """Or none, and the reason why."""
    shape = Format("several", MESSAGES.render, MESSAGES.parse, "documents", rows=several)
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"rows": ROWS[:2]}))
    assert items(path, shape) == [Row(Place("a.json", row=n), ROWS[n - 1]) for n in (1, 2)]
    path.write_text("{}")
    assert items(path, shape) == [Unread(Place("a.json"), "no rows")]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{", "no JSON: "),
        (b"[1]", "no JSON object"),
        (b"\xff", "no JSON: "),
        (b"[" * 100_000, "no JSON: "),
        (b'{"n": NaN}', "no JSON: "),
    ],
)
def test_a_line_that_is_no_row_is_told_and_the_others_come(tmp_path, line, why):
    """Blank lines are none, and count."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(line + b"\n\n  \n" + LINES)
    first, *rest = items(path)
    assert isinstance(first, Unread)
    assert first.place.line == 1
    assert why in first.why
    assert [one.place.line for one in rest] == [4, 5, 6]


def test_what_is_too_large_is_not_held(tmp_path, monkeypatch):
    """A line of a file is passed by, a document is refused."""
    monkeypatch.setattr(inputs, "LONGEST", 64)
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES + b"x" * 300 + b"\n" + LINES + b"y" * 64)
    found = items(path)
    assert [isinstance(one, Row) for one in found] == [True] * 3 + [False] + [True] * 3 + [False]
    assert "is it a row at all" in found[3].why
    path = tmp_path / "a.json"
    path.write_bytes(b" " * 65)
    assert "convert rows" in items(path)[0].why


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.json.gz"])
def test_a_damaged_file_gives_what_stands_before_the_damage(tmp_path, name):
    """And says where it is."""
    path = tmp_path / name
    path.write_bytes(gzip.compress(LINES)[:-8])
    last = items(path)[-1]
    assert isinstance(last, Unread)
    assert "nothing behind this can be read" in last.why
    assert last.place.line == (4 if name == "a.jsonl.gz" else None)


def test_a_fault_that_is_no_damage_is_not_taken_for_it(tmp_path):
    """Who has the fault sees it."""

    def broken(_):
        raise ZeroDivisionError

    shape = Format("broken", MESSAGES.render, MESSAGES.parse, rows=broken)
    (tmp_path / "a.jsonl").write_bytes(LINES)
    with pytest.raises(ZeroDivisionError):
        items(tmp_path / "a.jsonl", shape)


def test_of_a_folder_the_files_that_belong_to_the_format_are_read(tmp_path):
    """Names say which; how many other files there are is told."""
    (tmp_path / "deep" / ".git").mkdir(parents=True)
    for name in ("b.jsonl", "deep/a.jsonl", ".hidden.jsonl", "deep/.git/a.jsonl"):
        (tmp_path / name).write_bytes(LINES)
    for name in ("c.json", "d.traj", "deep/e.traj.json", "notes.md"):
        (tmp_path / name).write_text(json.dumps(ROWS[0]))
    rows = find(tmp_path, MESSAGES)
    assert [path.name for path in rows.files] == ["b.jsonl", "a.jsonl"]
    assert rows.aside == 3
    assert items(tmp_path)[3].place == Place("deep/a.jsonl", 1)
    documents = find(tmp_path, load("atif"))
    assert [path.name for path in documents.files] == ["d.traj", "e.traj.json"]
    (tmp_path / "d.traj").unlink()
    (tmp_path / "deep" / "e.traj.json").unlink()
    assert [path.name for path in find(tmp_path, load("atif")).files] == ["c.json"]


def test_of_an_export_its_trajectories_are_read(tmp_path):
    """Not what is written about them."""
    (tmp_path / "data").mkdir()
    (tmp_path / "reconciliation.json").write_text("{}")
    (tmp_path / "rejects.jsonl").write_text("{}\n")
    (tmp_path / "data" / "train.jsonl").write_bytes(LINES)
    assert [one.place.file for one in items(tmp_path)] == ["data/train.jsonl"] * 3


def test_what_is_not_there_is_told(tmp_path):
    """A file, or anything in a folder."""
    with pytest.raises(ExportError, match="is not there"):
        find(tmp_path / "none", MESSAGES)
    with pytest.raises(ExportError, match="has no trajectories"):
        find(tmp_path, MESSAGES)


def test_a_file_that_can_not_be_opened_is_told(tmp_path):
    """It was there when it was looked for."""
    (tmp_path / "a.jsonl").write_bytes(LINES)
    found = find(tmp_path / "a.jsonl", MESSAGES)
    (tmp_path / "a.jsonl").unlink()
    with pytest.raises(ExportError, match=r"a\.jsonl can't be read: No such file"):
        list(found.items(MESSAGES))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"[]", "an empty list"),
        (
            b'{"messages": [{"role": "user", "content": "a", "content": "b"}]}',
            "'content' stands",
        ),
        (b'{"x": NaN}', "NaN is not JSON"),
    ],
)
def test_a_document_that_would_be_read_as_less_than_it_holds_is_told(tmp_path, content, why):
    """No row is nothing to be content with, and no key hides another."""
    path = tmp_path / "a.json"
    path.write_bytes(content)
    (found,) = items(path)
    assert isinstance(found, Unread)
    assert why in found.why


def test_nan_is_null_where_the_format_says_so(tmp_path):
    """Logs of inspect have it where nothing was scored; JSON that is none is still refused."""
    path = tmp_path / "a.json"
    path.write_bytes(b'{"samples": [{"scores": {"s": {"value": NaN}}, "x": -Infinity}, {}]}')
    scored, _ = items(path, load("inspect"))
    assert scored.row["sample"] == {"scores": {"s": {"value": None}}, "x": None}
    for broken in (b"{NaN", b'{"a": NaN, "b": ' + b"[" * 100_000):
        path.write_bytes(broken)
        assert isinstance(items(path, load("inspect"))[0], Unread)
