"""``python -m hermes_run.workers SOCKET``: a worker; only the head of a run starts one."""

from __future__ import annotations

import sys

from hermes_run.workers.worker import main

if __name__ == "__main__":
    main(int(sys.argv[1]))
