"""The server: OpenAI's protocol, as the openai SDK and a plain client see it."""

from __future__ import annotations

import json
import socket

import aiohttp
import anyio
import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError

from hermes_run.errors import UsageError
from hermes_run.models.simulated.server import serve

COUNT = [{"role": "user", "content": "How many words do a.txt and b.txt have? Write it to n.txt."}]
HELLO = [{"role": "user", "content": "Hello, what is love?"}]


@pytest.fixture
async def sdk(url):
    """Connect the openai SDK to the server."""
    async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
async def http():
    """Connect a plain HTTP client."""
    async with aiohttp.ClientSession() as session:
        yield session


async def events(http, url, body) -> list:
    """Read the events of a stream; the last is the text `[DONE]`."""
    async with http.post(f"{url}/chat/completions", json={**body, "stream": True}) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        lines = (await response.read()).decode().split("\n\n")
    assert lines.pop() == ""
    texts = [line.removeprefix("data: ") for line in lines]
    return [*map(json.loads, texts[:-1]), texts[-1]]


def joined(chunks) -> dict:
    """Put the deltas of a stream together into a message."""
    message: dict = {"role": "assistant", "content": "", "reasoning_content": ""}
    calls: list[dict] = []
    for delta in (chunk["choices"][0]["delta"] for chunk in chunks):
        for key in ("content", "reasoning_content"):
            message[key] += delta.get(key) or ""
        for part in delta.get("tool_calls", []):
            if part["index"] == len(calls):
                function = {"name": part["function"]["name"], "arguments": ""}
                calls.append({"id": part["id"], "type": "function", "function": function})
            calls[part["index"]]["function"]["arguments"] += part["function"]["arguments"]
    return {**message, "tool_calls": calls}


async def test_the_models_endpoint_names_the_one_model_there_is(sdk):
    """`GET /v1/models` lists `simulated`."""
    assert [model.id async for model in sdk.models.list()] == ["simulated"]


@pytest.mark.parametrize("messages", [COUNT, HELLO])
async def test_a_stream_and_a_single_object_hold_the_same_message(http, url, tools, messages):
    """Reasoning, text, calls, ids, finish reason and usage agree."""
    body = {"model": "simulated", "messages": messages, "tools": tools}
    async with http.post(f"{url}/chat/completions", json=body) as response:
        whole = await response.json()
    *chunks, last, usage, done = await events(
        http, url, {**body, "stream_options": {"include_usage": True}}
    )
    message = whole["choices"][0]["message"]
    streamed = joined(chunks)
    assert streamed["reasoning_content"] == message["reasoning_content"] != ""
    assert streamed["content"] == (message["content"] or "")
    assert streamed["tool_calls"] == message.get("tool_calls", [])
    assert last["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"]
    assert (usage["usage"], usage["choices"]) == (whole["usage"], [])
    assert {chunk["id"] for chunk in (*chunks, last, usage)} == {whole["id"]}
    assert {chunk["model"] for chunk in (*chunks, last, usage)} == {"simulated"}
    assert done == "[DONE]"


async def test_a_stream_comes_in_the_order_and_the_pieces_of_a_hosted_model(http, url, tools):
    """First the role, then reasoning, then each call: its name, then its arguments in pieces."""
    chunks = await events(http, url, {"messages": COUNT, "tools": tools})
    assert chunks.pop() == "[DONE]"
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert deltas[-1] == {}
    kinds = [
        "reasoning_content" if "reasoning_content" in d else "tool_calls" for d in deltas[1:-1]
    ]
    assert kinds == sorted(kinds)
    assert kinds.count("reasoning_content") > 1
    parts = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    named = [part["index"] for part in parts if "name" in part["function"]]
    assert named == [0, 1]
    assert all(part["function"]["arguments"] == "" for part in parts if "id" in part)
    assert [part["index"] for part in parts].count(0) > 2
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks][-2:] == [None, "tool_calls"]


async def test_usage_comes_in_a_stream_only_when_asked_for(http, url):
    """Without `stream_options` every chunk has a choice and none has usage."""
    chunks = await events(http, url, {"messages": HELLO})
    assert all(chunk["choices"] and "usage" not in chunk for chunk in chunks[:-1])
    chunks = await events(http, url, {"messages": HELLO, "stream_options": {}})
    assert all("usage" not in chunk for chunk in chunks[:-1])


async def test_the_openai_sdk_reads_both_kinds_of_reply(sdk, tools):
    """The SDK's own accumulation of a stream gives what its single object gives."""
    asked = {"model": "simulated", "messages": COUNT, "tools": tools}
    whole = await sdk.chat.completions.create(**asked)
    async with sdk.chat.completions.stream(**asked) as stream:
        async for _ in stream:
            pass
        streamed = await stream.get_final_completion()
    calls = [call.function for call in whole.choices[0].message.tool_calls]
    assert [call.name for call in calls] == ["terminal", "terminal"]
    assert json.loads(calls[0].arguments) == {"command": "wc -w < a.txt"}
    found = streamed.choices[0].message.tool_calls
    assert [call.function.arguments for call in found] == [call.arguments for call in calls]
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens


