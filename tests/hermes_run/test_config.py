"""Settings that can't be meant are refused before anything is done."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import pytest

from hermes_run.config import Settings, check, option
from hermes_run.errors import UsageError

NUMBERS = tuple(one.name for one in fields(Settings) if "float" in str(one.type))


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [math.nan, -1.0, -math.inf])
def test_a_number_that_bounds_nothing_is_refused(name: str, value: float):
    """Each setting that is a number of seconds, dollars or requests."""
    given: dict[str, Any] = {name: value}
    with pytest.raises(UsageError, match=rf"^{option(name)} must be .*, not {value}$"):
        check(Settings(model="simulated", **given))


@pytest.mark.parametrize("size", [999, 0, -5])
def test_an_output_that_says_nothing_is_refused(size: int):
    """Less than the head and tail of an error is of no use to a model."""
    with pytest.raises(UsageError, match=f"^--tool-output must be 1000 or more, not {size}: "):
        check(Settings(model="simulated", tool_output=size))
    check(Settings(model="simulated", tool_output=1_000))


def test_the_settings_that_nobody_gave_are_none_of_them():
    """What is not bounded may stay so."""
    check(Settings(model="simulated"))
    assert {"deadline", "max_cost_usd", "rpm", "drain_timeout"} <= set(NUMBERS)
