"""Python that persists: honest results, and an interpreter whatever the code does to it."""

from __future__ import annotations

import contextlib
import json
import os

import anyio
import msgspec
import psutil
import pytest

from hermes_run.sandboxes.plain import open_plain
from hermes_run.sandboxes.protocol import Finished
from hermes_run.tools import python as pythons
from hermes_run.tools.python import ANEW, ANEW_FLAG
from hermes_run.tools.tool import Bounds, Context

GONE = "variables are gone"
WAIT_S = 240.0


@pytest.fixture
def py(use):
    """Run code and give the text of the result."""

    async def run(code, **arguments):
        return (await use("python", code=code, **arguments)).content

    return run


async def test_variables_imports_and_definitions_stay(py):
    """And the value of a last expression is shown."""
    assert await py("import math\nx = 41\ndef f(n):\n    return n + 1\nf(x)") == "42\n"
    assert await py("print(f(x)); math.floor(2.5)") == "42\n2\n"
    assert await py("_, None") == "(2, None)\n"
    assert await py("x = None; x") == "[no output]"


async def test_an_exception_is_a_traceback_of_the_code_alone(use, py):
    """With its lines, also those of earlier calls."""
    await py("def divide(n):\n    return n / 0")
    output = await use("python", code="divide(1)")
    assert (output.status, output.exit_code) == ("ok", 1)
    lines = [line for line in output.content.splitlines() if "^" not in line and "~" not in line]
    assert lines == [
        "Traceback (most recent call last):",
        '  File "<python 2>", line 1, in <module>',
        "    divide(1)",
        '  File "<python 1>", line 2, in divide',
        "    return n / 0",
        "ZeroDivisionError: division by zero",
    ]
    assert "SyntaxError" in await py("x +")


async def test_output_comes_in_order_whoever_writes_it(py):
    """Standard output, standard error, and programs."""
    code = "import sys, subprocess\nprint(1); print(2, file=sys.stderr)\n"
    assert await py(code + "_ = subprocess.run(['echo', '3']); print(4)") == "1\n2\n3\n4\n"


async def test_code_begins_in_the_workspace_and_imports_from_there(py, workspace):
    """As a console started there does."""
    (workspace / "mine.py").write_text("value = 5")
    assert await py("import mine, os; mine.value, os.getcwd()") == f"(5, '{workspace}')\n"


async def test_there_is_no_input(py):
    """Reading it ends at once."""
    assert (await py("input()")).endswith("EOFError: EOF when reading a line\n")


async def test_code_past_its_limit_is_interrupted_and_variables_stay(use, py):
    """As by Ctrl-C."""
    await py("x = 1")
    output = await use("python", code="import time\nwhile True: time.sleep(9)", timeout=1)
    assert output.status == "timeout"
    assert "KeyboardInterrupt\n[the code ran into its limit of 1 s" in output.content
    assert await py("x") == "1\n"


async def test_code_that_can_not_be_interrupted_is_killed(use, py):
    """That is said, and the next call has a new interpreter."""
    await py("import signal; signal.default_int_handler = signal.SIG_IGN")
    output = await use("python", code="while True: pass", timeout=1)
    assert (output.status, output.exit_code) == ("timeout", None)
    assert f"had to be killed: {GONE}" in output.content
    assert await py("1") == "1\n"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import os; os._exit(3)", "exit code 3"),
        ("import os; os.kill(os.getpid(), 9)", "signal 9"),
        ("import ctypes; ctypes.string_at(0)", "signal 11"),
        ("import os; os.closerange(3, 1000)", "replaced what it needs"),
        ("import os; os.kill(os.getppid(), 9)", "The interpreter was killed"),
        ("import os, time; os.system('rm -rf $TMPDIR/.h*/python'); time.sleep(99)", "was killed"),
    ],
)
async def test_code_that_ends_the_interpreter_is_told_so(py, code, told):
    """And the next call has a new one."""
    await py("x = 1")
    said = await py(code)
    assert told in said
    assert GONE in said
    assert "NameError" in await py("x")
    assert await py("1") == "1\n"


@pytest.mark.parametrize(
    "code",
    [
        "import sys; sys.exit(4)",
        "exit()",
        "import sys, os; sys.stdout.close(); os.close(0); os.close(1); os.close(2)",
        "import sys; sys.stdout = sys.stderr = sys.stdin = None",
        "import os; pid = os.fork(); print(pid == 0)",
        "import threading, time; threading.Thread(target=time.sleep, args=(60,)).start()",
        "print = repr = len = compile = None",
        "import os, json, traceback; os.write = json.dumps = traceback.format_exception = None",
        "import sys; sys.setrecursionlimit(50)\ndef r(): r()\nr()",
        "class A:\n    def __repr__(self): raise SystemExit\nA()",
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E",
        "import os; os.setsid",
        "def f(: pass",
        "'\\ud800'",
        "print('\\ud800\\0\\x1b[2J')",
        "import os; os.chdir('/')",
        "__builtins__ = {}",
        "raise BaseException",
        "raise KeyboardInterrupt",
        "import gc; gc.disable(); import sys; sys.modules.clear()",
    ],
)
async def test_variables_survive_whatever_else_the_code_does(py, code):
    """None of this is the end of an interpreter."""
    await py("kept = 1")
    assert GONE not in await py(code)
    assert (await py("kept")).endswith("1\n")


async def test_builtins_that_were_replaced_end_in_a_new_interpreter(py):
    """Nothing hangs, and it is said."""
    names = ("len", "print", "bytes", "OSError")
    await py(f"import builtins\nfor name in {names}: setattr(builtins, name, None)")
    texts = [await py("1") for _ in range(3)]
    assert texts[-1] == "1\n"


