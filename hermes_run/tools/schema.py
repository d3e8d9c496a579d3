"""Make a tool from a function: its schema from the signature, its texts from the docstring."""

from __future__ import annotations

import functools
import inspect
import re
import typing
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, overload

import docstring_parser
import msgspec

from hermes_run.errors import UsageError
from hermes_run.tools.threads import in_thread
from hermes_run.tools.tool import Context, Output, Tool
from recorder.messages import Effect, Json

Function = Callable[..., Any]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SCALARS = (bool, int, float, str, type(None))


@overload
def tool(function: Function, /) -> Tool: ...


@overload
def tool(
    *, effect: Effect = ..., name: str | None = ..., description: str | None = ...
) -> Callable[[Function], Tool]: ...


def tool(
    function: Function | None = None,
    /,
    *,
    effect: Effect = "external",
    name: str | None = None,
    description: str | None = None,
) -> Tool | Callable[[Function], Tool]:
    """Make a tool from a function, as ``@tool`` or ``@tool(effect="read")``.

    The parameters of the function are the arguments of the tool: each needs an annotation, and its
    description is taken from the docstring (Google, NumPy or reST style) or from
    ``Annotated[int, msgspec.Meta(description=...)]``. A parameter annotated
    :class:`~hermes_run.tools.tool.Context` is not the model's: it receives where the call runs.
    The function may be async; a plain one runs in a thread. It returns a string, anything that can
    be written as JSON, or an :class:`~hermes_run.tools.tool.Output`.

    *effect* says what a call may change: ``pure`` and ``read`` nothing, ``workspace`` the session's
    own folder, ``external`` the world. An external call is never run a second time after a crash,
    so that is what a tool is unless it says otherwise.

    Raises:
        UsageError: the function can't be a tool; the text names what to write instead.
    """
    here = inspect.currentframe()
    scope = dict(here.f_back.f_locals) if here and here.f_back else {}

    def make(function: Function) -> Tool:
        return _tool(function, scope, effect, name, description)

    return make if function is None else make(function)


def _tool(
    function: Function,
    scope: dict[str, Any],
    effect: Effect,
    name: str | None,
    description: str | None,
) -> Tool:
    if not inspect.isroutine(function):
        raise UsageError(f"@tool takes a function, not {function!r}: put it before a `def`")
    name = name or function.__name__
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"no endpoint takes the tool name {name!r}; write @tool(name=...) with up to 64 "
            "letters, digits, _ and -"
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise UsageError(f"the tool {name} yields; let it return one value")
    hints = {each: _hint(function, each, scope) for each in _parameters(function)}
    doc = docstring_parser.parse(inspect.getdoc(function) or "")
    texts = {each.arg_name: _prose(each.description) for each in doc.params}
    arguments = _arguments(name, function, hints)
    contexts = [each for each, hint in hints.items() if hint is Context]
    return Tool(
        name=name,
        description=_prose(doc.description) if description is None else description,
        parameters=_schema(arguments, texts),
        effect=effect,
        run=_runner(function, contexts),
        arguments=arguments,
        sandboxed=bool(contexts),
    )


def _parameters(function: Function) -> dict[str, inspect.Parameter]:
    """Give the parameters of *function* by name, each of which a call can name."""
    parameters = inspect.signature(function).parameters
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise UsageError(
                f"{function.__name__}() takes *{name}, of which no schema can be made; write one "
                f"parameter for each argument, or a list, as in `{name}: list[str]`"
            )
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise UsageError(
                f"{function.__name__}() takes {name} by position only, and models name their "
                "arguments; remove the `/`"
            )
        if parameter.annotation is parameter.empty:
            raise UsageError(
                f"{function.__name__}() does not say what {name} is; annotate it, "
                f"as in `{name}: str`"
            )
    return dict(parameters)


def _hint(function: Function, name: str, scope: dict[str, Any]) -> Any:  # noqa: ANN401 - a type
    """Resolve one annotation, also one that names a type of the function around."""
    plain = inspect.unwrap(function)
    annotation = inspect.signature(function).parameters[name].annotation
    try:
        hints = typing.get_type_hints(
            SimpleNamespace(__annotations__={name: annotation}),
            globalns=getattr(plain, "__globals__", {}),
            localns=scope,
            include_extras=True,
        )
    except Exception as error:  # an annotation is any expression: it may raise anything
        raise UsageError(
            f"{function.__name__}(): the annotation of {name}, {annotation!r}, can't be resolved "
            f"({error}); import or define the type before the function, outside of TYPE_CHECKING"
        ) from error
    return hints[name]


def _arguments(name: str, function: Function, hints: dict[str, Any]) -> type[msgspec.Struct]:
    """Make the struct type that checks the arguments."""
    parameters = inspect.signature(function).parameters
    fields = [
        (each, hint, _default(parameters[each]))
        for each, hint in hints.items()
        if hint is not Context
    ]
    return msgspec.defstruct(
        name.replace("-", "_"), fields, frozen=True, kw_only=True, forbid_unknown_fields=True
    )


def _default(parameter: inspect.Parameter) -> Any:  # noqa: ANN401 - any default
    if parameter.default is parameter.empty:
        return msgspec.NODEFAULT
    if isinstance(parameter.default, _SCALARS):
        return parameter.default
    return msgspec.field(default_factory=lambda: parameter.default)


def _schema(arguments: type[msgspec.Struct], texts: dict[str, str]) -> dict[str, Json]:
    """Write the JSON schema of *arguments*, with the descriptions of the docstring."""
    try:
        (top,), types = msgspec.json.schema_components([arguments], ref_template="#/$defs/{name}")
    except (TypeError, NameError, ValueError) as error:
        reason = str(error).splitlines()[-1]
        raise UsageError(
            f"{arguments.__name__}() has a parameter that JSON can't carry ({reason}); use str, "
            "int, float, bool, list, dict, Literal, an Enum, a dataclass or a msgspec.Struct"
        ) from error
    schema = types.pop(top["$ref"].removeprefix("#/$defs/"))
    del schema["title"]
    for name, entry in schema["properties"].items():
        if texts.get(name):
            entry.setdefault("description", texts[name])
    return schema | ({"$defs": types} if types else {})


def _prose(text: str | None) -> str:
    """Join the lines of a paragraph; lists and blank lines stay."""
    return re.sub(r"(?<!\n)\n(?![\n\s*-])", " ", (text or "").strip())


def _runner(
    function: Function, contexts: list[str]
) -> Callable[[dict[str, Json], Context], Awaitable[Output]]:
    is_async = inspect.iscoroutinefunction(inspect.unwrap(function))

    async def run(arguments: dict[str, Json], context: Context) -> Output:
        bound = functools.partial(function, **arguments, **dict.fromkeys(contexts, context))
        value = await bound() if is_async else await in_thread(bound)
        return value if isinstance(value, Output) else Output(content=value)

    return run
