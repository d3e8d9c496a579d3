"""Whole runs with servers: what is asked, what is recorded, and what never is."""

from __future__ import annotations

import json
from pathlib import Path

from hermes_run import Scripted, run_many
from hermes_run.models.protocol import Reply
from recorder.messages import ToolCall
from recorder.steps import Step


def calling(name: str, /, **given) -> Reply:
    """Make a reply that calls one tool."""
    return Reply(calls=(ToolCall("c", name, json.dumps(given)),), finish_reason="tool_calls")


async def test_a_run_takes_tools_from_servers(tmp_path: Path, served, monkeypatch):
    """Their schemas reach the endpoint and the record as they are; secrets reach neither."""
    monkeypatch.setenv("OUR_TOKEN", "tok-123456789")
    entry = served(env={"OUR_KEY": "${OUR_TOKEN}"}, session=True)
    path = tmp_path / "servers.json"
    path.write_text(json.dumps({"mcpServers": {"odd": entry}}))
    script = [calling("echo", zone="a"), calling("die"), calling("tell", name="OUR_KEY"), "done"]
    model = Scripted(script * 2)
    options = {"mcp": path, "toolsets": ("odd",), "concurrency": 1}
    run = run_many(["one", "two"], model=model, record=tmp_path / "run", **options)
    sessions = [session async for session in run]
    for session in sessions:
        steps = [turn for turn in session.turns if isinstance(turn, Step)]
        statuses = [result.status for step in steps for result in step.results]
        assert statuses == ["ok", "error", "ok"]
    asked = json.loads(model.requests[0].tools)
    scope: dict = {}
    source = (Path(__file__).parent / "served.py").read_text()
    exec(source[source.index("ODD = {") : source.index("ANY = ")], scope)
    assert json.dumps(asked[0]["function"]["parameters"]) == json.dumps(scope["ODD"])
    assert json.dumps(scope["ODD"], separators=(",", ":"), ensure_ascii=False) in (
        model.requests[0].tools.decode()
    )
    files = [each for each in (tmp_path / "run").rglob("*") if each.is_file()]
    assert any("tools_declared" in each.read_text() for each in files)
    assert not [each for each in files if "tok-123456789" in each.read_text(errors="replace")]
