"""Places for sandboxes behind Landlock, and what is run in them."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import anyio
import msgspec

from hermes_run.sandboxes.protocol import Command, Finished, Sandbox
from hermes_run.sandboxes.wall import Site

LONG = "sleep 600"


async def run(sandbox: Sandbox, line: str, **bounds: object) -> Finished:
    """Run *line*; what has a limit of twenty seconds is not expected to reach it."""
    command = Command(line, **{"timeout_s": 20.0, "limit": 100_000, **bounds})
    with anyio.fail_after(240):
        return await sandbox.run(command)


@contextlib.contextmanager
def made_site(*, reachable: bool) -> Generator[Site]:
    """Make a site, which everybody can reach or only its owner."""
    folder = Path(tempfile.mkdtemp(prefix="landlock-test-"))
    folder.chmod(0o755 if reachable else 0o700)
    site = Site(folder=folder / "workspace", scratch=folder / "scratch")
    for path in (site.folder, site.scratch):
        path.mkdir(mode=0o700)
    secret = folder / "secret"
    secret.write_text("the secret\n")
    try:
        yield site
    finally:
        shutil.rmtree(folder)


def wait_for_the_end_of(pid: int) -> None:
    """Return when the process *pid* is gone, or fail after ten seconds."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        ready, _, _ = select.select([descriptor], [], [], 10)
        os.close(descriptor)
        assert ready, f"process {pid} is still running"


def is_running(pid: int) -> bool:
    """Tell whether a process is there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, 0)
        return True
    return False


def python_for_everybody() -> tuple[str, str] | None:
    """Give a Python that any user can start, and the path of our modules, if there is one."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    packages = Path(msgspec.__file__).parents[1]
    ours = Path(__file__).resolve().parents[4]
    for name in (sys.executable, f"/usr/bin/python{version}"):
        if all(map(_is_open, (Path(name).resolve(), packages, ours))):
            return name, f"{ours}{os.pathsep}{packages}"
    return None


def _is_open(path: Path) -> bool:
    return path.exists() and all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))
