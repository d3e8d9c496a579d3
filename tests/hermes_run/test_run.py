"""A run: every row is accounted for, every session is recorded, and rows are what was recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from hermes_run.brake import Cause
from hermes_run.config import Settings
from hermes_run.errors import SandboxError, UsageError
from hermes_run.failure import Failure
from hermes_run.models.protocol import Reply, Request
from hermes_run.models.scripted import Scripted
from hermes_run.run import Report, Run, name_run, read_prefill
from hermes_run.tools.schema import tool
from recorder.events import Event, ToolReturned, ToolStarted
from recorder.formats import row
from recorder.messages import Effect, Usage
from recorder.reader import Entry, fold_journal, read
from recorder.sinks import Sink
from recorder.steps import Step, pair

OpenRun = Callable[..., Any]
AsksFor = Callable[..., Reply]


@tool(effect="read")
async def echo(text: str) -> str:
    """Give the text back."""
    return text


@tool(effect="pure")
async def forever() -> str:
    """Never return."""
    await anyio.sleep_forever()
    return ""


async def finished(opening: Any) -> tuple[Report, Run]:
    """Run everything and give the report."""
    async with opening as run:
        return await run.finish(), run


def rows_of(directory: Path, name: str = "trajectories.jsonl") -> list[dict[str, Any]]:
    """The rows that a run wrote."""
    return [json.loads(line) for line in (directory / name).read_bytes().splitlines()]


async def test_an_answered_prompt_becomes_a_completed_row(start_run: OpenRun, tmp_path: Path):
    """One prompt, one answer, one row; the sum balances."""
    report, _ = await finished(start_run([{"id": "a", "prompt": "hi"}], ["hello"]))
    assert report.statistics.outcomes == {"completed": 1}
    assert report.balanced
    (written,) = rows_of(tmp_path / "run")
    assert written["id"] == "a-0"
    assert written["completed"]
    assert written["conversations"][-1]["value"].endswith("hello")


async def test_results_come_back_under_the_ids_of_their_calls(
    start_run: OpenRun, asks_for: AsksFor
):
    """The model gets both results, in the order of its calls."""
    model = Scripted([asks_for(("echo", '{"text": "1"}'), ("echo", '{"text": "2"}')), "done"])
    await finished(start_run([{"prompt": "x"}], model, [echo]))
    results = [json.loads(message) for message in model.requests[1].messages[-2:]]
    assert [result["tool_call_id"] for result in results] == ["call_0", "call_1"]
    assert [result["content"] for result in results] == ["1", "2"]


@pytest.mark.parametrize("effect", ["pure", "read", "external"])
async def test_calls_of_one_turn_that_leave_the_workspace_alone_run_at_once(
    start_run: OpenRun, asks_for: AsksFor, effect: Effect
):
    """Each of two calls waits for the other."""
    here = {"a": anyio.Event(), "b": anyio.Event()}

    @tool(effect=effect)
    async def meet(me: str, other: str) -> str:
        """Wait for the other."""
        here[me].set()
        await here[other].wait()
        return me

    both = asks_for(("meet", '{"me": "a", "other": "b"}'), ("meet", '{"me": "b", "other": "a"}'))
    with anyio.fail_after(10):
        opening = start_run([{"prompt": "x"}], [both, "done"], [meet])
        report, _ = await finished(opening)
    assert report.statistics.tools["meet"].success == 2


async def test_results_of_calls_that_change_the_workspace_are_recorded_together(
    start_run: OpenRun, asks_for: AsksFor
):
    """While one still runs, none of them counts, or the others could not be taken back."""
    events: list[Event] = []
    before: list[int] = []

    async def keep(event: Event) -> None:
        if isinstance(event, ToolReturned):
            events.append(event)

    @tool(effect="workspace")
    async def change(text: str) -> str:
        """Note how many results are recorded, and return."""
        before.append(len(events))
        return text

    texts = [("change", '{"text": "1"}'), ("echo", '{"text": "read"}'), ("change", '{"text": "2"}')]
    async with start_run([{"prompt": "x"}], [asks_for(*texts), "done"], [change, echo]) as run:
        run.record.send_also_to(keep)
        await run.finish()
    assert before == [0, 1]
    results = [event for event in events if isinstance(event, ToolReturned)]
    assert [result.output for result in results] == ["read", "1", "2"]
    assert results[2].seq == results[1].seq + 1


async def test_a_call_with_effects_is_on_disk_before_it_runs(
    start_run: OpenRun, asks_for: AsksFor, tmp_path: Path
):
    """A tool that looks into the journal finds that it was started."""
    seen: list[str] = []

    @tool(effect="external")
    async def look() -> str:
        """Read the journal."""
        entries = [e for e in read(tmp_path / "run" / "journal") if isinstance(e, Entry)]
        seen.extend(e.event.call_id for e in entries if isinstance(e.event, ToolStarted))
        return "ok"

    await finished(start_run([{"prompt": "x"}], [asks_for(("look", "{}")), "done"], [look]))
    assert seen == ["call_0"]


async def test_the_folded_journal_renders_to_the_rows_that_were_written(
    start_run: OpenRun, asks_for: AsksFor, tmp_path: Path
):
    """Rows hold nothing that the journal does not."""
    rows = [{"id": str(n), "prompt": f"p{n}", "source": "test"} for n in range(5)]
    script = [asks_for(("echo", '{"text": "x"}'), ("nope", "{bad")), "done"] * 5
    _, run = await finished(start_run(rows, script, [echo], concurrency=1, samples=1))
    folded = fold_journal(tmp_path / "run" / "journal")
    again = {key: row.render(session, run.record.run) for key, session in folded.sessions.items()}
    written = {r["id"]: r for r in rows_of(tmp_path / "run")}
    assert json.loads(json.dumps(again)) == written
    assert len(written) == 5


async def test_a_failure_that_passes_is_tried_again(start_run: OpenRun):
    """Two failures and an answer are one completed session with two noted attempts."""
    script = [Failure("server", "HTTP 500"), Failure("timeout", "slow"), "hello"]
    report, _ = await finished(start_run([{"prompt": "x"}], script, retry_base=0.001))
    assert report.statistics.failures == {"server": 1, "timeout": 1}
    assert report.statistics.outcomes == {"completed": 1}


async def test_a_session_whose_endpoint_keeps_failing_ends(start_run: OpenRun, tmp_path: Path):
    """After the last attempt the session ends, with what was said last."""
    script = [Failure("server", "HTTP 500: broken")] * 2
    report, _ = await finished(start_run([{"prompt": "x"}], script, attempts=2, retry_base=0.001))
    assert report.failed == 1
    (written,) = rows_of(tmp_path / "run", "failed_trajectories.jsonl")
    assert (written["outcome"], written["error"]) == ("model_error", "HTTP 500: broken")


async def test_a_wrong_key_stops_the_run_at_once(start_run: OpenRun):
    """Nothing more is asked; what was not begun is counted."""
    rows = [{"id": str(n), "prompt": "x"} for n in range(100)]
    model = Scripted([Failure("key", "HTTP 401: wrong key")] * 4)
    report, _ = await finished(start_run(rows, model, concurrency=4))
    assert report.cause == "endpoint"
    assert report.reason == "HTTP 401: wrong key"
    assert len(model.requests) <= 4
    assert report.balanced
    assert report.not_started >= 96


@pytest.mark.parametrize(("command", "reward"), [("true", 1.0), ("false", 0.0), ("a\0b", None)])
async def test_the_verify_command_scores_the_workspace(
    start_run: OpenRun, tmp_path: Path, command: str, reward: float | None
):
    """Success is 1, failure is 0, and a command that can't run is no zero."""
    await finished(start_run([{"prompt": "x", "verify": command}], ["done"]))
    (written,) = rows_of(tmp_path / "run")
    assert written["rewards"] == {"verify": reward}


