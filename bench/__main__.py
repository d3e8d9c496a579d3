"""Ask every benchmark, one after the other, and lay the answers beside the budget.

``python -m bench`` prints a table as the answers come in and ends with 1 where a budget is missed
or a benchmark failed. ``--quick`` takes sizes that are too small to judge by, and ends with 1 only
where a benchmark failed. What is going on is told on standard error.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from bench import page, table
from bench.asking import QUESTIONS, Failure, Said, ask, command

LIMIT_S, QUICK_LIMIT_S = 7_200.0, 300.0
"""How long one benchmark may take."""


def main(typed: Sequence[str] | None = None) -> int:
    """Ask, print, and give the exit code."""
    asked = _arguments(typed)
    said: list[Said] = []
    streams = not (asked.json or asked.markdown)
    if streams:
        print(table.text_head(), flush=True)
    for one in _answers(asked):
        said.append(one)
        if streams:
            print(*table.text(one), sep="\n", flush=True)
    verdict = table.judged(said)
    sentence = table.sentence(verdict, quick=asked.quick)
    if asked.json:
        document = msgspec.json.encode(table.document(said, quick=asked.quick))
        print(msgspec.json.format(document).decode())
    else:
        if asked.markdown:
            print(*table.markdown(said), sep="\n")
        print("", table.machine(said), "", sentence, sep="\n")
    if asked.report:
        asked.report.write_text(page.as_html(said, sentence), encoding="utf-8")
        print(f"the report is in {asked.report}", file=sys.stderr)
    return table.exit_code(verdict, quick=asked.quick)


def _arguments(typed: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(QUESTIONS)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that all works")
    parser.add_argument("--repeats", type=int, help="how often everything is measured")
    parser.add_argument("--report", type=Path, metavar="FILE", help="a page with pictures")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="one JSON document, not a table")
    shape.add_argument("--markdown", action="store_true", help="tables of Markdown")
    asked = parser.parse_args(typed)
    if unknown := [name for name in asked.names if name not in QUESTIONS]:
        parser.error(f"there is no {unknown[0]!r}; there are {', '.join(QUESTIONS)}")
    if asked.repeats is not None and asked.repeats < 1:
        parser.error("--repeats takes 1 or more")
    if asked.report and (asked.report.is_dir() or not asked.report.absolute().parent.is_dir()):
        parser.error(f"--report {asked.report}: name a file in a folder that is there")
    return asked


def _answers(asked: argparse.Namespace) -> Iterator[Said]:
    options = ["--quick"] if asked.quick else []
    options += ["--repeats", str(asked.repeats)] if asked.repeats else []
    for name in asked.names or QUESTIONS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        begun, used = time.monotonic(), _cpu_s()
        one = ask(name, command(name, options), QUICK_LIMIT_S if asked.quick else LIMIT_S)
        if isinstance(one, Failure):
            print(one.error, file=sys.stderr)
        took = f"{time.monotonic() - begun:.1f} s, {_cpu_s() - used:.1f} s of CPU"
        print(f"{name} took {took}", file=sys.stderr, flush=True)
        yield one


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
