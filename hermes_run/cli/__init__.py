"""The command ``hermes-run``."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; gives its exit code.

    Args:
        arguments: what was typed after the name of the command; by default that of this process.
    """
    from cyclopts import CycloptsError

    from hermes_run.cli.app import app

    try:
        return app(arguments) or 0
    except CycloptsError as error:
        print(f"hermes-run: {error}", file=sys.stderr)
        print("`hermes-run --help` lists every option.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
