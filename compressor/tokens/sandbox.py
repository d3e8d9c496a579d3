"""Where chat templates run: Jinja's sandbox, with what Hugging Face's templates expect to find."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import NoReturn

from jinja2 import Template, TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

_TODAY = datetime(2026, 1, 1, tzinfo=UTC)
_LONGEST = 1_000_000


def compiled(text: str) -> Template:
    """Make a template of *text*; it has the functions of `apply_chat_template`.

    Raises:
        jinja2.TemplateError: it is none.
    """
    environment = _Sandbox(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.loopcontrols", _Generation],
    )
    environment.filters["tojson"] = _to_json  # pyright: ignore[reportUnknownMemberType]
    functions = {"raise_exception": _refuse, "strftime_now": _TODAY.strftime}
    return environment.from_string(text, globals=functions)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, in which nothing can be multiplied beyond all measure either."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        """Multiply, if what comes out is of a size that a template may need."""
        if operator == "**":
            raise SecurityError("a template may not raise numbers to powers")
        for one, times in ((left, right), (right, left)):
            if isinstance(one, str | list | tuple) and isinstance(times, int):
                _check_size(len(one) * times)  # pyright: ignore[reportUnknownArgumentType]
        return super().call_binop(context, operator, left, right)


class _Generation(Extension):
    """`{% generation %}` marks what an assistant wrote; it prints nothing."""

    tags = {"generation"}  # noqa: RUF012 - Jinja's own declaration of it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Take what is between the marks as it is."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _check_size(size: int) -> None:
    if size > _LONGEST:
        raise SecurityError(f"a template may not make {size:,} signs at once")


def _to_json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _refuse(why: str) -> NoReturn:
    raise TemplateError(why)
