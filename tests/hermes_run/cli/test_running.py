"""The default command against endpoints: what is asked, what is written, what is said."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import anyio
import pytest
from aiohttp import web

from recorder.formats import row
from recorder.reader import fold_journal

SIXTY_FOUR = [{"id": f"row-{number}", "prompt": f"say {number}"} for number in range(64)]


def test_a_run_on_the_embedded_model_solves_tasks(command, prompts, rows_of):
    """Rows, scores, a sum that balances; standard output holds the run directory alone."""
    rows = [
        {"id": f"lines-{number}",
         "prompt": "How many words are in a.txt? Write just the number to answer.txt.",
         "workspace": {"a.txt": "one two three\n"},
         "verify": "test $(cat answer.txt) = 3"}
        for number in range(3)
    ]  # fmt: skip
    done = command("--model", "simulated", "--name", "mine", prompts(*rows))
    assert done.code == 0
    assert done.out == "runs/mine\n"
    assert (
        "3 rows x 1 sample = 3 sessions: 3 completed + 0 not started; 0 rows rejected" in done.err
    )
    assert "verify 1.000 on average over 3" in done.err
    assert "  hermes-run status runs/mine\n" in done.err
    assert [one["rewards"]["verify"] for one in rows_of("runs/mine")] == [1.0] * 3
    left = {path.name for path in Path("runs/mine").iterdir() if path.is_dir()}
    assert left == {"journal"}
    assert [path.name for path in Path("runs").iterdir()] == ["mine"]


def test_a_run_is_behind_a_wall_unless_told_otherwise(command, prompts, rows_of):
    """Which one it is stands on the screen, in ``run.json`` and in every row."""
    done = command("--model", "simulated", "--name", "mine", prompts({"prompt": "x"}))
    document = json.loads(Path("runs/mine/run.json").read_bytes())
    wall = document["sandbox"]
    assert wall in ("bwrap", "landlock")
    assert document["settings"]["sandbox"] == wall
    assert [one["sandbox"] for one in rows_of("runs/mine")] == [wall]
    assert f"Tools run in {wall} with no network.\n" in done.err


def test_a_run_without_a_wall_says_what_that_means(command, prompts, rows_of):
    """It says it once, with the folder that commands begin in; the row says it too."""
    typed = ("--model", "simulated", "--name", "mine", "--sandbox", "none")
    done = command(*typed, prompts({"prompt": "x"}))
    assert done.code == 0
    said = "Tools are not sandboxed: what the model runs, runs as you, in runs/mine/workspaces.\n"
    assert done.err.count(said) == 1
    assert [one["sandbox"] for one in rows_of("runs/mine")] == ["none"]


def test_a_run_whose_tools_work_in_no_folder_speaks_of_what_rows_ask_for(
    command, prompts, tmp_path: Path
):
    """None is made for its tools; what a row asks for does run there."""
    (tmp_path / "own_look.py").write_text('def look() -> bool:\n    """Look."""\n')
    typed = ("--model", "simulated", "--sandbox", "none", "--empty-toolsets", "--name", "mine")
    row = {"prompt": "x", "verify": "pwd > ../../../place"}
    done = command(*typed, "--tools", "own_look.py:look", prompts(row))
    assert done.code == 0, done.err
    said = (
        "No tool works in a folder. What a row itself asks for (toolsets, setup, verify) is not "
        "sandboxed: it runs as you, in runs/mine/workspaces.\n"
    )
    assert done.err.count(said) == 1
    assert "Tools are not sandboxed" not in done.err
    assert Path(Path("runs/place").read_text()).parent == Path("runs/mine/workspaces").absolute()


def test_sixty_four_requests_are_in_flight_at_once(command, prompts, serve, reply, rows_of):
    """It takes some good answers; the tools are sent with each."""
    all_are_there = anyio.Event()
    asked: list[dict] = []
    here = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal here
        asked.append(await request.json())
        here += 1
        if here == 64:
            all_are_there.set()
        # The first are answered soon, so that more may be asked; the others when all are there.
        with anyio.move_on_after(0.5 if len(asked) < 64 else 10):
            await all_are_there.wait()
        here -= 1
        return reply(f"you said {asked[-1]['messages'][-1]['content']}")

    url = serve(answer)
    options = ["--model", "m", "--base-url", url, "--concurrency", 64, "--no-stream"]
    done = command(*options, "--sandbox", "none", "--samples", 4, prompts(*SIXTY_FOUR))
    assert done.code == 0
    assert all_are_there.is_set()
    names = [tool["function"]["name"] for tool in asked[0]["tools"]]
    assert names == ["terminal", "process", "read_file", "write_file", "patch", "search_files"]
    assert {one["id"] for one in rows_of(done.out)} == {
        f"row-{number}-{sample}" for number in range(64) for sample in range(4)
    }


def test_results_come_back_under_the_ids_of_their_calls(
    command, prompts, serve, reply, tool_call, rows_of
):
    """Two calls of one turn, which run in their order; the model gets both in it, too."""
    asked: list[list[dict]] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((await request.json())["messages"])
        if len(asked) > 1:
            return reply("done")
        slow = tool_call("terminal", "slow", command="sleep 0.1; touch done; echo s")
        quick = tool_call("terminal", "quick", command="[ -e done ] && echo q")
        return reply("", [slow, quick])

    url = serve(answer)
    done = command("--model", "m", "--base-url", url, "--no-stream", prompts({"prompt": "x"}))
    assert done.code == 0
    results = {message["tool_call_id"]: message["content"] for message in asked[1][-2:]}
    assert list(results) == ["slow", "quick"]
    assert json.loads(results["slow"])["output"] == "s\n"
    assert json.loads(results["quick"])["output"] == "q\n"
    assert rows_of(done.out)[0]["tool_stats"]["terminal"]["success"] == 2


def test_the_journal_renders_to_the_rows_that_were_written(command, prompts, rows_of):
    """Whoever loses trajectories.jsonl can make it again."""
    rows = [{"id": f"r{number}", "prompt": "What can you do?"} for number in range(5)]
    done = command("--model", "simulated", "--samples", 2, prompts(*rows))
    directory = Path(done.out.strip())
    folded = fold_journal(directory / "journal")
    again = [row.render(session, folded.run) for session in folded.sessions.values()]
    assert len(again) == 10
    written = sorted(rows_of(directory), key=lambda one: one["id"])
    assert json.loads(json.dumps(sorted(again, key=lambda one: one["id"]))) == written


def test_a_run_says_what_was_asked_of_it(command, prompts):
    """run.json names the prompts file and its rows, and never the key."""
    path = prompts({"prompt": "x"}, {"prompt": "y"})
    options = ["--model", "simulated", "--api-key", "SECRETKEY", "--name", "mine"]
    assert command(*options, path).code == 0
    text = Path("runs/mine/run.json").read_text()
    assert json.loads(text)["prompts"] == {"path": str(path), "rows": 2}
    assert "SECRETKEY" not in text


def test_rows_that_cannot_be_used_are_listed_and_the_others_run(command, prompts, rows_of):
    """Bad JSON, no prompt, a wrong type: line and reason stand in rejects.jsonl."""
    path = prompts({"prompt": "hi"}, "{bad", {"nothing": 1}, "", {"prompt": 5})
    done = command("--model", "simulated", "--name", "mine", path)
    assert done.code == 0
    assert "1 row x 1 sample = 1 session: 1 completed + 0 not started; 3 rows rejected" in done.err
    assert "rejects.jsonl" in done.err
    assert [reject["line"] for reject in rows_of("runs/mine", "rejects.jsonl")] == [2, 3, 5]


def test_a_file_without_a_single_usable_row_is_a_usage_error(command, prompts):
    """Nothing was run, and the exit code says so."""
    done = command("--model", "simulated", prompts("{bad"))
    assert done.code == 2
    assert "0 rows x 1 sample = 0 sessions: 0 not started; 1 row rejected" in done.err


def test_a_strict_run_stops_before_anything_is_spent(command, prompts, serve, reply):
    """The first bad row is named; the good one before it is not run."""
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request)
        return reply()

    url = serve(answer)
    path = prompts({"prompt": "fine"}, {"prompt": "fine", "toolsets": ["nope"]})
    done = command("--model", "m", "--base-url", url, "--strict", path)
    assert done.code == 2
    assert "line 2: there is no toolset 'nope'" in done.err
    assert asked == []
    assert not Path("runs").exists()


def test_a_dry_run_says_what_would_be_run_and_does_nothing(command, prompts):
    """Counts, rejects with reasons, model, endpoint, tools, and where it would be written."""
    path = prompts({"prompt": "a"}, {"prompt": "b"}, *["{bad"] * 7)
    typed = ["--model", "m", "--base-url", "http://127.0.0.1:1/v1", "--samples", 3]
    done = command(*typed, "--toolsets", "file", "--dry-run", path)
    assert done.code == 0
    assert done.err == ""
    for said in (
        "rows:      2 usable, 7 rejected",
        "  line 3: not JSON",
        "sessions:  6, 3 a row",
        "endpoint:  http://127.0.0.1:1/v1",
        "toolset:   file: read_file, write_file, patch, search_files",
        "would be written to runs/prompts-",
    ):
        assert said in done.out
    assert done.out.count("not JSON") == 5
    assert not Path("runs").exists()


def test_a_dry_run_without_tools_says_so(command, prompts):
    """No toolset is a choice, too."""
    done = command(
        "--model", "simulated", "--empty-toolsets", "--dry-run", prompts({"prompt": "a"})
    )
    assert "toolsets:  none" in done.out
    assert "endpoint:  embedded" in done.out


def test_the_first_rows_can_be_taken_alone(command, prompts):
    """The rest of the file is neither run nor counted."""
    done = command("--model", "simulated", "--limit", 2, prompts(*SIXTY_FOUR))
    assert done.code == 0
    assert "2 rows x 1 sample = 2 sessions" in done.err


@pytest.mark.parametrize("progress", ["auto", "plain", "rich", "none"])
def test_however_progress_is_shown_the_end_is_told(command, prompts, progress):
    """The report stands on standard error in words."""
    done = command("--model", "simulated", "--progress", progress, prompts({"prompt": "x"}))
    assert done.code == 0
    assert "1 session: 1 completed" in done.err
    assert ("100 % 1/1" in done.err) == (progress in ("auto", "plain"))


def test_progress_for_programs_is_json_from_the_first_line_to_the_last(command, prompts):
    """Notices, snapshots and the report are objects; standard output is the same as ever."""
    typed = ("--model", "simulated", "--progress", "json", "--sandbox", "none")
    done = command(*typed, prompts({"prompt": "x"}))
    lines = [json.loads(line) for line in done.err.splitlines()]
    assert "not sandboxed" in lines[1]["notice"]
    snapshot, report = lines[-2], lines[-1]["report"]
    assert (snapshot["ended"], snapshot["total"], snapshot["percent"]) == (1, 1, 100.0)
    assert (report["exit_code"], report["statistics"]["outcomes"]) == (0, {"completed": 1})
    assert done.out.strip() == report["directory"]


def test_a_session_that_fails_for_good_makes_exit_code_3(command, prompts, serve, reply):
    """The others are complete; what to type next is said."""

    async def answer(request: web.Request) -> web.Response:
        asked = await request.json()
        if "bad" in asked["messages"][-1]["content"]:
            return web.json_response({"error": {"message": "no such thing"}}, status=400)
        return reply()

    url = serve(answer)
    options = ["--model", "m", "--base-url", url, "--no-stream", "--name", "mine"]
    done = command(*options, prompts({"prompt": "good"}, {"prompt": "bad"}))
    assert done.code == 3
    assert "2 sessions: 1 completed + 1 model_error + 0 not started" in done.err
    assert done.err.endswith("hermes-run resume runs/mine\n")


def test_a_deadline_stops_a_run_with_exit_code_5(command, prompts, serve):
    """What was in flight is cut off and recorded."""
    gone = threading.Event()

    async def answer(_: web.Request) -> web.Response:
        try:
            await anyio.sleep_forever()
        finally:
            gone.set()
        return web.Response()

    url = serve(answer)
    options = ["--model", "m", "--base-url", url, "--drain-timeout", 0, "--deadline", 0.2]
    done = command(*options, prompts({"prompt": "x"}))
    assert done.code == 5
    assert "1 session: 1 interrupted + 0 not started" in done.err
    assert "stopped early: the deadline of 0.2 s is over" in done.err
    assert gone.wait(10)
