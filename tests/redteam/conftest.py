"""Attacks run as every user there is to run them as."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.redteam.prison import Guards, Prison, open_guards, open_prison

NOBODY = 65534


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
    """Lay out what the attack may not reach; HERMES_RUN_REDTEAM_SANDBOX names another wall."""
    wall = os.environ.get("HERMES_RUN_REDTEAM_SANDBOX", "bwrap")
    with open_prison(guards, {"sandbox": wall}) as opened:
        yield opened