async def test_a_session_ends_at_its_bound_of_turns(start_run: OpenRun, asks_for: AsksFor):
    """Calls of the last turn still run, then no more is asked."""
    script = [asks_for(("echo", '{"text": "x"}'))] * 3
    report, run = await finished(start_run([{"prompt": "x"}], script, [echo], max_turns=3))
    assert report.statistics.outcomes == {"limit": 1}
    session = next(iter(fold_journal(run.record.directory / "journal").sessions.values()))
    assert all(pair(turn).pairs[0][1] for turn in session.turns if isinstance(turn, Step))


async def test_a_session_ends_at_its_bound_of_time(start_run: OpenRun, asks_for: AsksFor):
    """A call that never returns is cut off with its session."""
    script = [asks_for(("forever", "{}"))]
    options = {"session_timeout": 0.05, "tool_timeout": 60.0}
    report, _ = await finished(start_run([{"prompt": "x"}], script, [forever], **options))
    assert report.statistics.outcomes == {"limit": 1}


async def test_a_setup_command_that_fails_ends_the_session_before_it_costs(start_run: OpenRun):
    """The model is never asked about a workspace that could not be made."""
    model = Scripted(["never"])
    rows = [{"prompt": "x", "setup": "echo no such image >&2; exit 3"}]
    report, _ = await finished(start_run(rows, model))
    assert report.statistics.outcomes == {"tool_error": 1}
    assert model.requests == []


