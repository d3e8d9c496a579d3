"""The brake is pulled once."""

from __future__ import annotations

from hermes_run.brake import Brake


async def test_the_first_pull_gives_the_cause_and_a_second_changes_nothing():
    """A signal that follows a broken endpoint does not hide it."""
    brake = Brake()
    assert not brake.pulled
    brake.pull("endpoint", "no key")
    brake.pull("signal", "interrupted")
    await brake.wait()
    assert (brake.pulled, brake.cause, brake.reason) == (True, "endpoint", "no key")
