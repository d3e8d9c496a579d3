"""A session works where it worked before, or is told; nothing is left of one that is over."""

from __future__ import annotations

import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from hermes_run.failure import Failure
from hermes_run.models.protocol import Reply
from hermes_run.models.scripted import Scripted
from hermes_run.recovery import STALLED
from hermes_run.resume import Choices
from hermes_run.sandboxes.protocol import Command
from hermes_run.tools.schema import tool
from hermes_run.tools.tool import Context, Tool
from hermes_run.workspace import folder_name
from recorder.archive import Archive
from recorder.events import ToolStarted
from recorder.messages import ToolCall
from recorder.opening import reopen_record
from recorder.run_directory import own_existing
from recorder.session import Session
from recorder.standing import stand
from recorder.steps import Step

ROW: dict[str, Any] = {"id": "a", "prompt": "a", "workspace": {"log": ""}}
BROKEN = Failure("server", "HTTP 500")

Again = Callable[..., Awaitable[Session]]


class Cut:
    """Where a call is cut off: after its effect, once *others* calls have had theirs."""

    def __init__(self, others: int = 0) -> None:
        self.reached = anyio.Event()
        self._others = others
        self._effects = anyio.Semaphore(0)

    async def pass_by(self, text: str) -> None:
        """Let a call return, or never."""
        if text != "cut":
            self._effects.release()
            return
        for _ in range(self._others):
            await self._effects.acquire()
        self.reached.set()
        await anyio.sleep_forever()


def append(cut: Cut | None = None) -> Tool:
    """Make a tool that appends to ``log``, and is cut after that where *cut* is given."""

    @tool(effect="workspace", name="append")
    async def run(text: str, context: Context) -> str:
        """Append a text to the log."""
        line = f"printf %s {text} >> log; cat log"
        done = await context.sandbox.run(Command(line, 10.0, 1000))
        if cut:
            await cut.pass_by(text)
        return done.output.decode()

    return run


def asks(*texts: str) -> Reply:
    """Let the model append texts."""
    made = [
        ToolCall(f"call_{number}", "append", json.dumps({"text": text}))
        for number, text in enumerate(texts)
    ]
    return Reply(calls=tuple(made), finish_reason="tool_calls")


def results(session: Session) -> list[tuple[str | None, Any]]:
    """The status and the output of every call of a session."""
    steps = [turn for turn in session.turns if isinstance(turn, Step)]
    return [(result.status, result.output) for step in steps for result in step.results]


def left_in(directory: Path) -> list[str]:
    """What is left of workspaces and their copies."""
    kinds = [directory / name for name in ("workspaces", "mirrors")]
    return sorted(path.name for kind in kinds if kind.exists() for path in kind.iterdir())


@pytest.fixture
def again(resume, sessions) -> Again:
    """Go on with the run; gives its first session."""

    async def go(script: Any, row: dict[str, Any] = ROW, **options: Any) -> Session:
        await resume([row], script, [append()], **options)
        return sessions()["a-0"]

    return go


@pytest.fixture
async def crashed(crash, tmp_path: Path) -> Path:
    """Leave a run that was cut after a call had taken effect and before its result was recorded."""
    cut = Cut()
    await crash([ROW], [asks("one"), asks("cut")], [append(cut)], cut.reached)
    return tmp_path / "run"


async def test_a_call_that_was_cut_runs_again_as_if_it_never_had(crashed: Path, again: Again):
    """Its effect is taken back first; the copy is gone when the session is over."""
    assert (crashed / "workspaces" / "a-0" / "log").read_text() == "onecut"
    session = await again(["done"])
    assert results(session) == [("ok", "one"), ("ok", "onecut")]
    assert left_in(crashed) == []
    assert not (crashed / "workspaces").exists()


async def test_a_turn_that_was_cut_runs_again_in_the_workspace_from_before_it(
    crash, sessions, again: Again, tmp_path: Path
):
    """Of its calls none is recorded, those that had taken effect included; each does so once.

    The one that was still waiting was never started.
    """
    cut, script = Cut(), [asks("before"), asks("one", "cut", "two")]
    await crash([ROW], script, [append(cut)], cut.reached)
    assert results(sessions()["a-0"]) == [("ok", "before")]
    session = await again(["done"], keep_workspaces=True)
    assert [status for status, _ in results(session)] == ["ok"] * 4
    log = (tmp_path / "run" / "workspaces" / "a-0" / "log").read_text()
    assert log == "beforeonecuttwo"
    assert [started.attempt for started in _starts(session)] == [1, 1, 1, 2, 2, 1]


