"""HttpProvider over real sockets: cancelling, idle connections, time limits, retries."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from pathlib import Path

import pytest

from tests.support.asking import GENERATE, collect, endpoint, generation, text_of
from tests.support.fake_server import (
    CUT,
    HANG,
    FakeServer,
    Reply,
    bounded,
    json_reply,
    ollama_stream,
    sse,
)
from twinny_lsp import errors
from twinny_lsp.exchange import (
    Finish,
    Piece,
    Usage,
)
from twinny_lsp.providers.base import State
from twinny_lsp.providers.endpoint import KeySource, Timeouts
from twinny_lsp.providers.http import HttpProvider, Pace

# -- cancelling -------------------------------------------------------------------------------------


async def test_closing_a_stream_closes_its_socket(server: FakeServer, provider: HttpProvider) -> None:
    server.on("POST", GENERATE, ollama_stream(["a", HANG]))
    stream = provider.stream(generation())
    assert await bounded(anext(stream)) == Piece("a")
    request = await server.request(0)
    assert not request.closed.is_set()
    await stream.aclose()
    await bounded(request.closed.wait())


async def test_closing_the_provider_ends_a_stream_under_way(
    server: FakeServer, provider: HttpProvider
) -> None:
    server.on("POST", GENERATE, ollama_stream(["a", HANG]))
    stream = provider.stream(generation())
    assert await bounded(anext(stream)) == Piece("a")
    more = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    await provider.close()
    with pytest.raises(errors.Interrupted):
        await bounded(more)
    await bounded((await server.request(0)).closed.wait())


async def test_a_closed_provider_opens_nothing_again(server: FakeServer, provider: HttpProvider) -> None:
    """The retry on a fresh connection would open a session that nobody closes."""
    server.on("POST", GENERATE, ollama_stream(["a"]), Reply(head=HANG))
    await collect(provider)
    waiting = asyncio.ensure_future(anext(provider.stream(generation())))
    assert (await server.request(1)).connection == 0, "an idle connection is used again"
    await provider.close()
    with pytest.raises(errors.Interrupted, match="settings have changed"):
        await bounded(waiting)
    with pytest.raises(errors.Interrupted, match="settings have changed"):
        await bounded(anext(provider.stream(generation())))
    assert len(server.requests) == 2


async def test_cancelling_closes_the_socket_in_mid_answer(server: FakeServer, provider: HttpProvider) -> None:
    server.on("POST", GENERATE, ollama_stream(["a", HANG]))
    first = asyncio.Event()

    async def read() -> None:
        async for _ in provider.stream(generation()):
            first.set()

    task = asyncio.create_task(read())
    await bounded(first.wait())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await bounded((await server.request(0)).closed.wait())


@pytest.mark.parametrize("gate", ["headers", "first byte"])
async def test_cancelling_closes_the_socket_while_nothing_has_come(
    server: FakeServer, provider: HttpProvider, gate: str
) -> None:
    reply = Reply(head=HANG) if gate == "headers" else Reply([HANG], content_type="application/x-ndjson")
    server.on("POST", GENERATE, reply)
    task = asyncio.create_task(collect(provider))
    request = await server.request(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await bounded(request.closed.wait())


async def test_cancelling_one_stream_leaves_the_others(server: FakeServer, provider: HttpProvider) -> None:
    gate = asyncio.Event()
    server.on("POST", GENERATE, ollama_stream(["a", gate, "b"]))
    first, second = provider.stream(generation()), provider.stream(generation())
    await bounded(anext(first))
    await bounded(anext(second))
    await first.aclose()
    await bounded((await server.request(0)).closed.wait())
    gate.set()
    async with aclosing(second):
        assert text_of([piece async for piece in second]) == "b"


# -- connections ------------------------------------------------------------------------------------


async def test_a_finished_answer_leaves_its_connection_for_the_next(
    server: FakeServer, provider: HttpProvider
) -> None:
    server.on("POST", GENERATE, ollama_stream(["a"]))
    for _ in range(3):
        assert text_of(await collect(provider)) == "a"
    assert server.connections == 1


async def test_a_reused_connection_that_dies_is_replaced_once(server: FakeServer) -> None:
    server.on("POST", GENERATE, ollama_stream(["a"]), Reply(head=CUT), ollama_stream(["b"]))
    provider = HttpProvider(endpoint(server.url))
    assert text_of(await collect(provider)) == "a"
    assert text_of(await collect(provider)) == "b"
    assert [request.connection for request in server.requests] == [0, 0, 1]
    await provider.close()


async def test_a_new_connection_that_dies_is_not_tried_again(
    server: FakeServer, provider: HttpProvider
) -> None:
    server.on("POST", GENERATE, Reply(head=CUT), ollama_stream(["b"]))
    with pytest.raises(errors.Interrupted):
        await collect(provider)
    assert len(server.requests) == 1


async def test_nothing_is_tried_again_after_text(server: FakeServer, provider: HttpProvider) -> None:
    server.on("POST", GENERATE, ollama_stream(["a"]), ollama_stream(["b", CUT]), ollama_stream(["c"]))
    await collect(provider)
    with pytest.raises(errors.Interrupted):
        await collect(provider)
    assert len(server.requests) == 2


async def test_the_environment_names_no_proxy(
    server: FakeServer, provider: HttpProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setitem(os.environ, "http_proxy", "http://127.0.0.1:9")
    server.on("POST", GENERATE, ollama_stream(["a"]))
    assert text_of(await collect(provider)) == "a"


async def test_key_and_headers_go_along(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-abc")
    server.on("POST", GENERATE, ollama_stream(["a"]))
    made = endpoint(server.url, key=KeySource(env="MY_KEY"), headers={"X-Team": "blue"})
    provider = HttpProvider(made)
    await collect(provider)
    await provider.close()
    headers = server.requests[0].headers
    assert headers["authorization"] == "Bearer sk-abc"
    assert headers["x-team"] == "blue"
    assert headers["content-type"] == "application/json"
    assert "sk-abc" not in repr(provider.endpoint)


async def test_a_key_that_cannot_be_had_is_a_setting_error(server: FakeServer) -> None:
    provider = HttpProvider(endpoint(server.url, key=KeySource(env="NOT_SET_ANYWHERE")))
    with pytest.raises(errors.SettingsError, match="NOT_SET_ANYWHERE"):
        await collect(provider)
    health = await provider.health()
    assert health.state is State.REFUSING
    assert "NOT_SET_ANYWHERE" in health.detail
    assert not server.requests
    await provider.close()


# -- time -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(head=HANG), "took the request but sent nothing"),
        (Reply([HANG], content_type="application/x-ndjson"), "sent nothing"),
        (ollama_stream(["a", HANG]), "stopped sending"),
    ],
    ids=["no headers", "no first byte", "idle"],
)
async def test_time_limits(server: FakeServer, reply: Reply, said: str) -> None:
    provider = HttpProvider(endpoint(server.url, timeouts=Timeouts(0.1, 0.05, 0.05)))
    server.on("POST", GENERATE, reply)
    with pytest.raises(errors.TimedOut, match=said):
        await bounded(collect(provider))
    await bounded(server.requests[0].closed.wait())
    await provider.close()


async def test_pings_keep_a_waiting_stream_alive(server: FakeServer) -> None:
    """llama.cpp sends comments while it reads a long prompt: the limits count from the last byte."""
    steps: list[object] = []
    for _ in range(14):
        steps += [":\n\n", 0.1]
    end = {"content": "", "stop": True, "stop_type": "eos"}
    server.on("POST", "/completion", sse(*steps, {"content": "a", "stop": False}, end, done=False))
    provider = HttpProvider(endpoint(server.url, "llamacpp", timeouts=Timeouts(1.0, 1.0, 1.0)))
    assert text_of(await collect(provider)) == "a"
    await provider.close()


async def test_a_server_that_never_says_done_is_not_waited_for(server: FakeServer) -> None:
    provider = HttpProvider(endpoint(server.url, "vllm"), Pace(grace=0.01))
    server.on("POST", "/v1/completions", sse({"choices": [{"text": "a", "finish_reason": "stop"}]}, HANG))
    pieces = await bounded(collect(provider))
    assert pieces == [Piece("a"), Piece(finish=Finish.STOP)]
    await bounded(server.requests[0].closed.wait())
    await provider.close()


async def test_usage_after_the_finish_is_read(server: FakeServer) -> None:
    provider = HttpProvider(endpoint(server.url, "vllm"), Pace(grace=5.0))
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 5}}
    server.on(
        "POST",
        "/v1/completions",
        sse({"choices": [{"text": "a", "finish_reason": "length"}]}, 0.01, {"choices": [], "usage": usage}),
    )
    pieces = await bounded(collect(provider))
    assert pieces[-1] == Piece(finish=Finish.LENGTH, usage=Usage(7, 2, 5))
    assert server.requests[0].json["stream_options"]["include_usage"] is True
    await provider.close()


async def test_a_key_that_is_refused_is_looked_up_again(server: FakeServer, tmp_path: Path) -> None:
    kept = tmp_path / "key"
    kept.write_text("old")
    provider = HttpProvider(endpoint(server.url, key=KeySource(file=str(kept))))
    server.on("POST", GENERATE, json_reply({"error": "unauthorized"}, 401), ollama_stream(["a"]))
    with pytest.raises(errors.Unauthorized):
        await collect(provider)
    kept.write_text("new")
    assert text_of(await collect(provider)) == "a"
    await provider.close()
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer old", "Bearer new"]
