"""A run that a later version has recorded."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from recorder.events import SegmentOpened
from recorder.framing import frame, unframe


@pytest.fixture
def later(command, prompts) -> Path:
    """A run whose only segment says that it is of schema 2."""
    assert command("--model", "simulated", "--name", "mine", prompts({"prompt": "x"})).code == 0
    (segment,) = Path("runs/mine/journal").iterdir()
    first, *rest = segment.read_bytes().splitlines(keepends=True)
    opened = unframe(first[:-1])
    assert isinstance(opened, SegmentOpened)
    opened = msgspec.structs.replace(opened, schema=2, version="9.1")
    segment.write_bytes(frame(opened) + b"".join(rest))
    return segment


@pytest.mark.parametrize("name", ["resume", "status"])
def test_it_is_refused_by_the_number_of_its_schema(command, later: Path, name: str):
    """One sentence says which version is needed; nothing is changed, and nothing called damaged."""
    before = later.read_bytes()
    done = command(name, "runs/mine")
    assert done.code == 2
    assert "in schema 2 by version 9.1" in done.err
    assert "damaged" not in done.err
    assert list(later.parent.iterdir()) == [later]
    assert later.read_bytes() == before
