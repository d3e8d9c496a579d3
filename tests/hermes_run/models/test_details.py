"""Reasoning details go back as they came, though they came in pieces."""

from __future__ import annotations

from typing import Any

from hermes_run.models.details import is_plain, merge, readable


def text_detail(text: str, **fields: Any) -> dict[str, Any]:
    """Make an entry."""
    return {"type": "reasoning.text", "text": text, **fields}


def test_neighbouring_pieces_of_one_entry_become_one():
    """What comes later in an entry, such as its signature, is kept."""
    summary = {"type": "reasoning.summary", "summary": "S", "index": 1}
    pieces = [
        text_detail("a", index=0, format="f"),
        text_detail("b", index=0),
        {"type": "reasoning.text", "index": 0, "signature": "sig"},
        summary,
        text_detail("c", index=0),
    ]
    assert merge(pieces) == [
        text_detail("ab", index=0, format="f", signature="sig"),
        summary,
        text_detail("c", index=0),
    ]


def test_entries_that_are_whole_or_opaque_stay_apart():
    """Without an index nothing says that they belong together; what is encrypted has no seams."""
    secret = {"type": "reasoning.encrypted", "data": "xyz", "index": 0}
    pieces = [text_detail("a"), text_detail("b"), secret, secret, "x", None, {"index": 0}]
    assert merge(pieces) == pieces


def test_the_readable_part_of_details_is_their_text_or_summary():
    """An entry a line; nothing where all is opaque."""
    assert readable([text_detail("a"), {"summary": "b"}, {"data": "x"}, {"text": 1}, 5]) == "a\nb"
    assert readable([{"data": "x"}]) is None


def test_depth_is_counted_through_objects_and_arrays():
    """Scalars are one level."""
    assert is_plain({"a": [{"b": 1}]}, levels=4)
    assert not is_plain({"a": [{"b": 1}]}, levels=3)
