"""``python -m compressor`` compresses files of rows; see `python -m compressor --help`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from compressor.pipeline.options import EPILOGUE, Options
from recorder.version import VERSION

PROGRAM = "python -m compressor"

app = App(
    name=PROGRAM,
    help_epilogue=EPILOGUE,
    help_format="plaintext",
    version=VERSION,
    usage=f"Usage: {PROGRAM} [OPTIONS] SOURCE --out PATH",
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)


@app.default
def compress(
    source: Path,
    /,
    *,
    out: Path | None = None,
    options: Annotated[Options, Parameter(name="*")] = Options(),  # noqa: B008  # frozen
) -> int:
    """Fit recorded trajectories into a token budget; rows keep their order.

    Args:
        source: a file of rows (.jsonl, .jsonl.gz, .jsonl.zst), a folder of such, or a run.
        out: the file to write, packed as its name says; a folder for a folder or a run.
        options: the budget, and how it is met.
    """
    from compressor import command  # noqa: PLC0415  # not for --help

    return command.compress(source, out, options, PROGRAM)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; gives its exit code.

    Args:
        arguments: what was typed; by default that of this process.
    """
    try:
        return app(sys.argv[1:] if arguments is None else list(arguments)) or 0
    except CycloptsError as error:
        sys.stderr.write(f"{PROGRAM}: {error}\n`{PROGRAM} --help` lists every option.\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
