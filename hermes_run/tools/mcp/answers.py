"""What a server answered to a call, as the model gets it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_run.tools.tool import Output
from recorder.json_text import decode, encode
from recorder.messages import Json
from recorder.shapes import array_of, object_of, text_in

EMPTY = "(no output)"


def read_answer(answer: dict[str, Json]) -> Output:
    """Make the result of a call from the result object of ``tools/call``.

    Texts are joined by line ends; pictures, sounds and other resources are named. Structured
    content stands for itself where there is no text, or none that says the same. Of a tool that
    returns no object, the official SDK sends ``{"result": VALUE}`` beside the value as texts.
    """
    parts = [_part(object_of(block)) for block in array_of(answer.get("content"))]
    structured = answer.get("structuredContent")
    if structured is not None and not _is_said(parts, structured):
        parts.append(encode(structured).decode())
    text = "\n".join(part for part in parts if part)
    return Output(content=text or EMPTY, status="error" if answer.get("isError") else "ok")


def _part(block: dict[str, Json]) -> str:
    kind = text_in(block.get("type"))
    if kind == "text":
        return text_in(block.get("text"))
    if kind in ("image", "audio"):
        return f"[{kind}]"
    if kind == "resource":
        resource = object_of(block.get("resource"))
        return text_in(resource.get("text")) or f"[resource {_about(resource)}]"
    if kind == "resource_link":
        return f"[resource {_about(block)}]"
    return f"[{kind}]"


def _about(resource: dict[str, Json]) -> str:
    """Name a resource by its address, its name and what it is."""
    return " ".join(_words(resource))


def _words(resource: dict[str, Json]) -> Iterator[str]:
    for key in ("name", "uri", "mimeType", "description"):
        if word := text_in(resource.get(key)):
            yield word


def _is_said(parts: list[str], structured: Json) -> bool:
    """Tell whether the texts say all that *structured* does."""
    wrapped = object_of(structured)
    value = wrapped["result"] if list(wrapped) == ["result"] else structured
    if any(_says(part, each) for part in parts for each in (structured, value)):
        return True
    items = list(_flat(value)) if value and isinstance(value, list) else []
    return len(items) == len(parts) > 0 and all(map(_says, parts, items))


def _flat(value: Json) -> Iterator[Json]:
    """Give the elements of lists in lists: each of them is sent as a text of its own."""
    if isinstance(value, list):
        for each in array_of(value):
            yield from _flat(each)
    else:
        yield value


def _says(text: str, value: Json) -> bool:
    """Tell whether *text* is *value*, as it is or written out, which most servers send along."""
    if text == value:
        return True
    try:
        return decode(text.encode()) == value
    except ValueError:
        return False
