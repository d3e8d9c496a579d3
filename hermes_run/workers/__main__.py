"""``python -m hermes_run.workers SOCKET [LOCK]``: a worker; only the head of a run starts one."""

from __future__ import annotations

import sys

from hermes_run.workers.worker import main

if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
