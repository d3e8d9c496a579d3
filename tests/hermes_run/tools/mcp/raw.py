"""A server without the SDK, of the older protocol, that does what no good server does.

Its first argument says how it is wrong from the start, the names of its tools what they do.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time

HOW = sys.argv[1] if len(sys.argv) > 1 else ""


def send(**message) -> None:
    """Write one message."""
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def answer(number, text: str) -> None:
    """Answer a call with a text."""
    send(id=number, result={"content": [{"type": "text", "text": text}]})


def tools(number, cursor) -> None:
    """List the tools, as wrong as asked for."""
    listed = [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]
    if HOW == "endless":
        send(id=number, result={"tools": listed, "nextCursor": f"{cursor}x"})
    elif HOW == "nonsense":
        send(id=number, result={"tools": [{"title": "no name"}]})
    else:
        send(id=number, result={"tools": [*listed, *listed]})


def garbage(number) -> None:
    """Write what is no message, notices that nobody asked for, and the answer."""
    sys.stdout.write("not json\n\n[1, 2]\n\x00\xff\n{}\n" * 5)
    send(method="notifications/unheard", params={"a": 1})
    send(method="notifications/tools/list_changed")
    send(method="notifications/message", params={"level": "info", "data": "x"})
    answer(number, "in the end")


def flood(number, head: str | None = None) -> None:
    """Answer with more than anybody reads."""
    sys.stdout.write('{"jsonrpc": "2.0", ' + (f'"id": {number}, ' if head is None else head))
    sys.stdout.write('"result": "')
    for _ in range(10):
        sys.stdout.write("x" * 2**20)
    sys.stdout.write('"}\n')
    sys.stdout.flush()


def late(number) -> None:
    """Do so with the id at the end, and as a text."""
    sys.stdout.write('{"result": "' + "x" * 9 * 2**20 + f'", "id": "{number}"}}\n')
    sys.stdout.flush()


def nameless(number) -> None:
    """Do so without an id."""
    flood(number, "")


def malformed(number) -> None:
    """Answer with what is no result."""
    send(id=number, result={"content": 5})


def asking(number) -> None:
    """Ask the user something before the answer."""
    send(id="q", method="elicitation/create", params={"message": "?", "requestedSchema": {}})
    reply = json.loads(sys.stdin.readline())
    answer(number, "refused" if "error" in reply else "answered")


def talk(number) -> None:
    """Say more on standard error than anybody keeps."""
    for _ in range(200):
        sys.stderr.write("t" * 1023 + "\n")
    sys.stderr.flush()
    answer(number, "said")


def shut(number) -> None:
    """Close the output and live on."""
    os.close(1)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


def deaf(number) -> None:
    """Close the input, say so, and live on."""
    os.close(0)  # before anybody can write to it again
    answer(number, "I hear nothing any more")
    time.sleep(600)


def die(_) -> None:
    """Die at once."""
    os._exit(0)


def orphan(number) -> None:
    """Die and leave a child out of reach that holds the pipes until nobody reads them."""
    if os.fork() == 0:
        os.setsid()
        reader = select.poll()
        reader.register(1, 0)
        reader.poll(600_000)
    os._exit(0)


def main() -> None:
    """Answer what comes, line by line."""
    if HOW == "silent":
        time.sleep(600)
    while line := sys.stdin.readline():
        message = json.loads(line)
        number, method = message.get("id"), message["method"]
        params = message.get("params", {})
        if method == "initialize":
            version = "1999-01-01" if HOW == "old" else params["protocolVersion"]
            about = {"name": "raw", "version": "1"}
            capabilities = {"tools": {}}
            send(
                id=number,
                result={
                    "protocolVersion": version,
                    "capabilities": capabilities,
                    "serverInfo": about,
                },
            )
        elif method == "tools/list":
            tools(number, params.get("cursor", ""))
        elif method == "tools/call":
            TOOLS[params["name"]](number)
        elif number is not None:
            send(id=number, error={"code": -32601, "message": "no such method"})


TOOLS = {
    each.__name__: each
    for each in (garbage, flood, late, nameless, malformed, asking, talk, shut, deaf, die, orphan)
}
main()
