"""Attacks run as every user there is to run them as."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import pytest

from tests.redteam.guards import Guards, open_guards, sh
from tests.redteam.prison import Prison, open_prison

NOBODY = 65534

Tried: TypeAlias = Callable[[Mapping[str, str]], Mapping[str, Any]]
"""Gives the results of commands by the names of the attacks."""


def wall() -> str:
    """Name the wall that is attacked; HERMES_RUN_REDTEAM_SANDBOX names another one than bwrap."""
    name = os.environ.get("HERMES_RUN_REDTEAM_SANDBOX", "bwrap")
    if name == "none":
        pytest.exit("bombs and kills without a wall would hit this machine")
    return name


@pytest.fixture(scope="session", params=["as_root", "as_an_ordinary_user"])
def guards(request: pytest.FixtureRequest) -> Iterator[Guards]:
    """Start the process that attacks are run by."""
    is_root = os.geteuid() == 0
    if request.param == "as_root" and not is_root:
        pytest.skip("needs the root user")
    user = NOBODY if is_root and request.param != "as_root" else None
    with open_guards(user) as opened:
        yield opened


@pytest.fixture
def prison(guards: Guards) -> Iterator[Prison]:
    """Lay out what the attack may not reach."""
    with open_prison(guards, {"sandbox": wall()}) as opened:
        yield opened


@pytest.fixture(scope="session")
def tried(guards: Guards) -> Tried:
    """Give what makes many attempts in one session, each in a process of its own, and only once."""
    known: dict[str, dict[str, Any]] = {}

    def results(commands: Mapping[str, str]) -> dict[str, Any]:
        if not commands.keys() <= known.keys():
            with open_prison(guards, {"sandbox": wall()}) as opened:
                done = opened.run(*map(sh, commands.values()))
            assert done.outcome == "completed", done
            known.update(zip(commands, done.results, strict=True))
        return known

    return results


@pytest.fixture(scope="session")
def ordinary_guards() -> Iterator[Guards]:
    """Start the process that runs what needs no wall, as an ordinary user."""
    with open_guards(NOBODY if os.geteuid() == 0 else None) as opened:
        yield opened


@pytest.fixture
def open_field(ordinary_guards: Guards) -> Iterator[Prison]:
    """Lay out the same for an attack that no wall keeps from it."""
    with open_prison(ordinary_guards, {"sandbox": "none"}) as opened:
        yield opened
