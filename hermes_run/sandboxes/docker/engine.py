"""The one door to the container engine: every question has an end, every failure a sentence.

The client lets through whatever its own reading of an answer stumbles over (a missing key, another
type of content, an assertion), so anything it raises counts as the engine's fault.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any

import aiodocker
import aiohttp
import anyio
import msgspec
from aiodocker.exceptions import DockerError
from aiodocker.execs import Exec
from aiodocker.stream import Stream
from anyio.lowlevel import checkpoint_if_cancelled

from hermes_run.errors import SandboxError, UsageError
from hermes_run.sandboxes.docker.address import Address
from hermes_run.sandboxes.docker.answers import (
    Image,
    Info,
    Listed,
    Progress,
    Ran,
    Refusal,
    Shown,
    State,
    read_answer,
)
from hermes_run.sandboxes.docker.body import Traits

ANSWER_S = 60.0
"""How long the engine may take for an answer; starting many containers at once makes it slow."""

PULL_S, PULL_SILENCE_S = 3600.0, 600.0
"""How long an image may take to arrive, and how long nothing may be heard of it meanwhile."""

TEXT = 500
"""Characters of an engine's text that are passed on."""


class RefusedError(SandboxError):
    """The engine said no: what it was asked for was not done."""


class Execution:
    """A command in a container, running or over; it may only be used while it is open."""

    def __init__(self, started: Exec, stream: Stream) -> None:
        self._exec = started
        self._stream = stream

    async def read(self) -> bytes:
        """Wait for the next piece of output, however long it takes; nothing is the end of it."""
        with asking("pass on output", math.inf):
            while (piece := await self._stream.read_out()) is not None:
                if piece.data:
                    return piece.data
        return b""

    async def exit_code(self) -> int | None:
        """Give the exit code, or nothing while the command runs."""
        with asking("tell whether a command is over"):
            answer = read_answer(await self._exec.inspect(), Ran)
        return None if answer.running else answer.exit_code


class Engine:
    """A connection to the engine; the containers that it knows are named as we named them."""

    def __init__(self, client: aiodocker.Docker) -> None:
        # The client is typed in part only; what it answers is checked here in any case.
        self._client: Any = client

    @property
    def is_here(self) -> bool:
        """Whether it listens on this machine only, so that it is not shared with another."""
        return isinstance(self._client.connector, aiohttp.UnixConnector)

    async def traits(self) -> Traits:
        """Ask what the engine is like.

        Raises:
            SandboxError: it does not answer, or can't hold the bounds of a sandbox.
        """
        with asking("say what it is"):
            await self._client.version()
            info = read_answer(await self._client.system.info(), Info)
        if not (info.memory and info.processes):
            raise SandboxError(
                "the container engine can't limit memory and processes: it needs cgroups v2, and "
                "without root systemd must delegate the controllers memory and pids to the user"
            )
        names = {option.partition(",")[0] for option in info.security or []}
        return Traits(
            rootless="name=rootless" in names,
            remapped="name=userns" in names,
            labelled="name=selinux" in names,
            weighs=info.weights,
        )

    async def volumes(self, image: str) -> tuple[str, ...] | None:
        """Give the folders that an image wants to be volumes; nothing where it is not there."""
        with asking(f"look for the image {image}"):
            try:
                found = read_answer(await self._client.images.inspect(image), Image)
            except DockerError as error:
                if error.status == 404:
                    return None
                raise
        return tuple(found.config.volumes or ()) if found.config else ()

    async def pull(self, image: str) -> None:
        """Get an image from where its name says.

        Raises:
            SandboxError: it can't be had; it says why.
        """
        # Not by the client: it leaves the connection open where a pull is given up, and the engine
        # goes on with it.
        url = f"{self._client.docker_host}/{self._client.api_version}/images/create"
        params = {"fromImage": image}
        if not re.search(r"[:@][^/]*$", image):
            params["tag"] = "latest"  # it would be all of them
        endless = aiohttp.ClientTimeout()
        with asking(f"pull the image {image}", PULL_S):
            async with self._client.session.post(url, params=params, timeout=endless) as response:
                await _follow(response)

    async def create(self, name: str, body: Mapping[str, Any]) -> None:
        """Make a container; where this fails it may be there nevertheless."""
        # Cancelled half-way, it might be made after it was removed.
        async with uncancelled("make a container"):
            await self._client.containers.create(body, name=name)

    async def start(self, name: str) -> None:
        """Start a container."""
        with asking("start a container"):
            await self._container(name).start()

    async def restart(self, name: str) -> None:
        """Kill all that runs in a container, if anything does, and start it again."""
        with asking("restart a container"):
            await self._container(name).restart(t=0)

    async def state(self, name: str) -> State:
        """Tell how a container is."""
        with asking("say how a container is"):
            return read_answer(await self._container(name).show(), Shown).state

    async def remove(self, name: str) -> None:
        """Kill and remove a container; one that is gone, or is just being removed, is removed."""
        with asking("remove a container"):
            try:
                await self._container(name).delete(force=True, v=True)
            except DockerError as error:
                if error.status not in {404, 409}:
                    raise

    async def labelled(self, *labels: str) -> dict[str, Mapping[str, str]]:
        """List the containers that have all of some labels (``name`` or ``name=text``)."""
        filters = json.dumps({"label": labels})
        with asking("list its containers"):
            found = await self._client.containers.list(all=True, filters=filters)
            listed = [
                read_answer({key: each[key] for key in ("Id", "Labels")}, Listed) for each in found
            ]
        return {each.id: each.labels or {} for each in listed}

    @asynccontextmanager
    async def executing(
        self, name: str, argv: tuple[str, ...], user: str
    ) -> AsyncGenerator[Execution]:
        """Start a command in a container; it is not ended with this block."""
        started, stream = await self._start(name, argv, user)
        try:
            yield Execution(started, stream)
        finally:
            await _close(stream)

    async def _start(self, name: str, argv: tuple[str, ...], user: str) -> tuple[Exec, Stream]:
        # Cancelled half-way, it would leave a command that nobody knows of.
        async with uncancelled("start a command"):
            started = await self._container(name).exec(argv, user=user, workdir="/")
            stream = started.start(detach=False)
            try:
                await stream.__aenter__()
            except BaseException:
                await _close(stream)
                raise
            return started, stream

    def _container(self, name: str) -> Any:  # noqa: ANN401 - see above
        return self._client.containers.container(name)


