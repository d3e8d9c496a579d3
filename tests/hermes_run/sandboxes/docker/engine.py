"""A stand-in for a container engine: an HTTP server on a socket that speaks the part we use.

See https://docs.docker.com/reference/api/engine/ (version 1.48). What it was asked is written down,
and it misbehaves as a :class:`Fault` says. It has no images but those it is given by name.
"""

from __future__ import annotations

import asyncio
import json
import re
import struct
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from tests.hermes_run.sandboxes.docker.machine import Machine

VERSION = "1.48"
STDOUT, STDERR = 1, 2


class Asked(msgspec.Struct, frozen=True):
    """One request: its method and path without the version, its query and its body."""

    line: str
    query: dict[str, str]
    body: Any


class Fault(msgspec.Struct):
    """What happens to the next *times* requests whose line matches *pattern*.

    An answer with *status* and *text*; the end of the connection where there is no *status*; none
    at all where it is 0. It is *after* the engine has done what it was asked for, or instead.
    """

    pattern: str
    status: int | None = 500
    text: str = '{"message": "it hurts"}'
    kind: str = "application/json"
    times: int = 1
    after: bool = False


class Container(msgspec.Struct):
    """A container: what it was made from, and the processes that it has.

    Its first one is said to be *pid*, if that is given.
    """

    id: str
    name: str
    body: dict[str, Any]
    machine: Machine
    out_of_memory: bool = False
    pid: int = 0

    def listed(self) -> dict[str, Any]:
        """Give its entry in a list."""
        return {
            "Id": self.id,
            "Names": [f"/{self.name}"],
            "Image": self.body["Image"],
            "ImageID": "sha256:0",
            "Command": " ".join(self.body["Entrypoint"]),
            "Created": 1_790_000_000,
            "Labels": self.body["Labels"],
            "State": "running" if self.machine.running else "exited",
            "Status": "Up 1 second" if self.machine.running else "Exited (137)",
            "Ports": [],
            "HostConfig": {"NetworkMode": "none"},
            "NetworkSettings": {"Networks": {}},
            "Mounts": [],
        }

    def shown(self) -> dict[str, Any]:
        """Give all there is to say about it."""
        return {
            "Id": self.id,
            "Name": f"/{self.name}",
            "Config": self.body,
            "HostConfig": self.body["HostConfig"],
            "State": {
                "Running": self.machine.running,
                "OOMKilled": self.out_of_memory,
                "Pid": self.pid or self.machine.init,
            },
        }


class Execution(msgspec.Struct):
    """A command in a container."""

    container: Container
    body: dict[str, Any]
    process: asyncio.subprocess.Process | None = None

    def shown(self, name: str) -> dict[str, Any]:
        """Give all there is to say about it."""
        code = self.process.returncode if self.process else None
        return {
            "ID": name,
            "Running": self.process is not None and code is None,
            "ExitCode": 128 - code if code is not None and code < 0 else code,
            "ProcessConfig": {"tty": False, "entrypoint": self.body["Cmd"][0], "arguments": []},
            "ContainerID": self.container.id,
            "Pid": self.process.pid if self.process else 0,
        }


