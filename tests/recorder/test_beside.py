"""A task beside a block."""

from __future__ import annotations

import anyio
import pytest

from recorder.beside import beside


async def nothing():
    """Do nothing."""
    await anyio.lowlevel.checkpoint()


async def test_what_the_block_raises_comes_out_as_it_is():
    """No group is put around it."""
    with pytest.raises(ValueError, match="mine"):
        async with beside(nothing):
            raise ValueError("mine")
