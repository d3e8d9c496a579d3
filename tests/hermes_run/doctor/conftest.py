"""An endpoint of many kinds, examined."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest

from hermes_run.config import Settings
from hermes_run.doctor.examine import examine
from hermes_run.doctor.judge import judge
from hermes_run.doctor.table import Diagnosis
from hermes_run.models.opening import endpoint_of, targets_of

Diagnose: TypeAlias = Callable[..., Awaitable[Diagnosis]]


@pytest.fixture
def diagnose(misbehaving) -> Diagnose:
    """Examine the endpoint as a model, a way to list models, and settings."""

    async def run(model: str, listing: str = "plain", url: str = "", **options: Any) -> Diagnosis:
        address = url or misbehaving.listing(listing)
        settings = Settings(model=model, base_url=(address,), api_key="key", **options)
        (target,) = targets_of(settings)
        endpoint = endpoint_of(target, settings)
        evidence = await examine("here", model, endpoint, settings)
        return Diagnosis(evidence, judge(evidence))

    return run
