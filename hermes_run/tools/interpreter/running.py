"""Run pieces of code in one namespace. The code may replace and close whatever it can reach."""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import linecache
import os
import signal
import site
import socket
import struct
import sys
import traceback
import types
from typing import Any, NoReturn, TextIO

LENGTH = struct.Struct(">I")
CHUNK = 65_536

# What is needed once the code has run, whatever it has put in its place meanwhile.
_write, _exit, _getpid, _dup2 = os.write, os._exit, os.getpid, os.dup2


def serve(control: socket.socket, output: int) -> NoReturn:
    """Run every piece of code that comes, until nobody sends any more."""
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    sys.argv, sys.path[:0] = [""], [""]
    user = site.getusersitepackages()
    if os.path.isdir(user):  # noqa: PTH112 - pathlib would be one import more at every start
        site.addsitedir(user)
    me, number = _getpid(), 0
    while True:
        code = receive(control)
        if code is None:
            _exit(0)
        number += 1
        set_streams(output)
        failed = run(code, main.__dict__, number, output)
        if _getpid() != me:  # the code forked, and this is the child
            _exit(failed)
        control.sendall(b"%d" % failed)


def receive(control: socket.socket) -> str | None:
    """Give the next piece of code, or nothing when there will be none."""
    head = _exactly(control, LENGTH.size)
    body = head and _exactly(control, LENGTH.unpack(head)[0])
    return None if body is None else body.decode("utf-8", "replace")


def _exactly(control: socket.socket, size: int) -> bytes | None:
    """Read *size* bytes, or nothing where the other side has ended."""
    parts: list[bytes] = []
    while size:
        part = control.recv(min(size, CHUNK))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def set_streams(output: int) -> None:
    """Let standard input be empty and both outputs go to *output*, whatever became of them."""
    null = os.open(os.devnull, os.O_RDONLY)
    for descriptor, source in ((0, null), (1, output), (2, output)):
        _dup2(source, descriptor)
    if null > 2:
        os.close(null)
    sys.stdin, sys.stdout, sys.stderr = _stream(0, "r"), _stream(1, "w"), _stream(2, "w")
    sys.__dict__.update(__stdin__=sys.stdin, __stdout__=sys.stdout, __stderr__=sys.stderr)


def _stream(descriptor: int, mode: str) -> TextIO:
    """Open a standard stream; what is printed is written line by line, in order."""
    return io.TextIOWrapper(
        io.BufferedReader(io.FileIO(descriptor, mode, closefd=False))
        if mode == "r"
        else io.BufferedWriter(io.FileIO(descriptor, mode, closefd=False)),
        encoding="utf-8",
        errors="backslashreplace",
        line_buffering=True,
    )


def run(code: str, namespace: dict[str, Any], number: int, output: int) -> int:
    """Run one piece of code; gives 0, or 1 if it raised, with the traceback in the output."""
    failed, text = 0, ""
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            execute(code, namespace, f"<python {number}>")
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    except BaseException as error:  # noqa: BLE001 - whatever the code raises is its result
        failed, text = 1, told(error)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):  # the code may have put anything there
            stream.flush()
    rest = text.encode("utf-8", "backslashreplace")
    while rest:
        rest = rest[_write(output, rest) :]
    return failed


def execute(code: str, namespace: dict[str, Any], name: str) -> None:
    """Run *code*; where its last statement is an expression, show the value as a console does."""
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    tree: Any = compile(code, name, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec", dont_inherit=True), namespace)  # noqa: S102 - the job
    if last is not None:
        asked = compile(ast.Expression(last.value), name, "eval", dont_inherit=True)
        value: object = eval(asked, namespace)  # noqa: S307 - the job
        if value is not None:
            builtins.__dict__["_"] = value
            print(repr(value))  # noqa: T201 - so does a console


def told(error: BaseException) -> str:
    """Write an exception as Python does, without what is not the code's own."""
    try:
        if isinstance(error, SystemExit):
            return f"SystemExit: {error.code}\n"
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        return "".join(traceback.format_exception(type(error), error, trace))
    except BaseException:  # noqa: BLE001 - its text is foreign code, too
        return f"{type(error).__name__} (it can't be shown)\n"
