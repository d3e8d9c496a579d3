"""Read a file of MCP servers: ``{"mcpServers": {NAME: {...}}}``, as other programs have it, too."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from hermes_run.errors import UsageError
from recorder.json_text import decode, encode
from recorder.messages import Effect, Json
from recorder.shapes import object_of

Transport: TypeAlias = Literal["stdio", "http"]

_WANTED = '{"mcpServers": {"NAME": {"command": "npx", "args": ["-y", "PACKAGE"]}}}'
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_NAME = re.compile(r"[^\s\x00-\x1f][^\x00-\x1f]{0,79}")
_KEY = re.compile(
    r"key|token|secret|passw|credential|cookie|auth(?!or(?!i[sz]))", re.IGNORECASE
)  # Authorization, but no author
_LEAST_SECRET, _LEAST_KEY = 6, 8
"""Shorter values, such as ``true``, are words of other texts, too."""
_STDIO, _HTTP = ("command", "args", "env", "cwd"), ("url", "headers")


class Asked(msgspec.Struct, frozen=True):
    """A server as it was asked for; a time is in seconds, paths are as in the file.

    ``session`` asks for a client for each session instead of one for all. ``tools`` are those that
    are taken, ``None`` for all. ``secrets`` are values that no log may show, ``keys`` those of them
    that no result may hold.
    """

    name: str
    transport: Transport
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    cwd: str | None = None
    url: str = ""
    headers: Mapping[str, str] = {}
    session: bool = False
    effect: Effect | None = None
    tools: tuple[str, ...] | None = None
    timeout: float | None = None
    secrets: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """How the server is called in texts."""
        return f"the MCP server {self.name}"

    def veil(self, text: str) -> str:
        """Give *text* without what no log may show."""
        return _without(self.secrets, text)

    def veil_result(self, text: str) -> str:
        """Give *text* without what no result may hold."""
        return _without(self.keys, text)


def _without(words: Iterable[str], text: str) -> str:
    for word in words:
        text = text.replace(word, "[withheld]")
    return text


class _Entry(msgspec.Struct, frozen=True):
    """What may stand in the file for one server; other programs' keys are passed over."""

    command: str | None = None
    args: list[str] = []
    env: dict[str, str | int | float | bool] = {}
    cwd: str | None = None
    url: str | None = None
    headers: dict[str, str] = {}
    type: str | None = None
    transport: str | None = None
    disabled: bool = False
    session: bool = False
    effect: Effect | None = None
    tools: list[str] | None = None
    timeout: float | None = None


def read_asked(path: Path, environment: Mapping[str, str] = os.environ) -> tuple[Asked, ...]:
    """Read the servers of the file *path*; those that are ``disabled`` are left out.

    Raises:
        UsageError: the file or an entry can't be used; the text names it and what to write.
    """
    try:
        document = decode(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"--mcp {path} must hold JSON like {_WANTED}: {error}") from error
    servers = object_of(document).get("mcpServers")
    if not isinstance(servers, dict):
        near = difflib.get_close_matches("mcpServers", list(object_of(document)), n=1)
        hint = f' Call {near[0]!r} "mcpServers".' if near else ""
        raise UsageError(f'--mcp {path} has no table "mcpServers".{hint} Write {_WANTED}')
    asked = [_read(path, name, entry, environment) for name, entry in object_of(servers).items()]
    kept = tuple(one for one in asked if one is not None)
    if not kept:
        raise UsageError(f"--mcp {path} names no server. Write {_WANTED}")
    return kept


