"""The interpreter as a program: a keeper is asked through its folder, and answers whatever happens.

No sandbox is around it here, so that what runs of it can be measured.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from hermes_run.tools.interpreter import keeper, running

ROOT = Path(__file__).resolve().parents[4]
BEGIN = "import sys; from hermes_run.tools.interpreter.keeper import main; main(sys.argv[1])"
WAIT_S, GRACE_S = 240.0, 30.0


class Interpreter:
    """A keeper that was started on a folder, and the number of the next request."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.number = 0
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        begun = [sys.executable, "-c", BEGIN, str(folder)]
        subprocess.run(begun, env=environment, cwd=folder.parent, check=True)
        self.keeper = psutil.Process(int((folder / "keeper").read_text()))

    @property
    def worker(self) -> psutil.Process:
        """The process that runs the code."""
        line = (self.folder / "groups").read_text().splitlines()[1]
        return psutil.Process(int(line.split()[0]))

    def send(
        self, code: str, seconds: float = WAIT_S, limit: int = 1000, grace: float = GRACE_S
    ) -> int:
        """Ask; gives the descriptor that the answer comes through."""
        self.number += 1
        (self.folder / f"code.{self.number}").write_text(code)
        answer = os.open(self.folder / f"answer.{self.number}", os.O_RDONLY | os.O_NONBLOCK)
        self.write(f"{self.number} {seconds} {grace} {limit}\n")
        return answer

    def write(self, line: str) -> None:
        """Write to where requests are read."""
        asking = os.open(self.folder / "ask", os.O_RDWR)
        os.write(asking, line.encode())
        os.close(asking)

    def ask(
        self, code: str, seconds: float = WAIT_S, limit: int = 1000, grace: float = GRACE_S
    ) -> tuple[Any, str]:
        """Ask; gives what the keeper says of it, and the output."""
        answer, content, chunk = self.send(code, seconds, limit, grace), b"", None
        while chunk != b"":
            ready, _, _ = select.select([answer], [], [], WAIT_S)
            assert ready, "no answer"
            with contextlib.suppress(BlockingIOError):
                chunk = os.read(answer, 65536)
                content += chunk
        os.close(answer)
        head, _, output = content.partition(b"\n")
        return json.loads(head), output.decode()

    def end(self) -> None:
        """Take the folder away, and see the keeper out: it holds a FIFO open for as long."""
        path = self.folder / f"answer.{self.number + 1}"
        last = path if path.exists() else path.with_suffix(f".{self.number}")
        held = os.open(last, os.O_RDONLY | os.O_NONBLOCK)
        self.folder.rename(self.folder.with_name("gone"))
        ready, _, _ = select.select([held], [], [], WAIT_S)
        os.close(held)
        assert ready, "the keeper does not end"


@pytest.fixture
def interpreter(tmp_path: Path) -> Iterator[Interpreter]:
    """Start an interpreter; its worker leaves by itself, so that it can be measured."""
    folder = tmp_path / "python"
    folder.mkdir()
    begun = Interpreter(folder)
    yield begun
    if folder.exists() and begun.keeper.is_running():
        begun.ask("import os; os._exit(0)")
        begun.end()


def said(
    failed: bool = False, why: str | None = None, code: int | None = None, size: int = 0
) -> dict[str, object]:
    """What the keeper says of code whose output is all there."""
    return {"failed": failed, "why": why, "code": code, "head": size, "size": size}


def test_code_is_run_in_one_namespace_and_its_output_comes_back(interpreter):
    """With the value of a last expression, and the traceback of what it raised."""
    assert interpreter.ask("import os\nx = 1") == (said(), "")
    assert interpreter.ask("os.write(1, b'a'); x") == (said(size=3), "a1\n")
    told, output = interpreter.ask("def f():\n    return missing\nf()")
    lines = output.splitlines()
    assert (told["failed"], lines[1]) == (True, '  File "<python 3>", line 3, in <module>')
    assert lines[-1] == "NameError: name 'missing' is not defined"


def test_what_the_code_does_to_its_own_streams_is_put_right(interpreter):
    """Also where it has put something there that can't be flushed."""
    for code in ("import sys, os; sys.stdout = None", "os.close(1)", "os.closerange(0, 3)"):
        assert interpreter.ask(code)[0]["code"] is None
    assert interpreter.ask("print(1); print(2, file=sys.stderr)") == (said(size=4), "1\n2\n")
    assert interpreter.ask("input()")[1].endswith("EOFError: EOF when reading a line\n")


