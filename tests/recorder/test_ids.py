"""An id is of one session, whatever became of it: two could not be told apart in the journal."""

from __future__ import annotations

from pathlib import Path

import pytest

import recorder
from recorder.errors import MisuseError
from recorder.messages import Message

ASKED = [Message("user", "x")]


@pytest.mark.parametrize("outcome", ["completed", "limit", "refused", "interrupted"])
async def test_an_id_is_not_used_again_when_its_session_is_over(tmp_path: Path, outcome):
    """Neither way of beginning one takes it."""
    async with recorder.open(tmp_path / "r") as record:
        first = await record.start(ASKED, id="a")
        await first.end(outcome)
        await record.finish(first.session)
        with pytest.raises(MisuseError, match="there is a session 'a' already"):
            await record.start(ASKED, id="a")
        with pytest.raises(MisuseError, match="there is a session 'a' already"):
            async with record.session("y", id="a"):
                pass
    (session,) = recorder.fold_journal(tmp_path / "r" / "journal").sessions.values()
    assert session.ended
    assert session.ended.outcome == outcome


async def test_an_id_with_which_nothing_was_recorded_is_free(tmp_path: Path):
    """Whoever gave a field of the wrong shape may try again."""
    async with recorder.open(tmp_path / "r") as record:
        with pytest.raises(MisuseError):
            await record.start(ASKED, id="a", model=3)  # type: ignore[arg-type]
        async with record.session("x", id="a"):
            pass
    assert list(recorder.fold_journal(tmp_path / "r" / "journal").sessions) == ["a"]