def _read(path: Path, name: str, entry: Json, environment: Mapping[str, str]) -> Asked | None:
    where = f"--mcp {path}, server {name!r}"
    if not _NAME.fullmatch(name):
        raise UsageError(f"{where}: a server's name is a word of at most 80 characters")
    try:
        read = msgspec.convert(entry, _Entry)
    except msgspec.ValidationError as error:
        raise UsageError(f"{where}: {error}") from error
    if read.disabled:
        return None
    transport = _transport(read, where)
    if read.timeout is not None and not read.timeout > 0:
        raise UsageError(f"{where}: timeout must be more than 0 seconds, not {read.timeout:g}")
    texts = _Texts(where, environment)
    asked = Asked(
        name=name,
        transport=transport,
        command=texts.all((read.command, *read.args), "command") if read.command else (),
        env={key: texts.one(_word(value), f"env {key}") for key, value in read.env.items()},
        cwd=texts.one(read.cwd, "cwd") if read.cwd else None,
        url=texts.one(read.url or "", "url"),
        headers={key: texts.one(value, f"header {key}") for key, value in read.headers.items()},
        session=read.session,
        effect=read.effect,
        tools=None if read.tools is None else tuple(read.tools),
        timeout=read.timeout,
    )
    if transport == "http" and not re.match(r"https?://[^/\s]+", asked.url):
        raise UsageError(f"{where}: url must begin with http:// or https://")
    return _hidden(asked, texts.expanded)


def _transport(read: _Entry, where: str) -> Transport:
    """Tell how the server is reached, from what stands there and what is said of it."""
    if (read.command is None) == (read.url is None):
        raise UsageError(
            f'{where}: needs either "command" (a program that is started) or "url" '
            "(a server that runs already)"
        )
    found: Transport = "http" if read.url is not None else "stdio"
    said = read.type or read.transport
    known = {"stdio": "stdio", "http": "http", "streamable-http": "http", "streamable_http": "http"}
    if said is not None and known.get(said) != found:
        have = _HTTP if found == "http" else _STDIO
        wanted = '"http"' if found == "http" else '"stdio"'
        raise UsageError(
            f"{where}: type {said!r} can't be used with {', '.join(have)}: write {wanted} or "
            "leave it out; servers that speak only SSE are not supported"
        )
    return found


class _Texts:
    """Puts variables of the environment into texts, and remembers what it put there."""

    def __init__(self, where: str, environment: Mapping[str, str]) -> None:
        self._where, self._environment = where, environment
        self.expanded: list[str] = []

    def one(self, text: str, key: str) -> str:
        """Give *text* with every ``${VAR}`` and ``${VAR:-default}`` replaced.

        Raises:
            UsageError: a variable is not set and has no default.
        """

        def value(found: re.Match[str]) -> str:
            default: str | None = found[2]
            given = self._environment.get(found[1], default)
            if given is None:
                raise UsageError(
                    f"{self._where}: {key} names the variable {found[1]}, which is not set: "
                    f"export {found[1]}=..., or write ${{{found[1]}:-default}}"
                )
            self.expanded.append(given)
            return given

        return _VARIABLE.sub(value, text)

    def all(self, texts: Iterable[str], key: str) -> tuple[str, ...]:
        """Do so with several texts."""
        return tuple(self.one(text, key) for text in texts)


def _word(value: str | float) -> str:
    """Write a value of the environment, which other programs let be a number or a truth."""
    return value if isinstance(value, str) else encode(value).decode()


def _hidden(asked: Asked, expanded: Iterable[str]) -> Asked:
    """Note what may not be shown: all values in the log, and those of keys in results, too."""
    given = {**asked.env, **asked.headers}
    keys = [value for name, value in given.items() if _KEY.search(name)]
    return msgspec.structs.replace(
        asked,
        secrets=_parts([*given.values(), *expanded], _LEAST_SECRET),
        keys=_parts(keys, _LEAST_KEY),
    )


def _parts(values: Iterable[str], least: int) -> tuple[str, ...]:
    """Give the values as they are and as JSON writes them; of ``Bearer KEY`` the key, too.

    The longest come first: one may be the beginning of another.
    """
    plain = {part for value in values for part in (value, value.rpartition(" ")[2])}
    words = plain | {encode(word).decode()[1:-1] for word in plain}
    return tuple(sorted((w for w in words if len(w) >= least), key=len, reverse=True))
