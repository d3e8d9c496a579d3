"""A key that a server repeats in its error stands nowhere afterwards."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from hermes_run.errors import EndpointError
from hermes_run.models.chat import Endpoint, open_chat
from hermes_run.models.opening import reach
from hermes_run.models.probe import open_probe
from hermes_run.models.protocol import Request
from hermes_run.models.secret import secrets_of

KEY = "sk-mine-0123456789abcdef"
SAID: dict[str, Any] = {
    "message": {"error": {"message": f"Incorrect API key provided: {KEY}"}},
    "at-the-cut": {"error": {"message": "x" * 490 + KEY}},
    "behind": {"error": {"message": "no", "metadata": {"raw": "x" * 480 + KEY}}},
    "object": {"why": {"given": KEY}},
    "text": f"<p>no such key: {KEY}",
}


async def refuse(request: web.Request) -> web.Response:
    """Refuse, as the first part of the path says: with a status, or inside an answer."""
    said = SAID[request.match_info["said"]]
    how = request.match_info["how"]
    text = said if isinstance(said, str) else json.dumps(said)
    body = f"data: {text}\n\n" if how == "stream" else text
    kind = "text/event-stream" if how == "stream" else "application/json"
    status = 401 if how == "status" else 200
    headers = {"X-Request-Id": f"of-{KEY}"}
    return web.Response(text=body, status=status, content_type=kind, headers=headers)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """Run the server beside the test."""
    app = web.Application()
    app.router.add_route("*", "/{how}/{said}/{rest:.*}", refuse)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("how", ["status", "stream", "document"])
@pytest.mark.parametrize("client", ["fast", "sdk"])
async def test_a_key_in_an_error_is_masked_before_it_is_cut(url: str, client: Any, how: str, said):
    """Whatever shape the error has, and also where a header repeats it."""
    endpoint = Endpoint(f"{url}/{how}/{said}", KEY, client=client, stream=how != "document")
    async with open_chat(endpoint) as model:
        with pytest.raises(EndpointError) as caught:
            await model.reply(Request("m", (b'{"role":"user","content":"hi"}',)))
    failure = caught.value.failure
    assert "sk-mine" not in f"{failure} {caught.value}"
    assert failure.request_id == "of-***"
    assert "***" in failure.error or failure.error.startswith("not JSON: Expecting value")


@pytest.mark.parametrize("said", SAID)
async def test_a_key_refused_before_the_run_and_by_the_doctor_is_masked(url: str, said: str):
    """Both ask for the list of models."""
    endpoint = Endpoint(f"{url}/status/{said}", KEY)
    with pytest.raises(EndpointError) as caught:
        await reach(endpoint)
    async with open_probe(endpoint) as probe:
        listed = await probe.models()
    for failure in (caught.value.failure, listed.failure):
        assert failure
        assert (failure.kind, failure.status) == ("key", 401)
        assert "***" in failure.error
        assert "sk-mine" not in str(failure)


def test_keys_of_variables_count_and_words_do_not(monkeypatch: pytest.MonkeyPatch):
    """The SDK takes keys from variables by itself; a short one is a part of other words."""
    for name in ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", 'from-a-"variable" ')
    assert secrets_of(Endpoint(api_key="none")) == ('from-a-\\"variable\\"', 'from-a-"variable"')
    monkeypatch.setenv("OPENAI_API_KEY", "1234567")
    assert secrets_of(Endpoint(api_key="simulated")) == ()
