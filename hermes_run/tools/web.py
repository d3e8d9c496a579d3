"""The tool ``web_fetch``: the text of a page.

It runs in this process and over its network, not in the sandbox; so only a run that lets its
sessions out has it. As their commands there do, it reaches servers of this machine and its network,
though none of those that give out credentials of clouds.
"""

from __future__ import annotations

from typing import Annotated

from anyio import to_thread
from msgspec import Meta

from hermes_run.tools.call import failure
from hermes_run.tools.schema import tool
from hermes_run.tools.tool import Context, Output

FETCH_S = 30.0
NOTE_BYTES = 600
SHOWN_CHARACTERS = 20_000


@tool(effect="read")
async def web_fetch(
    context: Context,
    url: str,
    offset: Annotated[int, Meta(ge=0)] = 0,
    limit: Annotated[int, Meta(ge=1, le=100_000)] = SHOWN_CHARACTERS,
) -> str | Output:
    """Fetch a page from the web and show its text.

    HTML comes as text with headings, lists and links; JSON and other text as it is; PDFs, images
    and other files are described. A last line in brackets says where to go on if there is more.
    Only pages over http and https that want no login; nothing is sent but the request.

    Args:
        url: The whole address, beginning with https:// or http://.
        offset: How many characters of the text to leave out, to go on where the last page ended.
        limit: How many characters to show at most.
    """
    # The HTTP client takes a while to load, and most runs fetch nothing.
    from hermes_run.tools.pages.client import NotFetched, fetch  # noqa: PLC0415
    from hermes_run.tools.pages.content import read_body  # noqa: PLC0415

    page = await fetch(url, min(FETCH_S, context.bounds.timeout_s))
    if isinstance(page, NotFetched):
        return failure(
            f"Cannot fetch {url[:200]}: {page.text}", "timeout" if page.timed_out else "error"
        )
    reading = await to_thread.run_sync(read_body, page.body, page.kind, page.charset, page.url)
    said = [f"from {page.url}"] if page.url != url else []
    said += list(reading.notes)
    said += ["only the first part of the page was fetched"] if page.cut else []
    if not 200 <= page.status < 300:
        return failure(_refusal(page.status, page.reason, reading.text if reading.is_text else ""))
    if not reading.is_text:
        size = f" of {page.size} bytes" if page.cut and page.size else ""
        return f"{page.url} is no text: {reading.text}{size}; fetch it with a command to use it"
    if offset and offset >= len(reading.text):
        return failure(f"There is nothing at {offset}: the text has {len(reading.text)} characters")
    room = max(context.bounds.output_bytes - NOTE_BYTES - sum(map(len, said)), 100)
    return _shown(reading.text, offset, _fitting(reading.text[offset : offset + limit], room), said)


def _fitting(text: str, room: int) -> str:
    """Cut *text* to as many bytes, at a character's end."""
    return text.encode("utf-8", "replace")[:room].decode("utf-8", "ignore")


def _shown(text: str, offset: int, part: str, said: list[str]) -> str:
    end = offset + len(part)
    if offset or end < len(text):
        more = f"; go on with offset={end}" if end < len(text) else ""
        said = [f"characters {offset}-{end} of {len(text)}{more}", *said]
    if not text.strip():
        said = ["the page has no text; a script may write it in a browser", *said]
    return "\n".join([part, *(f"[{note}]" for note in said)])


def _refusal(status: int, reason: str, text: str) -> str:
    """Say what a status means for whoever asked, with the beginning of what the server wrote."""
    advice = {
        401: "it wants a login, which there is not",
        403: "it does not let programs in; try another source",
        404: "there is no such page; check the address, or begin at the start page of the site",
        410: "the page is gone; try another source",
        429: "too many requests; wait a minute, or try another source",
    }.get(status, "try again later or another source" if status >= 500 else "try another address")
    words = " ".join(text[:2_000].split())[:300]
    return f"The server answered {status} {reason}: {advice}" + (
        f". It says: {words}" if words else ""
    )
