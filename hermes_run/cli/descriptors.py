"""Open files: a process may have so many, and a run that needs more is told before it spends."""

from __future__ import annotations

import math
import resource

from hermes_run.errors import UsageError

_OWN, _EACH = 48, 12
"""What a run has open anyway, and what each session adds: a connection, its folders, its processes.

Measured with commands running in every session: 32 at one session at once, 122 at 8, 454 at 64.
"""


def allow_open_files(concurrency: int, workers: int = 1) -> None:
    """Allow each process as many open files as its part of *concurrency* sessions at once needs.

    Args:
        concurrency: sessions at once, over all processes.
        workers: the processes.

    Raises:
        UsageError: the system does not let one have so many.
    """
    needed = _OWN + _EACH * math.ceil(concurrency / workers)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        fits = workers * max(1, (hard - _OWN) // _EACH)
        where = "" if workers == 1 else f" in each of {workers:,} processes"
        raise UsageError(
            f"{concurrency:,} sessions at once need about {needed:,} open files{where}, and this "
            f"process may have {hard:,}: allow more with `ulimit -n`, or try --concurrency {fits}"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