async def test_usage_grows_with_the_history_and_the_cache_holds_what_was_sent_before(sdk, tools):
    """Input is more than the prompt before it, and at most that prompt is cached."""
    first = await sdk.chat.completions.create(model="simulated", messages=COUNT, tools=tools)
    reply = first.choices[0].message.model_dump(exclude_none=True)
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": '{"output":"7","exit_code":0}'}
        for call in reply["tool_calls"]
    ]
    second = await sdk.chat.completions.create(
        model="simulated", messages=[*COUNT, reply, *results], tools=tools
    )
    assert first.usage.prompt_tokens_details.cached_tokens == 0
    cached = second.usage.prompt_tokens_details.cached_tokens
    assert 0 < cached <= first.usage.prompt_tokens < second.usage.prompt_tokens
    assert second.usage.completion_tokens_details.reasoning_tokens > 0
    assert second.usage.completion_tokens_details.reasoning_tokens < second.usage.completion_tokens


async def test_the_same_request_gets_the_same_reply(http, url, tools):
    """Nothing but the time it was created differs."""
    replies = []
    for _ in range(2):
        body = {"messages": COUNT, "tools": tools}
        async with http.post(f"{url}/chat/completions", json=body) as response:
            replies.append({**await response.json(), "created": 0})
    assert replies[0] == replies[1]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff{}",
        b'{"messages": []}',
        b'{"messages": "hello"}',
        b'{"messages": [{"content": "no role"}]}',
        b'{"messages": [{"role": "user", "content": "x"}], "tools": [{"name": "no function"}]}',
        b"[" * 100_000,
    ],
)
async def test_what_is_no_request_is_refused_in_the_words_of_the_api(http, url, body):
    """The status is 400 and the error says what is wrong."""
    async with http.post(f"{url}/chat/completions", data=body) as response:
        assert response.status == 400
        error = (await response.json())["error"]
    assert error["message"].startswith("This is not a chat completion request")
    assert error["type"] == "invalid_request_error"


async def test_the_openai_sdk_knows_the_errors_for_what_they_are(sdk):
    """400 and 404 become the SDK's own classes, with the message in them."""
    with pytest.raises(BadRequestError, match="messages is empty"):
        await sdk.chat.completions.create(model="simulated", messages=[])
    with pytest.raises(NotFoundError, match="no POST /v1/embeddings here"):
        await sdk.embeddings.create(model="simulated", input="x")


async def test_half_a_surrogate_pair_in_a_tool_result_does_no_harm(http, url):
    """What json can write is read, though it is not Unicode."""
    body = b'{"messages": [{"role": "user", "content": "\\ud800 hi"}], "stream": true}'
    async with http.post(f"{url}/chat/completions", data=body) as response:
        assert response.status == 200
        assert (await response.read()).endswith(b"data: [DONE]\n\n")


async def test_a_client_that_leaves_in_the_middle_leaves_the_server_alone(url, http):
    """After a reset connection the next request is answered."""
    address = url.removeprefix("http://").removesuffix("/v1").split(":")
    content = json.dumps({"messages": HELLO * 2000, "stream": True}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    async with await anyio.connect_tcp(address[0], int(address[1])) as stream:
        await stream.send(head.encode() + content)
    async with http.get(f"{url}/models") as response:
        assert response.status == 200


async def test_a_port_that_is_taken_is_a_clear_error():
    """The error names the address and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"127.0.0.1 port {port}.*Name another port"):
            async with serve(port=port):
                pass


async def test_a_port_that_is_none_is_a_clear_error():
    """A number beyond 65535 is refused like a port that is taken."""
    with pytest.raises(UsageError, match="port 70000"):
        async with serve(port=70000):
            pass


async def test_a_reply_waits_for_the_latency_that_was_set(http):
    """With a latency no reply has come while the client still waits for a shorter time."""
    async with serve(latency_s=60) as url:
        with anyio.move_on_after(0.05) as waited:
            async with http.post(f"{url}/chat/completions", json={"messages": HELLO}):
                pass
        assert waited.cancelled_caught


async def test_hundreds_of_requests_at_once_are_all_answered(url):
    """512 connections are taken at the same time."""
    replies: list[int] = []

    async def ask(http) -> None:
        async with http.post(f"{url}/chat/completions", json={"messages": HELLO}) as response:
            await response.read()
            replies.append(response.status)

    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        anyio.create_task_group() as all_,
    ):
        for _ in range(512):
            all_.start_soon(ask, http)
    assert replies == [200] * 512
