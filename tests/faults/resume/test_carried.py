"""What a session carries over into the next attempt: what it used up, and how often it stalled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hermes_run.resume import Choices
from recorder.events import timestamp
from recorder.framing import frame, unframe

GoOn = Callable[..., Any]
Crashed = Callable[[Path], Path]

REPLIES = 8
EACH_USD = 0.5


def at(moments: list[Path], name: str) -> list[Path]:
    """The moments of this name."""
    found = [moment for moment in moments if moment.name[3:] == name]
    assert found
    return found


def stretch(directory: Path, seconds: float) -> None:
    """Let the facts of a crashed run have taken *seconds* altogether, long ago."""
    (segment,) = (directory / "journal").iterdir()
    facts = [unframe(line) for line in segment.read_bytes().split(b"\n")[:-1]]
    step = seconds / (len(facts) - 3)  # between the first fact of the session and its last
    moved = (
        msgspec.structs.replace(fact, ts=timestamp(1_700_000_000 + step * place))
        for place, fact in enumerate(facts)
    )
    segment.write_bytes(b"".join(map(frame, moved)))


def test_the_row_counts_what_all_attempts_used(
    moments: list[Path], crashed: Crashed, go_on: GoOn
) -> None:
    """Tokens, cost and replies are those of a session that nobody cut."""
    for moment in at(moments, "model_replied")[:5]:
        gone = go_on(crashed(moment))
        (row,) = gone.rows
        usage = (row["usage"]["input"], row["usage"]["output"], row["cost_usd"], row["api_calls"])
        assert usage == (6 * REPLIES, 4 * REPLIES, EACH_USD * REPLIES, REPLIES)
        assert row["timing"]["attempts"] == 2
        assert gone.report.statistics.usage.cost_usd == EACH_USD * REPLIES


@pytest.mark.parametrize(
    ("option", "reason"),
    [({"max_turns": 3}, "max_turns"), ({"max_tokens": 30}, "max_tokens")],
)
def test_a_limit_counts_what_was_used_before_the_crash(
    moments: list[Path], crashed: Crashed, go_on: GoOn, option: dict[str, int], reason: str
) -> None:
    """The session gets three replies over all its attempts, wherever it was cut."""
    for moment in at(moments, "model_replied")[:3]:
        gone = go_on(crashed(moment), **option)
        assert gone.stage.asked == list(range(gone.before.replies, 3))
        (row,) = gone.failed
        assert (row["outcome"], row["exit_reason"], row["api_calls"]) == ("limit", reason, 3)


def test_the_time_between_the_attempts_is_not_the_sessions(
    moments: list[Path], crashed: Crashed, go_on: GoOn
) -> None:
    """A thousand seconds were used, and years have gone by since."""
    for limit, outcome in ((900.0, "limit"), (2000.0, "completed")):
        directory = crashed(at(moments, "model_replied")[2])
        stretch(directory, 1000)
        gone = go_on(directory, session_timeout=limit)
        (row,) = gone.rows + gone.failed
        assert row["outcome"] == outcome
        assert (gone.stage.asked == []) == (outcome == "limit")


def test_a_budget_counts_what_was_spent_before_the_crash(
    moments: list[Path], crashed: Crashed, go_on: GoOn
) -> None:
    """Nothing is asked for where it is used up; the session waits, and goes on with more."""
    directory = crashed(at(moments, "model_replied")[2])
    gone = go_on(directory, max_cost_usd=3 * EACH_USD)
    assert (gone.stage.asked, gone.report.cause, gone.report.waiting) == ([], "budget", 1)
    assert gone.report.balanced
    gone = go_on(directory, max_cost_usd=REPLIES * EACH_USD)
    assert gone.stage.asked == list(range(3, REPLIES))


def resume_and_crash(go_on: GoOn, directory: Path, name: str) -> Path:
    """Go on, and give what a crash in the first moment of this name leaves of it."""
    kept = directory.parent / "moments"
    go_on(directory, kept=kept)
    return at(sorted(kept.iterdir()), name)[0]


def test_a_session_that_crashes_the_run_three_times_is_ended_as_poison(
    moments: list[Path], crashed: Crashed, go_on: GoOn
) -> None:
    """It is left alone from then on, until somebody wants it begun anew."""
    moment = at(moments, "replying")[3]
    for _ in range(3):
        moment = resume_and_crash(go_on, crashed(moment), "session_resumed")
    directory = crashed(moment)
    gone = go_on(directory)
    (row,) = gone.failed
    assert (row["outcome"], row["exit_reason"]) == ("tool_error", "poison")
    assert (gone.stage.asked, gone.stage.ran) == ([], [])
    again = go_on(directory)
    assert again.after == again.before == gone.after
    anew = go_on(directory, Choices(restart_failed=True))
    assert anew.stage.asked == list(range(REPLIES))
    assert [row["outcome"] for row in anew.rows] == ["completed"]
    assert anew.failed == []


def test_a_session_that_got_on_has_its_three_attempts_again(
    moments: list[Path], crashed: Crashed, go_on: GoOn
) -> None:
    """It had stalled twice before it brought a reply; three more are what ends it."""
    moment = at(moments, "replying")[3]
    for name in ("session_resumed", "session_resumed", "model_replied", *["session_resumed"] * 3):
        moment = resume_and_crash(go_on, crashed(moment), name)
    gone = go_on(crashed(moment))
    assert [row["exit_reason"] for row in gone.failed] == ["poison"]
    assert gone.before.replies == 4


def test_a_session_that_crashed_twice_without_getting_on_goes_on(
    moments: list[Path], crashed: Crashed, go_on: GoOn
) -> None:
    """The third attempt is a whole one."""
    moment = at(moments, "replying")[3]
    for _ in range(2):
        moment = resume_and_crash(go_on, crashed(moment), "session_resumed")
    gone = go_on(crashed(moment))
    assert gone.stage.asked == list(range(3, REPLIES))
    assert [row["timing"]["attempts"] for row in gone.rows] == [4]
