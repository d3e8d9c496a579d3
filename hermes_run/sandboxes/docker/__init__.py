"""The sandbox called ``docker``: a container for each session, by the API that podman speaks, too.

What is promised, and what an engine must be able to do for it, stands in ``docs/sandboxes.md``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from hermes_run.errors import UsageError
from hermes_run.sandboxes.wall import Allowance, Wall


@asynccontextmanager
async def open_docker_wall(allowance: Allowance, image: str | None) -> AsyncGenerator[Wall]:
    """Connect to the container engine of this machine and give a wall of its containers.

    What runs left behind whose process is gone is removed first; at the end, what is left of ours.

    Args:
        allowance: what each container may take.
        image: for rows that name none.

    Raises:
        UsageError: the library ``aiodocker`` is not installed, there is no engine, or it is
            addressed wrongly.
        SandboxError: the engine does not answer, or can't hold the bounds.
    """
    try:
        from hermes_run.sandboxes.docker.wall import open_wall  # noqa: PLC0415 - an extra's library
    except ModuleNotFoundError as error:
        if error.name != "aiodocker":
            raise
        raise UsageError(
            "--sandbox docker needs the library aiodocker: pip install 'hermes-run[docker]'"
        ) from error
    async with open_wall(allowance, image) as wall:
        yield wall