@asynccontextmanager
async def open_engine(address: Address) -> AsyncGenerator[Engine]:
    """Connect to an engine; it is asked nothing yet.

    Raises:
        UsageError: the address is none, or the context that it names can't be used.
    """
    try:
        client = aiodocker.Docker(url=address.url, context=address.context)
    except (DockerError, ValueError, OSError, ImportError) as error:
        raise UsageError(f"the container engine is not addressed rightly: {error}") from error
    async with AsyncExitStack() as stack:
        stack.push_async_callback(client.close)
        if isinstance(client.connector, aiohttp.UnixConnector):
            # Each command that runs has a connection: the usual hundred would make others wait.
            path = client.connector.path
            session = aiohttp.ClientSession(connector=aiohttp.UnixConnector(path, limit=0))
            await stack.enter_async_context(session)
            client = aiodocker.Docker(url=f"unix://{path}", session=session)
            stack.push_async_callback(client.close)
        yield Engine(client)


@contextmanager
def asking(what: str, limit_s: float | None = None) -> Generator[None]:
    """Let the engine do *what*, for at most *limit_s* seconds, or :data:`ANSWER_S`.

    Raises:
        SandboxError: it did not; it says why.
    """
    try:
        with anyio.fail_after(ANSWER_S if limit_s is None else limit_s):
            yield
    except TimeoutError as error:
        raise SandboxError(f"the container engine did not {what} in time") from error
    except DockerError as error:
        said = str(error.message)[:TEXT]
        kind = RefusedError if 400 <= error.status < 600 else SandboxError
        raise kind(f"the container engine did not {what}: {said}") from error
    except Exception as error:
        # See above: which errors an answer that makes no sense leads to is written nowhere.
        said = repr(error)[:TEXT]
        raise SandboxError(f"the container engine did not {what}, it answered: {said}") from error


@asynccontextmanager
async def uncancelled(what: str) -> AsyncGenerator[None]:
    """Let the engine do *what*, and wait for that even if nobody wants it any more.

    Raises:
        SandboxError: it did not; it says why.
    """
    try:
        with asking(what), anyio.fail_after(ANSWER_S, shield=True):
            yield
    except SandboxError:
        await checkpoint_if_cancelled()
        raise


async def _follow(response: aiohttp.ClientResponse) -> None:
    """Read what the engine says while it pulls; it says an error as any other line."""
    if response.status >= 400:
        said = msgspec.json.decode(await response.read(), type=Refusal)
        raise DockerError(response.status, said.message)
    while True:
        with anyio.fail_after(PULL_SILENCE_S):
            line = await response.content.readline()
        if not line:
            return
        if error := msgspec.json.decode(line, type=Progress).error:
            raise DockerError(0, error)


async def _close(stream: Stream) -> None:
    with suppress(Exception):  # the connection is gone already, see above
        await stream.close()
