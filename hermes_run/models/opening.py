"""Open where a run's replies come from: the embedded model, or endpoints that answer."""

from __future__ import annotations

import math
import os
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from urllib.parse import urlsplit

import anyio
import openai

from hermes_run.brake import Brake
from hermes_run.config import SIMULATED, Settings
from hermes_run.errors import EndpointError, UsageError
from hermes_run.failure import Failure
from hermes_run.models.chat import Endpoint, open_chat
from hermes_run.models.connect import address_of, new_client
from hermes_run.models.raised import failure_of, without
from hermes_run.models.scripted import Scripted
from hermes_run.models.secret import secrets_of
from hermes_run.models.simulated.server import serve
from hermes_run.models.source import Source
from hermes_run.models.throttled import Way, open_throttled
from hermes_run.targets import NAME_OF_KEY, Target, read_targets
from hermes_run.throttle.gate import Gate
from hermes_run.throttle.lane import Terms
from hermes_run.throttle.notices import Notices

_REACH_S = 10.0
NO_KEY = (
    "the endpoint needs a key: set OPENAI_API_KEY, or name your own server with "
    "--base-url http://127.0.0.1:8000/v1"
)


@asynccontextmanager
async def open_source(settings: Settings) -> AsyncGenerator[Source]:
    """Open what *settings* names; of several endpoints some may be left out, with a warning.

    Raises:
        UsageError: there is no key.
        EndpointError: nobody answers at the address, or the key is refused.
    """
    brake = Brake()
    async with AsyncExitStack() as stack:
        targets = await _open_targets(stack, settings)
        names = names_of(targets, settings)
        endpoints = [endpoint_of(target, settings) for target in targets]
        gate = Gate(
            [_terms(*one, settings) for one in zip(names, targets, strict=True)],
            brake,
            anyio.current_time(),
            settings.seed,
            settings.outage_timeout or math.inf,
        )
        with _needing_a_key():
            warnings = await _try_all(endpoints, gate)
            ways = await _open_ways(stack, endpoints, targets)
        model = await stack.enter_async_context(open_throttled(ways, gate, brake))
        named = settings.model or "", provider_of(settings)
        yield Source(model, *named, brake, model.door, warnings)


@asynccontextmanager
async def open_ways(settings: Settings) -> AsyncGenerator[tuple[Way, ...]]:
    """Open the clients of what *settings* names, without asking whether anybody answers.

    Raises:
        UsageError: there is no key.
    """
    async with AsyncExitStack() as stack:
        targets = await _open_targets(stack, settings)
        endpoints = [endpoint_of(target, settings) for target in targets]
        with _needing_a_key():
            ways = await _open_ways(stack, endpoints, targets)
        yield ways


async def _open_targets(stack: AsyncExitStack, settings: Settings) -> tuple[Target, ...]:
    """Give the endpoints that *settings* name; the embedded model is served in here."""
    if settings.model == SIMULATED:
        return (Target(base_url=await stack.enter_async_context(serve())),)
    return targets_of(settings)


async def _open_ways(
    stack: AsyncExitStack, endpoints: Sequence[Endpoint], targets: Sequence[Target]
) -> tuple[Way, ...]:
    return tuple(
        [
            Way(await stack.enter_async_context(open_chat(one)), one.notices, target.model)
            for one, target in zip(endpoints, targets, strict=True)
        ]
    )


@contextmanager
def _needing_a_key() -> Generator[None]:
    """Say what to type where the SDK misses a key."""
    try:
        yield
    except openai.OpenAIError as error:
        raise UsageError(NO_KEY) from error


def unasked(settings: Settings) -> Source:
    """Give what *settings* names to a run that has nothing left to ask, so nobody must be there."""
    return Source(Scripted(()), settings.model or "", provider_of(settings))


def targets_of(settings: Settings) -> tuple[Target, ...]:
    """Give the endpoints that *settings* name."""
    return read_targets(settings.base_url, settings.endpoints)


def provider_of(settings: Settings) -> str:
    """Name who answers to *settings*."""
    if settings.model == SIMULATED:
        return SIMULATED
    return ", ".join(names_of(targets_of(settings), settings))