class Engine:
    """The engine's state: *images* that are there, and what can be pulled from *registry*."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "engine.sock"
        self.folder = folder
        self.address = ""
        self.images: dict[str, dict[str, Any]] = {"here": {"Config": {"Volumes": None}}}
        self.registry: dict[str, dict[str, Any]] = {}
        self.info: dict[str, Any] = {
            "ID": "stand-in",
            "MemoryLimit": True,
            "PidsLimit": True,
            "CPUShares": True,
            "SecurityOptions": ["name=seccomp,profile=builtin", "name=cgroupns"],
        }
        self.asked: list[Asked] = []
        self.faults: list[Fault] = []
        self.containers: dict[str, Container] = {}
        self.executions: dict[str, Execution] = {}
        self.news = asyncio.Event()
        self.pull_may_end = asyncio.Event()
        self.pull_may_end.set()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"unix://{self.socket}"

    def asked_for(self, pattern: str) -> list[Asked]:
        """Give the requests whose line matches."""
        return [asked for asked in self.asked if re.fullmatch(pattern, asked.line)]

    async def until_asked_for(self, pattern: str) -> None:
        """Wait until there was a request whose line matches."""
        async with asyncio.timeout(30):
            while not self.asked_for(pattern):
                await self.news.wait()

    def find(self, name: str) -> Container:
        """Find a container by its name or id."""
        for container in self.containers.values():
            if name in {container.id, container.name}:
                return container
        raise missing(f"No such container: {name}")


def refused(status: int, text: str) -> web.HTTPException:
    """Say no as the engine does."""
    kinds = {400: web.HTTPBadRequest, 404: web.HTTPNotFound, 409: web.HTTPConflict}
    return kinds[status](text=json.dumps({"message": text}), content_type="application/json")


def missing(text: str) -> web.HTTPException:
    """Say that something is not there."""
    return refused(404, text)


routes = web.RouteTableDef()
ENGINE: web.AppKey[Engine] = web.AppKey("engine", Engine)


@routes.get("/_ping")
async def ping(request: web.Request) -> web.Response:
    """Tell that it is there; the command asks this first."""
    return web.Response(text="OK", headers={"Api-Version": VERSION, "Ostype": "linux"})


@routes.get("/version")
async def version(request: web.Request) -> web.Response:
    """Tell the version."""
    named = {"Version": "28.0.0-stand-in", "ApiVersion": VERSION, "MinAPIVersion": "1.24"}
    return web.json_response({**named, "Os": "linux", "Arch": "amd64", "GitCommit": "0"})


@routes.get("/info")
async def info(request: web.Request) -> web.Response:
    """Tell what it is like."""
    return web.json_response(request.app[ENGINE].info)


@routes.get("/images/{name:.+}/json")
async def image(request: web.Request) -> web.Response:
    """Tell about an image."""
    name = request.match_info["name"]
    found = request.app[ENGINE].images.get(name)
    if found is None:
        raise missing(f"No such image: {name}")
    return web.json_response(found)


@routes.post("/images/create")
async def pull(request: web.Request) -> web.StreamResponse:
    """Pull an image, with its progress as lines."""
    engine = request.app[ENGINE]
    name = request.query["fromImage"].removeprefix("docker.io/library/")
    tag = request.query.get("tag", "latest")
    name = name if tag == "latest" else f"{name}:{tag}"
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"status": "Pulling from somewhere"}\r\n')
    await engine.pull_may_end.wait()
    if name in engine.registry:
        engine.images[name] = engine.registry[name]
        await response.write(b'{"status": "Status: Downloaded newer image"}\r\n')
    else:
        text = f"pull access denied for {name}"
        line = {"errorDetail": {"message": text}, "error": text}
        await response.write(json.dumps(line).encode() + b"\r\n")
    return response


@routes.post("/containers/create")
async def create(request: web.Request) -> web.Response:
    """Make a container; nothing of it runs yet."""
    engine = request.app[ENGINE]
    body = await request.json()
    if body["Image"] not in engine.images:
        raise missing(f"No such image: {body['Image']}")
    name = uuid.uuid4().hex
    gauges = engine.folder / f"gauges-{name}"
    gauges.mkdir()
    gauges.chmod(0o755)
    (gauges / "memory.events").write_text("low 0\noom 0\noom_kill 0\n")
    (gauges / "memory.events").chmod(0o644)
    engine.containers[name] = Container(name, request.query["name"], body, Machine(body, gauges))
    return web.json_response({"Id": name, "Warnings": []}, status=201)


@routes.get("/containers/json")
async def listing(request: web.Request) -> web.Response:
    """List containers by their labels."""
    filters = json.loads(request.query.get("filters", "{}"))
    wanted = filters.get("label", ())
    every = request.query.get("all") in {"1", "true"}
    found = [
        container.listed()
        for container in request.app[ENGINE].containers.values()
        if (every or container.machine.running) and carries(container, wanted)
    ]
    return web.json_response(found)


def carries(container: Container, wanted: list[str]) -> bool:
    """Tell whether a container has all labels that are wanted."""
    labels = container.body["Labels"]
    split = [label.partition("=") for label in wanted]
    return all(name in labels and (not sign or labels[name] == text) for name, sign, text in split)


@routes.get("/containers/{name}/json")
async def show(request: web.Request) -> web.Response:
    """Tell about a container."""
    return web.json_response(request.app[ENGINE].find(request.match_info["name"]).shown())


@routes.post("/containers/{name}/start")
async def start(request: web.Request) -> web.Response:
    """Start a container."""
    await request.app[ENGINE].find(request.match_info["name"]).machine.start()
    return web.Response(status=204)


@routes.post("/containers/{name}/restart")
async def restart(request: web.Request) -> web.Response:
    """Kill all that runs in a container and start it again."""
    container = request.app[ENGINE].find(request.match_info["name"])
    await container.machine.kill()
    await container.machine.start()
    container.out_of_memory = False
    return web.Response(status=204)


@routes.delete("/containers/{name}")
async def remove(request: web.Request) -> web.Response:
    """Kill and remove a container."""
    engine = request.app[ENGINE]
    container = engine.find(request.match_info["name"])
    if container.machine.running and request.query.get("force") not in {"1", "true"}:
        raise refused(409, "cannot remove a running container without force")
    await container.machine.kill()
    engine.containers.pop(container.id, None)
    return web.Response(status=204)


@routes.post("/containers/{name}/exec")
async def prepare(request: web.Request) -> web.Response:
    """Take in a command; it does not run yet."""
    engine = request.app[ENGINE]
    container = engine.find(request.match_info["name"])
    if not container.machine.running:
        raise refused(409, f"container {container.id} is not running")
    name = uuid.uuid4().hex
    body = await request.json()
    engine.executions[name] = Execution(container, body)
    return web.json_response({"Id": name}, status=201)


@routes.post("/exec/{name}/start")
async def execute(request: web.Request) -> web.StreamResponse:
    """Run a command and pass on what it writes, in frames with a header of eight bytes."""
    execution = request.app[ENGINE].executions[request.match_info["name"]]
    body = {"Env": [], "WorkingDir": "/", **{k: v for k, v in execution.body.items() if v}}
    body.setdefault("User", execution.container.body["User"])
    await request.read()
    process = await execution.container.machine.execute(body)
    execution.process = process
    response = web.StreamResponse(
        status=101,
        headers={
            "Content-Type": "application/vnd.docker.multiplexed-stream",
            "Connection": "Upgrade",
            "Upgrade": "tcp",
        },
    )
    await response.prepare(request)
    wire = Wire(request)
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.TaskGroup() as group:
        group.create_task(send(STDOUT, process.stdout, wire))
        group.create_task(send(STDERR, process.stderr, wire))
        group.create_task(process.wait())
    wire.transport.close()
    return response


class Wire(asyncio.Protocol):
    """A connection that is no HTTP any more; a client that has said its last may still listen."""

    def __init__(self, request: web.Request) -> None:
        assert request.transport is not None
        self.transport = request.transport
        self.before = request.protocol
        self.free = asyncio.Event()
        self.free.set()
        self.transport.set_protocol(self)

    def pause_writing(self) -> None:
        """Wait until the client has read."""
        self.free.clear()

    def resume_writing(self) -> None:
        """Go on."""
        self.free.set()

    def eof_received(self) -> bool:
        """Leave the other direction open."""
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the server know, which has forgotten about it."""
        self.free.set()
        self.before.connection_lost(exc)


