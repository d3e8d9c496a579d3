"""The wall of containers: one for each session, all of them removed at the end."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

import anyio
import msgspec
from anyio import to_thread

from hermes_run.errors import SandboxError, ungrouped
from hermes_run.sandboxes.docker.address import find_address
from hermes_run.sandboxes.docker.body import TEMPORARY, Person, Plan, Traits, body, person
from hermes_run.sandboxes.docker.engine import Engine, open_engine
from hermes_run.sandboxes.docker.images import Images, check_image
from hermes_run.sandboxes.docker.owner import OWNER, WALL, Owner, is_gone, labels, this_process
from hermes_run.sandboxes.docker.scripts import PROBE, read_probed
from hermes_run.sandboxes.docker.session import Container
from hermes_run.sandboxes.ownership import hand_over
from hermes_run.sandboxes.protocol import Sandbox
from hermes_run.sandboxes.wall import WORKSPACE, Allowance, Site

STARTS = 8
"""How many containers are made at once: more would only make the engine slow to answer."""

SWEEP_S = 60.0
"""How long the removal of what is left may take at the end."""


class Terms(msgspec.Struct, frozen=True):
    """What all containers of a wall have in common; ``wall`` is its name in their labels."""

    traits: Traits
    person: Person
    allowance: Allowance
    image: str | None
    wall: str
    owner: Owner


class DockerWall:
    """Makes a container for each session."""

    name = "docker"

    def __init__(self, engine: Engine, terms: Terms) -> None:
        self._engine = engine
        self._terms = terms
        self.images = Images(engine)
        self._starts = anyio.CapacityLimiter(STARTS)

    def open(self, site: Site) -> AbstractAsyncContextManager[Sandbox]:
        """Open a container for a session, with its workspace in it."""
        return self._open(site)

    @asynccontextmanager
    async def _open(self, site: Site) -> AsyncGenerator[Sandbox]:
        plan = await self._plan(site)
        name = f"hermes-run-{uuid.uuid4().hex[:16]}"
        try:
            await to_thread.run_sync(_prepare, plan)
            container = Container(self._engine, name, plan.person, site)
        except OSError as error:
            raise SandboxError(f"the folders of a session can't be used: {error}") from error
        try:
            async with self._starts:
                await self._start(name, plan)
                await _try_out(container, site)
                await container.meet()
            with ungrouped():
                async with anyio.create_task_group() as group:
                    group.start_soon(container.stand_by)
                    yield container
                    group.cancel_scope.cancel()
        finally:
            await container.close()

    async def _plan(self, site: Site) -> Plan:
        image = check_image(site.image, self._terms.image)
        volumes = await self.images.get(image)
        return Plan(
            image=image,
            person=self._terms.person,
            folder=site.folder.absolute(),
            temporary=site.scratch.absolute() / "tmp",
            labels=labels(self._terms.wall, self._terms.owner),
            marks=site.marks,
            volumes=volumes,
        )

    async def _start(self, name: str, plan: Plan) -> None:
        asked = body(plan, self._terms.traits, self._terms.allowance)
        await self._engine.create(name, asked)
        await self._engine.start(name)


@asynccontextmanager
async def open_wall(allowance: Allowance, image: str | None) -> AsyncGenerator[DockerWall]:
    """Do what :func:`hermes_run.sandboxes.docker.open_docker_wall` promises."""
    async with open_engine(find_address(os.environ, Path.home())) as engine:
        traits = await engine.traits()
        here = this_process()
        if engine.is_here:
            await _remove_orphans(engine, here)
        terms = Terms(
            traits=traits,
            person=person(traits, os.geteuid(), os.getegid()),
            allowance=allowance,
            image=image,
            wall=uuid.uuid4().hex,
            owner=here,
        )
        wall = DockerWall(engine, terms)
        if image is not None:
            # A pull takes longer than anybody wants to wait for the first session to open.
            await wall.images.get(check_image(None, image))
        try:
            yield wall
        finally:
            await _sweep(engine, terms.wall)


async def _remove_orphans(engine: Engine, here: Owner) -> None:
    """Remove the containers of runs whose process is gone."""
    for name, found in (await engine.labelled(OWNER)).items():
        if is_gone(found.get(OWNER), here):
            with suppress(SandboxError):  # somebody else's, and in nobody's way
                await engine.remove(name)


async def _sweep(engine: Engine, wall: str) -> None:
    """Remove what is left of a wall; what can't be removed now, the next run removes."""
    with anyio.move_on_after(SWEEP_S, shield=True), suppress(SandboxError):
        for name in await engine.labelled(f"{WALL}={wall}"):
            await engine.remove(name)


def _prepare(plan: Plan) -> None:
    """Make the temporary folder, and give both to whoever runs commands."""
    plan.temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
    if plan.person.owner is not None:
        for folder in (plan.folder, plan.temporary):
            hand_over(str(folder), plan.person.owner)


async def _try_out(container: Container, site: Site) -> None:
    """See that a container is one that commands can run in, on the very folders of its session.

    Raises:
        SandboxError: it is not; it says what may be the reason.
    """
    sign = f".seen-{uuid.uuid4().hex}"
    said = await container.ask(PROBE, WORKSPACE, TEMPORARY, sign)
    probed = read_probed(said.line)
    if probed is None:
        text = said.line.decode("utf-8", "replace")
        raise SandboxError(f"no command can be run in this image: {text or said.code}")
    try:
        (site.scratch / "tmp" / sign).unlink()
    except OSError as error:
        raise SandboxError(
            f"the container engine does not see the folder {site.scratch}: it must be on this "
            "machine, and folders may have to be shared with it (in Docker Desktop: Settings, "
            "Resources, File sharing)"
        ) from error
    if not probed.writable:
        raise SandboxError(f"commands in a container can't write to the workspace {site.folder}")
    container.shell = probed.shell