async def test_a_fault_in_a_model_ends_its_session_only_and_is_logged(
    start_run: OpenRun, tmp_path: Path
):
    """The other session goes on; the traceback is in the run's log."""

    class Broken:
        async def reply(self, request: Request) -> Reply:
            """Fail like code does."""
            if b"bad" in request.messages[0]:
                raise ZeroDivisionError("a fault")
            return Reply(text="fine", finish_reason="stop")

    rows = [{"prompt": "bad"}, {"prompt": "good"}]
    report, _ = await finished(start_run(rows, Broken()))
    assert report.statistics.outcomes == {"completed": 1, "tool_error": 1}
    assert "ZeroDivisionError" in (tmp_path / "run" / "run.log").read_text()


async def test_every_row_is_a_session_or_a_reject(start_run: OpenRun, tmp_path: Path):
    """Rows in = sessions begun / samples + rejects; rejects say where and why."""
    rows: list[Any] = [
        {"prompt": "a"},
        {"nothing": 1},
        {"prompt": "b", "toolsets": ["no such"]},
        {"prompt": "c", "tools": ["echo"], "image": "debian"},
        {"prompt": "d", "tools": ["absent"]},
        {"prompt": "e", "toolsets": ["file"], "tools": ["read_file"]},
    ]
    report, _ = await finished(start_run(rows, ["ok"] * 4, [echo], samples=2))
    assert (report.counts.rows, report.counts.rejected, report.counts.sessions) == (6, 4, 4)
    assert report.statistics.outcomes == {"completed": 4}
    rejects = rows_of(tmp_path / "run", "rejects.jsonl")
    assert [reject["line"] for reject in rejects] == [2, 3, 4, 5]
    assert "no such" in rejects[1]["reason"]


async def test_a_strict_run_stops_at_the_first_bad_row(start_run: OpenRun):
    """The text names the line."""
    with pytest.raises(UsageError, match="line 2"):
        async with start_run([{"prompt": "a"}, {}], ["ok"], strict=True) as run:
            [job async for job in run.intake]


@pytest.mark.parametrize(("limit", "sessions"), [(0, 0), (2, 2), (None, 3)])
async def test_a_limit_takes_the_first_rows_only(
    start_run: OpenRun, limit: int | None, sessions: int
):
    """The rest of the file is not read."""
    rows = [{"prompt": str(n)} for n in range(3)]
    report, _ = await finished(start_run(rows, ["ok"] * 3, limit=limit))
    assert report.counts.sessions == report.counts.rows == sessions


