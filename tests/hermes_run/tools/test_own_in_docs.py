"""The tools in docs/tools.md work as it says, and its file of servers can be read."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from hermes_run.tools.belongings import open_belongings
from hermes_run.tools.call import execute
from hermes_run.tools.mcp.asked import read_asked
from hermes_run.tools.own import load_tools
from hermes_run.tools.tool import Context
from hermes_run.tools.toolbox import make_toolbox
from recorder.messages import ToolCall

TEXT = (Path(__file__).parents[3] / "docs" / "tools.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Give the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)


async def test_the_tools_of_the_page_keep_state_for_a_session(tmp_path, context, monkeypatch):
    """Notes, a folder and a database, each the session's own."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "my_tools.py").write_text("\n\n".join(blocks("python")))
    box = make_toolbox(load_tools(["my_tools.py:tools"], tmp_path))

    async def session(*calls: tuple[str, dict[str, str]]) -> list[str]:
        async with open_belongings() as belongings:
            within = Context("s", context.sandbox, context.bounds, belongings=belongings)
            outputs = [
                await execute(ToolCall("c", name, json.dumps(given)), box, within)
                for name, given in calls
            ]
        assert {output.status for output in outputs} == {"ok"}
        return [output.content for output in outputs]

    make = ("query", {"sql": "create table t as select 7 as n"})
    look = ("query", {"sql": "select n from t"})
    for _ in range(2):
        said = await session(
            ("weather", {"city": "Paris"}),
            ("note", {"text": "a"}),
            ("note", {"text": "b"}),
            ("remember", {"key": "k/../x", "value": "v"}),
            make,
            look,
        )
        assert said[1:] == ["1 notes", "2 notes", "remembered", "[]", '[["7"]]']
    assert (await context.sandbox.read("notes.txt", 99)).decode() == "a\nb"


def test_the_file_of_servers_of_the_page_can_be_read(tmp_path):
    """Every key in it is known."""
    (tmp_path / "servers.json").write_text(blocks("json")[0])
    keys = {"GITHUB_TOKEN": "gh-12345678", "DOCS_TOKEN": "d-12345678"}
    asked = read_asked(tmp_path / "servers.json", keys)
    assert [(each.name, each.transport, each.session) for each in asked] == [
        ("github", "stdio", False),
        ("docs", "http", False),
        ("browser", "stdio", True),
    ]