async def test_endless_output_is_cut_and_stopped(use, py):
    """Head and tail stay."""
    await py("x = 1")
    output = await use("python", code="print('first')\nwhile True: print('y' * 1000)")
    assert output.status == "error"
    assert output.content.startswith("first\n")
    assert "bytes cut" in output.content
    assert "bytes and was interrupted; variables are kept]" in output.content
    assert len(output.content.encode()) <= 4000
    assert output.bytes is not None
    assert output.bytes > 16_000_000


async def test_what_a_thread_writes_between_calls_comes_with_the_next(py):
    """It is lost to nobody."""
    code = "import threading\nlate = threading.Timer(0.1, lambda: print('late')); late.start()"
    said = await py(code), await py("late.join(); 5")
    assert said in (("[no output]", "late\n5\n"), ("late\n", "5\n"))


async def test_calls_at_once_run_one_after_another(py):
    """There is one interpreter."""
    await py("import time; x = 0")
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(py, "y = x; time.sleep(0.01); x = y + 1")
    assert await py("x") == "5\n"


async def test_a_sandbox_without_python_is_told_so(use, workspace, scratch, monkeypatch):
    """The terminal is still there."""
    there = scratch / "bin"
    there.mkdir()
    for program in ("bash", "sh", "rm", "mkdir", "cat"):
        (there / program).symlink_to(f"/bin/{program}")
    monkeypatch.setenv("PATH", str(there))
    async with open_plain(workspace) as sandbox:
        bare = Context("session", sandbox, Bounds(timeout_s=200.0))
        output = await use("python", bare, code="1")
    assert output.status == "error"
    assert "There is no python3" in output.content


@pytest.mark.parametrize("code", ["x\0", "#" * 1_000_001])
async def test_code_that_can_not_be_sent_is_not_run(use, py, code):
    """And what was there stays."""
    await py("x = 1")
    assert (await use("python", code=code)).status == "error"
    assert await py("x") == "1\n"


async def test_an_interpreter_that_is_new_after_a_crash_says_so_once(use, context):
    """The run went on; what was in memory did not."""
    pythons.expect(context.state)
    first = await use("python", code="1")
    assert (first.content, first.flags) == (f"{ANEW}\n1\n", (ANEW_FLAG,))
    assert (await use("python", code="2")).content == "2\n"


async def test_a_keeper_that_was_killed_between_calls_is_replaced(use, py):
    """The code still runs, and what is gone is said."""
    await py("x = 1")
    await use("terminal", command="kill -9 $(cat $TMPDIR/.hermes-*/python/keeper)")
    assert (await py("2")) == f"{ANEW}\n2\n"


async def test_a_keeper_that_does_not_answer_is_replaced(use, py, monkeypatch):
    """Its call is a timeout."""
    monkeypatch.setattr(pythons, "SPARE_S", 0.5)
    await py("x = 1")
    await use("terminal", command="kill -STOP $(cat $TMPDIR/.hermes-*/python/keeper)")
    output = await use("python", code="2", timeout=1)
    assert (output.status, GONE in json.loads(output.content)["error"]) == ("timeout", True)
    assert await py("2") == "2\n"


async def test_a_call_that_was_cancelled_leaves_a_new_interpreter(use, context, py):
    """Its answer would come to the wrong call."""
    await py("x = 1")
    with anyio.move_on_after(0.5):
        await py("import time; time.sleep(60)")
    said = await py("x")
    assert said.startswith(ANEW)
    assert "NameError" in said
    assert ANEW not in await py("1")


async def test_an_interpreter_that_can_not_start_says_why(use, context, scratch):
    """Here there is no room for it."""
    (scratch / "tmp").chmod(0o500)
    if os.geteuid() == 0:
        (scratch / "tmp").rmdir()
        (scratch / "tmp").write_text("")
    output = await use("python", code="1")
    assert output.status == "error"
    assert "can't be started" in output.content


async def test_an_interpreter_that_is_replaced_is_ended_with_what_it_runs(use, py, monkeypatch):
    """Also where its keeper was stopped, and where the keeper alone was killed."""
    monkeypatch.setattr(pythons, "SPARE_S", 0.5)
    groups = "cat $TMPDIR/.hermes-*/python/groups | cut -d' ' -f1"
    for signal in ("STOP", "KILL"):
        await py("1")
        kill = f"kill -{signal} $(cat $TMPDIR/.hermes-*/python/keeper)"
        pids = json.loads((await use("terminal", command=groups)).content)["output"].split()
        assert len(pids) == 2
        code = f"import os\nos.system('{kill}')\nwhile True: pass"
        await use("python", code=code, timeout=1)
        assert (await py("2")).endswith("2\n")
        with anyio.fail_after(WAIT_S):
            for pid in pids:
                await end_of(int(pid))


async def end_of(pid):
    """Return when a process is not there any more, or has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        while True:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return
            await anyio.sleep(0.01)


LIES = {
    "a_code": {"code": 10**30},
    "a_code_below_all": {"code": -(10**30)},
    "a_size": {"size": 2**60},
    "a_size_below_zero": {"size": -1},
    "a_head_below_zero": {"head": -1},
}


@pytest.mark.parametrize("lie", LIES)
async def test_an_answer_that_no_interpreter_gives_is_none(lie):
    """Whoever runs code can write it instead; nothing of it comes into the record."""
    true = {"failed": False, "why": None, "code": None, "head": 1, "size": 1}
    said = json.dumps(true | LIES[lie]).encode() + b"\nx"
    finished = Finished(output=said, size=len(said), exit_code=0)
    assert pythons._answered(finished, 10.0, 1000) is None
    whole = msgspec.structs.replace(finished, output=json.dumps(true).encode() + b"\nx")
    answered = pythons._answered(whole, 10.0, 1000)
    assert answered is not None
    assert answered.content == "x"