def _starts(session: Session) -> list[ToolStarted]:
    steps = [turn for turn in session.turns if isinstance(turn, Step)]
    return [started for step in steps for started in step.started]


@pytest.mark.parametrize(("cut_at", "log"), [("append", "onecut"), ("send", "one")])
async def test_what_was_done_before_an_effect_outside_is_not_done_again(
    crash, again: Again, sessions, tmp_path: Path, cut_at: str, log: str
):
    """It is recorded by then: the effect can't be taken back together with it.

    After the effect there is another copy of the workspace, so that what was cut there runs again.
    """
    cut, sent = Cut(), []

    def send(cut: Cut | None) -> Tool:
        @tool(effect="external", name="send")
        async def run() -> str:
            """Send something."""
            sent.append(1)
            if cut:
                await cut.pass_by("cut")
            return "sent"

        return run

    one, two = asks("one", "cut").calls
    script = [Reply(calls=(one, ToolCall("send", "send", "{}"), two))]
    tools = [append(cut), send(cut if cut_at == "send" else None)]
    await crash([ROW], script, tools, cut.reached)
    before = [("ok", "one"), ("ok", "sent")] if cut_at == "append" else [("ok", "one")]
    assert results(sessions()["a-0"]) == before
    session = await again(["done"], keep_workspaces=True)
    assert results(session) == before + [("ok", "onecut")] * (cut_at == "append")
    assert (tmp_path / "run" / "workspaces" / "a-0" / "log").read_text() == log
    assert sent == [1]


async def test_where_the_folder_is_kept_the_model_is_told(crashed: Path, again: Again):
    """The call does not run again, and what it left is there."""
    session = await again([asks("more"), "done"], workspace_on_crash="keep")
    assert [status for status, _ in results(session)] == ["ok", "unknown", "ok"]
    assert results(session)[-1] == ("ok", "onecutmore")


async def test_where_it_is_made_afresh_the_model_is_told(crashed: Path, again: Again):
    """Nothing of what was done is there."""
    session = await again([asks("more"), "done"], workspace_on_crash="fresh")
    assert [status for status, _ in results(session)] == ["ok", "unknown", "ok"]
    assert results(session)[-1] == ("ok", "more")


async def test_without_the_copy_the_model_is_told(crashed: Path, again: Again):
    """The folder is as the crash left it."""
    shutil.rmtree(crashed / "mirrors")
    session = await again([asks("more"), "done"])
    assert [status for status, _ in results(session)] == ["ok", "unknown", "ok"]
    assert results(session)[-1] == ("ok", "onecutmore")


async def test_the_copy_brings_a_lost_workspace_back(crashed: Path, again: Again):
    """A resumption may have died while it put the copy in place."""
    shutil.rmtree(crashed / "workspaces")
    session = await again(["done"])
    assert results(session) == [("ok", "one"), ("ok", "onecut")]


async def test_a_lost_workspace_that_was_worked_in_ends_the_session(crashed: Path, again: Again):
    """Until somebody asks for a new beginning, which the text says."""
    for name in ("workspaces", "mirrors"):
        shutil.rmtree(crashed / name)
    for _ in range(2):
        session = await again([])
        assert session.ended
        assert (session.ended.outcome, session.ended.reason) == ("tool_error", "sandbox")
        assert "`--restart-failed` begins the session anew" in str(session.ended.error)
    session = await again([asks("new"), "done"], choices=Choices(restart_failed=True))
    assert results(session) == [("ok", "new")]
    assert left_in(crashed) == []


async def test_a_workspace_that_was_half_made_is_made_again(crash, again: Again, tmp_path: Path):
    """The crash came before the model had touched it."""
    row = {**ROW, "setup": "printf setup >> log"}
    await crash([row], [])
    (tmp_path / "run" / "workspaces" / "a-0" / "log").unlink()
    (tmp_path / "run" / "workspaces" / "a-0" / "half").touch()
    session = await again([asks("one"), "done"], row)
    assert results(session) == [("ok", "setupone")]