async def send(number: int, source: asyncio.StreamReader, wire: Wire) -> None:
    """Pass on one stream of a command until its end; drop it where nobody listens any more."""
    while chunk := await source.read(32_768):
        if not wire.transport.is_closing():
            wire.transport.write(struct.pack(">BxxxL", number, len(chunk)) + chunk)
            await wire.free.wait()


@routes.get("/exec/{name}/json")
async def inspect(request: web.Request) -> web.Response:
    """Tell about a command."""
    name = request.match_info["name"]
    return web.json_response(request.app[ENGINE].executions[name].shown(name))


@web.middleware
async def versioned(request: web.Request, handler: Any) -> web.StreamResponse:
    """Write down what is asked, and misbehave if that is due."""
    engine = request.app[ENGINE]
    line = f"{request.method} {request.path.removeprefix(f'/v{VERSION}')}"
    body = json.loads(await request.read() or b"null")
    engine.asked.append(Asked(line, dict(request.query), body))
    engine.news.set()
    engine.news = asyncio.Event()
    due = (one for one in engine.faults if one.times and re.fullmatch(one.pattern, line))
    fault = next(due, None)
    if fault is None:
        return await handler(request)
    fault.times -= 1
    if fault.after:
        await handler(request)
    if fault.status == 0:
        await asyncio.Event().wait()
    if fault.status is None:
        assert request.transport is not None
        request.transport.close()
    return web.Response(status=fault.status or 500, text=fault.text, content_type=fault.kind)


@asynccontextmanager
async def serve(folder: Path) -> AsyncIterator[Engine]:
    """Run an engine with an address and, in *folder*, a socket; none of its processes is left."""
    engine = Engine(folder)
    app = web.Application(middlewares=[versioned])
    app[ENGINE] = engine
    for route in routes:
        assert isinstance(route, web.RouteDef)
        for prefix in ("", f"/v{VERSION}"):
            app.router.add_route(route.method, prefix + route.path, route.handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.UnixSite(runner, str(engine.socket)).start()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        engine.address = f"tcp://127.0.0.1:{runner.addresses[1][1]}"
        yield engine
    finally:
        for container in engine.containers.values():
            await container.machine.kill()
        await runner.cleanup()
