"""The simulated model as a process of its own: ``python -m hermes_run.models.simulated``.

It prints its base URL on a line by itself and serves until SIGINT or SIGTERM.
"""

from __future__ import annotations

import argparse
import signal
import sys

import anyio

from hermes_run.errors import UsageError
from hermes_run.models.simulated.server import serve


async def run(port: int, latency_s: float) -> None:
    """Serve until a signal says to stop."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with serve(port=port, latency_s=latency_s) as url:
            print(url, flush=True)  # noqa: T201 - the one line of output this program has
            await anext(signals)


def main(arguments: list[str] | None = None) -> int:
    """Read the options and serve; give the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m hermes_run.models.simulated",
        description="Serve the simulated model on 127.0.0.1, OpenAI-compatible.",
    )
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument(
        "--latency-s", type=float, default=0.0, help="seconds before each reply (default 0)"
    )
    options = parser.parse_args(arguments)
    try:
        anyio.run(run, options.port, options.latency_s)
    except UsageError as error:
        print(error, file=sys.stderr)  # noqa: T201 - where a program says why it can't start
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
