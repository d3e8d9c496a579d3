"""What is wrong with an endpoint's settings is said before anything is asked."""

from __future__ import annotations

import openai
import pytest

from hermes_run.errors import UsageError
from hermes_run.models.chat import Endpoint, open_chat


async def test_a_missing_key_is_said_before_anything_is_asked(monkeypatch):
    """The SDK looks into the environment."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(openai.OpenAIError, match="OPENAI_API_KEY"):
        async with open_chat(Endpoint("http://127.0.0.1:1/v1")):
            pass


@pytest.mark.parametrize("key", ["sk-1\n", "schlüssel"])
async def test_a_key_that_no_header_can_hold_is_refused(key):
    """A line end at the end of a key is a file that was read."""
    with pytest.raises(UsageError, match="OPENAI_API_KEY"):
        async with open_chat(Endpoint("http://127.0.0.1:1/v1", key)):
            pass


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://x/v1", "http://", "http://[::1"])
async def test_an_address_that_is_none_is_refused(url):
    """The error shows one that is."""
    with pytest.raises(UsageError, match=r"http://127\.0\.0\.1:8000/v1"):
        async with open_chat(Endpoint(url, "key")):
            pass