@pytest.mark.parametrize(
    ("code", "output"),
    [
        ("raise SystemExit(4)", "SystemExit: 4\n"),
        (
            "class Bad(Exception):\n    def __str__(self): raise SystemExit\nraise Bad",
            "Bad: <exception str() failed>\n",
        ),
        ("import os\nif not os.fork(): raise SystemExit\nprint(os.wait()[1])", None),
    ],
)
def test_what_would_end_a_program_is_its_result(interpreter, code, output):
    """The interpreter lives on; a child that the code forked does not."""
    interpreter.ask("x = 1")
    told, text = interpreter.ask(code)
    assert told["code"] is None
    assert output is None or text.endswith(output)
    assert interpreter.ask("x")[1] == "1\n"


def test_code_past_its_limit_is_interrupted(interpreter):
    """And variables stay."""
    interpreter.ask("import time; x = 1")
    told, output = interpreter.ask("time.sleep(60)", 0.3)
    assert (told["why"], told["code"]) == ("time", None)
    assert output.endswith("KeyboardInterrupt\n")
    assert interpreter.ask("x")[1] == "1\n"


def test_code_that_takes_no_notice_of_that_is_killed(interpreter):
    """And another worker is there."""
    interpreter.ask("import signal, time; signal.default_int_handler = signal.SIG_IGN")
    killed = said(why="time", code=-signal.SIGKILL)
    assert interpreter.ask("while True: time.sleep(1)", 0.2, grace=0.1) == (killed, "")
    assert interpreter.ask("1")[1] == "1\n"


def test_a_flood_is_stopped(interpreter):
    """Head and tail are kept."""
    told, output = interpreter.ask("print('head')\nwhile True: print('x' * 65536)", limit=100)
    assert (told["why"], told["head"]) == ("flood", 50)
    assert told["size"] > len(output)
    assert output.startswith("head\n")
    assert output.endswith("KeyboardInterrupt\n")


def test_code_that_ends_the_interpreter_is_told_so(interpreter):
    """With the exit code, or the signal."""
    assert interpreter.ask("import os; os._exit(3)") == (said(code=3), "")
    assert interpreter.ask("import os; os.kill(os.getpid(), 15)") == (said(code=-15), "")
    assert interpreter.ask("import os; os.closerange(3, 4096)")[0]["code"] is not None


def test_code_that_closes_its_output_for_good_is_waited_for(interpreter):
    """After it another worker is there."""
    assert interpreter.ask("import os; os.close(1); os.close(2); os.closerange(201, 300)\nx = 1")
    assert "NameError" in interpreter.ask("x")[1]


def test_a_worker_that_died_between_requests_is_replaced(interpreter):
    """As soon as that is seen."""
    before = interpreter.worker
    before.kill()
    before.wait(WAIT_S)
    assert "NameError" in interpreter.ask("import os; missing")[1]
    assert interpreter.worker != before


@pytest.mark.parametrize(
    "line",
    ["\n", "1\n", "a b c d\n", "2 3 4 5", "2 3 4\n", "1 2 3 4\n", "2 -1 0 9\n", "2 9 nan 9\n"],
)
def test_what_is_no_request_is_passed_over(interpreter, line):
    """It comes from the code."""
    interpreter.ask(f"line = {line!r}\nwith open({str(interpreter.folder / 'ask')!r}, 'a') as f: f")
    interpreter.write(line)
    interpreter.write("\n")
    assert interpreter.ask("1")[1] == "1\n"


def test_an_answer_that_nobody_takes_is_dropped(interpreter):
    """The next one comes to the next request."""
    answer = interpreter.send("print('x' * 1_000_000)", limit=1_000_000)
    following = interpreter.folder / "answer.2"
    while not following.exists():
        assert interpreter.keeper.is_running()
        select.select([], [], [], 0.05)
    os.close(answer)
    assert interpreter.ask("1")[1] == "1\n"


def test_a_keeper_whose_folder_is_gone_ends_with_all_it_has_started(interpreter):
    """Also in the middle of code."""
    os.close(interpreter.send("import time; time.sleep(600)"))
    worker = interpreter.worker
    interpreter.end()
    worker.wait(WAIT_S)
    assert not worker.is_running()


def test_a_process_that_is_gone_has_no_start():
    """Nor has any where the system does not say."""
    assert keeper._since(os.getpid()).isdecimal()
    assert keeper._since(2**30) == "-"


def test_code_is_received_whole_or_not_at_all():
    """A sender that ends in between has sent nothing."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        text = "x = 'ü'\n" * 9
        theirs.sendall(running.LENGTH.pack(len(text.encode())) + text.encode())
        assert running.receive(ours) == text
        theirs.sendall(running.LENGTH.pack(5) + b"ab")
        theirs.shutdown(socket.SHUT_WR)
        assert running.receive(ours) is None
        assert running.receive(ours) is None


def test_an_exception_that_can_not_be_shown_is_named(monkeypatch):
    """Whatever the code has replaced."""
    monkeypatch.delattr(running.traceback, "format_exception")
    assert running.told(ValueError("x")) == "ValueError (it can't be shown)\n"
