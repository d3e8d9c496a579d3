"""Code that no command line can hold."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("size", [100_000, 900_000])
async def test_code_that_is_longer_than_a_command_line_is_run(use, size):
    """Whatever stands in it, and also where it begins an interpreter."""
    text = "it's \u00e9 {} \\\\ %s " * (size // 19)
    code = f"text = {text!r}\nlen(text)"
    for _ in range(2):
        assert (await use("python", code=code)).content == f"{len(text)}\n"
    assert (await use("python", code="text[-5:]")).content == f"{text[-5:]!r}\n"


async def test_code_that_is_too_long_for_anything_says_so(use):
    """With its own size."""
    output = await use("python", code="#" * 1_000_001)
    assert output.status == "error"
    assert "The code was not run: it has 1,000,001 bytes" in output.content