async def test_prompts_are_drawn_as_workers_become_free(tmp_path: Path, start_run: OpenRun):
    """Never more rows are read than sessions were begun."""
    drawn = 0

    def endless() -> Any:
        nonlocal drawn
        for number in range(500):
            drawn = number + 1
            yield {"id": str(number), "prompt": "x"}

    most = 0

    class Watching:
        async def reply(self, request: Request) -> Reply:
            """See how far the source was read."""
            nonlocal most
            asked.append(request)
            most = max(most, drawn - len(asked))
            return Reply(text="ok", finish_reason="stop")

    asked: list[Request] = []
    report, _ = await finished(start_run(endless(), Watching(), concurrency=8, sync="none"))
    assert report.statistics.outcomes == {"completed": 500}
    assert most <= 8


async def test_a_run_stops_when_its_budget_is_used_up(start_run: OpenRun):
    """The reply that reaches the budget is kept, no other is paid for."""
    dear = Reply(text="ok", finish_reason="stop", usage=Usage(1, 1, cost_usd=0.6))
    rows = [{"prompt": str(n)} for n in range(10)]
    report, _ = await finished(start_run(rows, [dear] * 10, concurrency=1, max_cost_usd=1.0))
    assert report.cause == "budget"
    assert report.statistics.outcomes == {"completed": 2}
    assert report.not_started == 8


async def test_a_run_stops_at_its_deadline(start_run: OpenRun, asks_for: AsksFor):
    """A session that is asking again and again is interrupted between two turns."""

    class Endless:
        async def reply(self, _: Request) -> Reply:
            """Ask for one more call."""
            await anyio.lowlevel.checkpoint()
            return asks_for(("echo", '{"text": "x"}'))

    options = {"max_turns": 10**9, "deadline": 0.05}
    report, _ = await finished(start_run([{"prompt": "x"}], Endless(), [echo], **options))
    assert report.cause == "deadline"
    assert report.statistics.outcomes == {"interrupted": 1}


async def test_a_cancelled_run_records_how_its_sessions_ended(
    start_run: OpenRun, asks_for: AsksFor, tmp_path: Path
):
    """Every session in flight is on disk as interrupted, with a row."""
    rows = [{"id": str(n), "prompt": "x"} for n in range(3)]
    script = [asks_for(("forever", "{}"))] * 3
    with anyio.move_on_after(0.1):
        await finished(start_run(rows, script, [forever], concurrency=3))
    sessions = fold_journal(tmp_path / "run" / "journal").sessions.values()
    assert [s.ended.outcome for s in sessions if s.ended] == ["interrupted"] * 3
    assert len(rows_of(tmp_path / "run", "failed_trajectories.jsonl")) == 3


async def test_layers_that_are_only_there_while_asking_are_never_recorded(
    start_run: OpenRun, tmp_path: Path
):
    """Ephemeral system text and prefilled turns reach the model and no file."""
    prefill = tmp_path / "prefill.json"
    prefill.write_text('[{"role": "user", "content": "PREFILLED"}]')
    model = Scripted(["hello"])
    options: dict[str, Any] = {"ephemeral_system": "SECRETLAYER", "prefill": prefill}
    await finished(start_run([{"prompt": "x", "system": "LASTING"}], model, **options))
    sent = b"".join(model.requests[0].messages)
    assert all(text in sent for text in (b"SECRETLAYER", b"PREFILLED", b"LASTING"))
    record = b"".join(path.read_bytes() for path in (tmp_path / "run").rglob("*.jsonl"))
    assert b"LASTING" in record
    assert b"SECRETLAYER" not in record
    assert b"PREFILLED" not in record


async def test_workspaces_are_removed_unless_they_are_kept(start_run: OpenRun, tmp_path: Path):
    """A kept workspace holds what its row put there."""
    rows = [{"id": "a/../b", "prompt": "x", "workspace": {"in/a.txt": "hello"}}]
    await finished(start_run(rows, ["ok"], keep_workspaces=True))
    (kept,) = (tmp_path / "run" / "workspaces").iterdir()
    assert (kept / "in" / "a.txt").read_text() == "hello"
    assert kept.parent == tmp_path / "run" / "workspaces"