async def test_a_setup_that_fails_ends_the_session_with_what_it_said(
    begin, again: Again, sessions, tmp_path: Path
):
    """The model is not asked; once what was missing is there, the session goes on."""
    setup = f"test -e {tmp_path}/there || {{ echo no such thing; exit 3; }}"
    row, model = {**ROW, "setup": setup}, Scripted(["never"])
    await begin([row], model)
    assert model.requests == []
    ended = sessions()["a-0"].ended
    assert (ended.outcome, ended.reason) == ("tool_error", "sandbox")
    assert ended.error == "the row's setup command ended with 3: no such thing"
    (tmp_path / "there").touch()
    session = await again(["done"], row)
    assert session.ended
    assert session.ended.outcome == "completed"


@pytest.mark.parametrize(
    ("last", "kept"),
    [("done", []), (BROKEN, ["a-0", "a-0"]), (Reply(refusal="no", text="no"), [])],
)
async def test_what_may_go_on_keeps_its_workspace(
    begin, again: Again, tmp_path: Path, last: Any, kept: list[str]
):
    """Once that is over, nothing is left."""
    await begin([ROW], [asks("one"), last], [append()])
    assert left_in(tmp_path / "run") == kept
    await again(["done"])
    assert left_in(tmp_path / "run") == []


async def test_a_session_at_its_limit_goes_on_in_its_workspace(begin, again: Again, tmp_path: Path):
    """When its limit is raised."""
    await begin([ROW], [asks("one")], [append()], max_turns=1)
    assert "a-0" in left_in(tmp_path / "run")
    session = await again([asks("two"), "done"], choices=Choices(retry=("limit",)))
    assert results(session)[-1] == ("ok", "onetwo")


@pytest.mark.parametrize(("keep", "left"), [(False, []), (True, ["a-0", "stray"])])
async def test_what_a_crash_left_behind_is_swept_up(
    begin, again: Again, tmp_path: Path, keep: bool, left: list[str]
):
    """The session had ended and its workspace was about to go; copies go in any case."""
    await begin([ROW], ["done"])
    for place in ("workspaces/a-0", "workspaces/stray", "mirrors/a-0"):
        (tmp_path / "run" / place).mkdir(parents=True)
    await again([], keep_workspaces=keep)
    assert left_in(tmp_path / "run") == left


async def test_poison_is_not_let_near_a_workspace(crashed: Path, again: Again):
    """It ends before anything is restored; the folder stays as it is."""
    for _ in range(STALLED):
        await _crash_again(crashed)
    session = await again([])
    assert session.ended
    assert session.ended.reason == "poison"
    assert (crashed / "workspaces" / "a-0" / "log").read_text() == "onecut"


async def _crash_again(directory: Path) -> None:
    """Let the session go on and the process die at once."""
    aside, past = directory.with_name("aside"), stand(directory / "journal")
    async with own_existing(directory), reopen_record(directory, past) as record:
        await record.resume(Archive(directory / "journal", ["a-0"]).fold("a-0"))
        await record.durable()
        shutil.copytree(directory, aside)
    shutil.rmtree(directory)
    aside.rename(directory)


async def test_folders_of_rows_are_looked_for_where_the_run_began(
    begin, again: Again, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A run may go on from another folder."""
    (tmp_path / "here" / "given").mkdir(parents=True)
    (tmp_path / "here" / "given" / "log").write_text("given")
    (tmp_path / "there").mkdir()
    row = {**ROW, "workspace": "given"}
    monkeypatch.chdir(tmp_path / "here")
    await begin([row], [BROKEN], [append()])
    monkeypatch.chdir(tmp_path / "there")
    session = await again([asks("one"), "done"], row)
    assert results(session) == [("ok", "givenone")]


@pytest.mark.parametrize("name", ["../up", "a/b", ".", "", "x" * 200, "\ud800", "a b", "ä"])
def test_an_id_becomes_one_safe_folder_name(name: str):
    """Different ids have different folders."""
    made = folder_name(name)
    assert made not in ("", ".", "..")
    assert "/" not in made
    assert len(made.encode()) < 100
    assert made != folder_name(f"{name}x")
    assert folder_name("plain-0") == "plain-0"
