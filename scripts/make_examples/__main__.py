"""Write examples/prompts.jsonl: `python scripts/make_examples > examples/prompts.jsonl`.

The output depends on nothing but these files, so a change of a task shows up as a change of its
row. What a `verify` command expects is computed here, in another way than the tools would.
"""

from __future__ import annotations

import json
import sys
from itertools import chain

import changing
import computing
import extracting
import ranking
import reading


def main() -> None:
    """Print every row, one JSON object a line."""
    parts = (reading, ranking, computing, extracting, changing)
    for row in chain.from_iterable(part.rows() for part in parts):
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