async def test_no_empty_workspaces_folder_is_left_behind(start_run: OpenRun, tmp_path: Path):
    """What was removed leaves no trace."""
    await finished(start_run([{"prompt": "x"}], ["ok"]))
    assert not (tmp_path / "run" / "workspaces").exists()


async def test_the_run_says_what_it_was_asked_without_secrets(start_run: OpenRun, tmp_path: Path):
    """run.json holds the settings, not the key."""
    await finished(start_run([{"prompt": "x"}], ["ok"], api_key="SECRETKEY"))
    text = (tmp_path / "run" / "run.json").read_text()
    assert json.loads(text)["settings"]["concurrency"] == 16
    assert "SECRETKEY" not in text


@pytest.mark.parametrize("content", ["{", '{"role": "user"}', "[1]"])
def test_a_prefill_file_that_holds_no_messages_is_refused(tmp_path: Path, content: str):
    """The text shows what it should look like."""
    path = tmp_path / "prefill.json"
    path.write_text(content)
    with pytest.raises(UsageError, match="role"):
        read_prefill(path)


def test_a_run_directory_gets_a_free_name(tmp_path: Path):
    """Two runs within a second don't meet; a name that was given is kept."""
    settings = Settings(out=tmp_path)
    first = name_run(settings, "prompts")
    first.mkdir()
    assert name_run(settings, "prompts") != first
    assert name_run(Settings(out=tmp_path, name="mine"), "prompts") == tmp_path / "mine"


async def test_a_sandbox_that_breaks_ends_its_session_at_once(
    start_run: OpenRun, asks_for: AsksFor, tmp_path: Path
):
    """Neither the model nor the tool is to blame, so the model is not asked again."""

    @tool(effect="workspace")
    async def build() -> str:
        """Find the machine broken."""
        raise SandboxError("the machine is on fire")

    model = Scripted([asks_for(("build", "{}")), "never"])
    report, _ = await finished(start_run([{"prompt": "x"}], model, [build]))
    assert report.statistics.outcomes == {"tool_error": 1}
    assert len(model.requests) == 1
    (written,) = rows_of(tmp_path / "run", "failed_trajectories.jsonl")
    assert "on fire" in written["error"]


@pytest.mark.parametrize("cause", ["endpoint", "budget", "deadline", "signal"])
async def test_a_deadline_bounds_what_is_in_flight_whatever_stopped_the_run(
    start_run: OpenRun, asks_for: AsksFor, cause: Cause
):
    """The first cause stays the one that is told, and a call that never returns is given up."""
    opening = start_run(
        [{"prompt": "x"}], [asks_for(("forever", "{}"))], [forever], deadline=0.05, drain_timeout=0
    )
    with anyio.fail_after(20):
        async with opening as run:
            run.record.send_also_to(pulling(run, cause))
            report = await run.finish()
    assert report.cause == cause
    assert report.statistics.outcomes == {"interrupted": 1}


async def test_a_run_that_stops_can_be_told_to_wait_no_longer_than_so(
    start_run: OpenRun, asks_for: AsksFor
):
    """Without a deadline, what was paid for is waited for until somebody asks for an end."""
    opening = start_run(
        [{"prompt": "x"}], [asks_for(("forever", "{}"))], [forever], drain_timeout=0
    )
    with anyio.fail_after(20):
        async with opening as run:
            run.record.send_also_to(pulling(run, "budget"))
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run.finish)
                await run.brake.wait()
                await anyio.wait_all_tasks_blocked()
                assert run.record.statistics.value().outcomes == {}
                run.drain()
    assert run.record.statistics.value().outcomes == {"interrupted": 1}


def pulling(run: Run, cause: Cause) -> Sink:
    """Pull the brake when a tool starts."""

    async def pull(event: Event) -> None:
        if isinstance(event, ToolStarted):
            run.brake.pull(cause, "for a test")

    return pull