def names_of(targets: Sequence[Target], settings: Settings) -> list[str]:
    """Name each endpoint by its host and port, or by more where that is no name of its own."""
    addresses = [address_of(Endpoint(one.base_url, settings.api_key)) for one in targets]
    hosts = [urlsplit(address).netloc for address in addresses]
    whole = [
        f"{address} {target.model or ''}".rstrip()
        for address, target in zip(addresses, targets, strict=True)
    ]
    return [
        host if hosts.count(host) == 1 else name for host, name in zip(hosts, whole, strict=True)
    ]


def _terms(name: str, target: Target, settings: Settings) -> Terms:
    return Terms(
        name=name,
        most=settings.max_connections or settings.concurrency,
        weight=target.weight,
        rpm=target.rpm or settings.rpm,
        tpm=target.tpm or settings.tpm,
        patience_s=settings.patience,
    )


def endpoint_of(target: Target, settings: Settings) -> Endpoint:
    """Give an endpoint with what *settings* say of all of them.

    Raises:
        UsageError: its key is in a variable that is not set.
    """
    return Endpoint(
        base_url=target.base_url,
        api_key=_key(target, settings),
        connections=settings.max_connections or settings.concurrency,
        stream=settings.stream,
        client=settings.client,
        capture=settings.capture_tokens,
        first_token_s=settings.first_token_timeout,
        silence_s=settings.silence_timeout,
        attempt_s=settings.attempt_timeout,
        notices=Notices(),
    )


def _key(target: Target, settings: Settings) -> str | None:
    """Find the key of an endpoint.

    Raises:
        UsageError: the variable that should hold it is not set.
    """
    if settings.model == SIMULATED:
        return SIMULATED
    if target.api_key is None:
        return settings.api_key or _key_of(target.base_url)
    if key := os.environ.get(target.api_key):
        return key
    if target.api_key != target.api_key.upper():  # keys can look like names, as hf_aBc: say none
        raise UsageError(f"{NAME_OF_KEY} (no variable of the name that was given is set)")
    raise UsageError(
        f"[[endpoints]]: {target.base_url} wants its key from the variable {target.api_key}, "
        "which is not set"
    )


async def _try_all(endpoints: Sequence[Endpoint], gate: Gate) -> tuple[str, ...]:
    """Find out which of *endpoints* can be used, and leave the others out; says which those are.

    Raises:
        EndpointError: none can be; this is why the first can't.
        openai.OpenAIError: there is no key.
    """
    errors: dict[int, EndpointError] = {}
    for place, endpoint in enumerate(endpoints):
        try:
            await reach(endpoint)
        except EndpointError as error:
            errors[place] = error
    if len(errors) == len(endpoints):
        raise errors[0]
    return tuple(
        gate.leave_out(place, error.failure, anyio.current_time())
        for place, error in errors.items()
    )


async def reach(endpoint: Endpoint) -> None:
    """Find out whether anybody answers at *endpoint* and takes the key; costs no token.

    An endpoint that does not list its models is not asked to; one that is slow is left alone.

    Raises:
        EndpointError: nobody answers, or the key is refused.
        openai.OpenAIError: there is no key.
    """
    client, secrets = new_client(endpoint, _REACH_S), secrets_of(endpoint)
    async with client:
        try:
            await client.get("/models", cast_to=object)
        except openai.AuthenticationError as error:
            failure = failure_of(error, time.time(), begun=False, secrets=secrets)
            raise EndpointError(failure) from error
        except openai.APITimeoutError:
            return
        except openai.APIConnectionError as error:
            cause = error.__cause__ or error
            text = f"nobody answers at {client.base_url}: {cause}"
            failure = without(Failure(kind="connection", error=text), secrets)
            raise EndpointError(failure) from error
        except openai.APIError:
            return


def _key_of(base_url: str | None) -> str | None:
    """A server of one's own mostly wants no key, but the SDK insists on one."""
    host = urlsplit(base_url or "").hostname or ""
    return "none" if host in ("localhost", "127.0.0.1", "::1") else None
