"""A run that is cancelled at any await of it: the record is sound, no process is left, it goes on.

Tasks are created so that each suspension of each task of the run is counted, and the run is
cancelled at one of them. They are tried one after the other, until a run ends undisturbed.
"""

from __future__ import annotations

import os
import shutil

import anyio
import pytest

from hermes_run.run_json import RUN
from hermes_run.sandboxes.probing import PREFIX
from recorder.run_directory import JOURNAL

STRIDE = int(os.environ.get("HERMES_RUN_CUT_STRIDE", "6"))
"""Every how many suspensions one is tried, 1 for all of them; a run has less than 200."""

WAYS = [
    pytest.param("group", range(1, 1000, STRIDE), id="group"),
    pytest.param("event", range(2, 1000, STRIDE), id="event"),
]
BEHIND = [
    pytest.param("group", "none", range(1, 1000, STRIDE), id="group"),
    pytest.param("event", "none", range(2, 1000, STRIDE), id="event"),
    pytest.param("group", "auto", range(3, 1000, 4 * STRIDE), id="behind a wall"),
]


@pytest.mark.parametrize(("sync", "wall", "places"), BEHIND)
async def test_a_run_that_is_cancelled_anywhere_goes_on(stage, cut, sync, wall, places):
    """Whoever embeds a run may cancel it whole, at any moment, also while it opens and closes."""
    here = stage(sync, wall)

    async def embed(suspensions):
        with anyio.CancelScope() as everything:
            suspensions.happens = everything.cancel
            async with here.opened() as run:
                await run.finish()
        suspensions.happens = None

    for at in places:
        async with cut(at) as suspensions, anyio.create_task_group() as tasks:
            tasks.start_soon(embed, suspensions)
        if (here.directory / RUN).exists():
            await here.completes()
        else:
            assert not (here.directory / JOURNAL).exists() or not here.sound().sessions
        assert list(here.directory.parent.glob(f"{PREFIX}*")) == []
        if not suspensions.reached:
            return
        shutil.rmtree(here.directory, ignore_errors=True)
    pytest.fail("it never came to its end")


@pytest.mark.parametrize(("sync", "wall", "places"), BEHIND)
async def test_a_run_that_is_told_to_stop_anywhere_goes_on(stage, cut, sync, wall, places):
    """Its sessions have their ends, its sum balances, and it is not cancelled itself."""
    here = stage(sync, wall)

    async def stop(suspensions):
        async with here.opened() as run:

            def give_up() -> None:
                run.brake.pull("signal", "told to stop")
                run.cancel()

            suspensions.happens = give_up
            report = await run.finish()
            suspensions.happens = None
        assert report.balanced

    for at in places:
        async with cut(at) as suspensions, anyio.create_task_group() as tasks:
            tasks.start_soon(stop, suspensions)
        assert all(session.ended for session in here.sound().sessions.values())
        await here.completes()
        if not suspensions.reached:
            return
        shutil.rmtree(here.directory)
    pytest.fail("it never came to its end")


@pytest.mark.parametrize(("sync", "places"), WAYS)
async def test_going_on_may_be_cancelled_anywhere_too(tmp_path, stage, crashed, cut, sync, places):
    """A run that crashed, went on and was cancelled goes on once more."""
    here, image = stage(sync), tmp_path / "image"
    await crashed(here, image)
    shutil.rmtree(here.directory)

    async def resume(suspensions):
        with anyio.CancelScope() as everything:
            suspensions.happens = everything.cancel
            async with here.reopened() as run:
                await run.finish()
        suspensions.happens = None

    for at in places:
        # What a machine was told by has nobody at its other end any more.
        without = shutil.ignore_patterns("control")
        shutil.copytree(image, here.directory, ignore=without)
        async with cut(at) as suspensions, anyio.create_task_group() as tasks:
            tasks.start_soon(resume, suspensions)
        assert 0 not in here.model.asked
        await here.completes()
        if not suspensions.reached:
            return
        shutil.rmtree(here.directory)
    pytest.fail("it never came to its end")
