"""Open files: a process may have so many, and a run that needs more is told before it spends."""

from __future__ import annotations

import resource

from hermes_run.errors import UsageError

_OWN, _EACH = 48, 12
"""What a run has open anyway, and what each session adds: a connection, its folders, its processes.

Measured with commands running in every session: 32 at one session at once, 122 at 8, 454 at 64.
"""


def allow_open_files(concurrency: int) -> None:
    """Allow this process as many open files as *concurrency* sessions at once need.

    Raises:
        UsageError: the system does not let it have so many.
    """
    needed = _OWN + _EACH * concurrency
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        fits = max(1, (hard - _OWN) // _EACH)
        raise UsageError(
            f"{concurrency:,} sessions at once need about {needed:,} open files, and this process "
            f"may have {hard:,}: allow more with `ulimit -n`, or try --concurrency {fits}"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
