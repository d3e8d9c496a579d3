#!/usr/bin/env python3
"""Draw docs/run.svg: the panel of a real run of the examples, when half of it is done."""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path

import anyio
from rich.console import Console

from hermes_run.config import Settings
from hermes_run.models.opening import open_source
from hermes_run.progress.screens import drawn
from hermes_run.progress.snapshot import Snapshot
from hermes_run.progress.watch import watch
from hermes_run.prompts import count_rows, read_prompts
from hermes_run.run import open_run
from hermes_run.tools.toolsets import load_shelf

ROOT = Path(__file__).parents[1]
PROMPTS = ROOT / "examples" / "prompts.jsonl"
WIDTH = 108


class Keeping:
    """A screen that keeps the last snapshot before *percent* of the run is over."""

    interval_s = 0.05

    def __init__(self, percent: float) -> None:
        self.kept: Snapshot | None = None
        self._percent = percent

    def show(self, snapshot: Snapshot) -> None:
        """Keep *snapshot* if it is early enough."""
        if snapshot.percent <= self._percent or self.kept is None:
            self.kept = snapshot

    def say(self, text: str) -> None:
        """Say nothing."""


async def observe(directory: Path) -> Snapshot:
    """Run the examples in *directory* and give what the panel showed half-way."""
    settings = Settings(model="simulated", concurrency=64)
    screen = Keeping(50)
    async with open_source(settings) as source:
        rows, shelf = read_prompts(PROMPTS), load_shelf(settings)
        async with (
            open_run(directory, rows, settings, source, shelf) as run,
            watch(run, count_rows(PROMPTS), screen),
        ):
            await run.finish()
    if screen.kept is None:
        raise SystemExit("the panel was never drawn")
    return screen.kept


def main() -> None:
    """Run the examples and write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        snapshot = anyio.run(observe, Path(folder, "examples"))
    console = Console(width=WIDTH, record=True, file=io.StringIO(), force_terminal=True)
    console.print("$ hermes-run --model simulated --concurrency 64 examples/prompts.jsonl")
    console.print(drawn(snapshot, "examples"))
    svg = console.export_svg(title="hermes-run")
    svg = re.sub(r"@font-face \{.*?\}|<!--.*?-->", "", svg, flags=re.DOTALL)  # nothing to load
    (ROOT / "docs" / "run.svg").write_text(re.sub(r"\n\s*\n", "\n", svg), encoding="utf-8")


if __name__ == "__main__":
    main()
