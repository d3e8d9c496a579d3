"""A benchmark is a process of its own, whose one line is taken for its answer."""

from __future__ import annotations

import os
import sys

import msgspec
import pytest

from bench.answer import Answer
from bench.asking import Failure, ask


def said(program, limit_s=60.0):
    """Ask a benchmark that is the Python *program*."""
    return ask("turn", [sys.executable, "-c", program], limit_s)


def test_the_line_of_a_benchmark_is_its_answer(turn):
    """What a benchmark writes to its standard error is not mixed in."""
    line = msgspec.json.encode(turn).decode()
    program = f"import sys; sys.stderr.write('on my way'); print({line!r})"
    assert said(program) == msgspec.json.decode(line, type=Answer)


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("raise SystemExit('the server is gone')", "the server is gone"),
        ("raise SystemExit(3)", "it ended with 3 without a word"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("pass", "it printed 0 lines where one line of JSON is expected"),
        ("print('{}'); print('{}')", "it printed 2 lines where one line of JSON is expected"),
        ("print('ready')", "it printed what is no answer: JSON is malformed"),
        ("print('{}')", "it printed what is no answer: Object missing required field"),
        (r"import os; os.write(1, b'\xff\n')", "it printed what is no answer"),
        ("import os; os.kill(os.getpid(), 9)", "it ended with -9 without a word"),
    ],
)
def test_a_benchmark_that_gives_no_answer_has_failed_with_what_it_said(program, error):
    """A crash, a word too many and a word too few are told, whatever they are."""
    failed = said(program)
    assert isinstance(failed, Failure)
    assert failed.bench == "turn"
    assert error in failed.error


def test_only_the_end_of_a_long_complaint_is_kept():
    """A thousand lines of a traceback do not fill the table."""
    failed = said("import sys; print(*range(1000), sep='\\n', file=sys.stderr); sys.exit(1)")
    assert isinstance(failed, Failure)
    assert failed.error.splitlines() == [str(number) for number in range(988, 1000)]


def test_a_benchmark_that_hangs_is_ended_with_all_that_it_started(tmp_path):
    """Its server would otherwise be in the way of every later benchmark."""
    held = tmp_path / "held"
    os.mkfifo(held)
    server = f"import time; file = open({str(held)!r}, 'w'); time.sleep(600)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {server!r}])"
    with os.fdopen(os.open(held, os.O_RDONLY | os.O_NONBLOCK), "rb") as end:
        failed = said(program, limit_s=2.0)
        os.set_blocking(end.fileno(), True)
        assert end.read() == b""  # which it says when nobody holds the other end any more
    assert failed == Failure("turn", "it gave no answer within 2 s")
