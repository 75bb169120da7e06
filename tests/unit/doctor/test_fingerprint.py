from __future__ import annotations

import asyncio
import socket
from dataclasses import replace

import pytest

from tests.support.fake_server import HANG, FakeServer, Reply, json_reply, text_reply
from tests.unit.doctor.brands import BRANDS, PAGE, openai_error, openai_list
from twinny_lsp.doctor.fingerprint import identify
from twinny_lsp.providers.presets import PRESETS


@pytest.mark.parametrize("brand", BRANDS)
async def test_each_brand_is_known_by_its_answers(brand: str) -> None:
    async with FakeServer() as server:
        BRANDS[brand](server)
        found = await identify(server.url)
    assert found is not None
    assert (found.brand, found.title) == (brand, PRESETS[brand].title)
    assert not any("authorization" in request.headers for request in server.requests)
    assert {request.method for request in server.requests} == {"GET"}


async def test_a_guarded_oobabooga_is_known_by_the_path_it_guards() -> None:
    async with FakeServer() as server:
        server.on("GET", "/", json_reply({"detail": "Method Not Allowed"}, 405))
        for path in ("/v1/internal/model/info", "/v1/models"):
            server.on("GET", path, json_reply({"detail": "Unauthorized"}, 401))
        found = await identify(server.url)
    assert found is not None
    assert found.brand == "oobabooga"


async def test_a_guarded_llamacpp_is_known_by_what_it_calls_itself() -> None:
    async with FakeServer() as server:
        guarded = openai_error("Invalid API Key", 401, "authentication_error", 401)
        for path in ("/", "/props", "/v1/models"):
            server.on("GET", path, replace(guarded, headers=(("Server", "llama.cpp"),)))
        found = await identify(server.url)
    assert found is not None
    assert found.brand == "llamacpp"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("routes", "brand", "title"),
    [
        ({"/v1/models": openai_list(["a"], "somebody")}, "openai-compatible", "OpenAI API"),
        ({"/v1/models": openai_error("no key", 401)}, "openai-compatible", "OpenAI API"),
        ({"/api/version": json_reply({"version": "0.13.5"})}, "ollama", "Ollama"),
        ({"/": text_reply(PAGE, 200, "text/html")}, "", "another kind of server"),
        ({"/": Reply([PAGE], headers=(("Server", "nginx/1.22"),))}, "", "(nginx/1.22)"),
        ({"/": text_reply("no", 401)}, "", "wants a key"),
        ({}, "", "another kind of server"),
    ],
)
async def test_what_is_no_known_brand(routes: dict[str, Reply], brand: str, title: str) -> None:
    async with FakeServer() as server:
        for path, reply in routes.items():
            server.on("GET", path, reply)
        found = await identify(server.url)
    assert found is not None
    assert found.brand == brand
    assert title in found.title


async def test_nothing_listens() -> None:
    async with FakeServer() as server:
        await server.stop_listening()
        assert await identify(server.url) is None


async def test_a_port_that_takes_no_connection_is_nothing() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]  # they fill the queue, so that the next one waits
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        try:
            assert await identify(f"http://127.0.0.1:{port}", connect_s=0.1) is None
        finally:
            for each in waiting:
                each.close()


async def test_silence_is_told() -> None:
    async with FakeServer() as server:
        server.on("GET", "/", Reply(head=HANG))
        found = await identify(server.url, answer_s=0.05)
    assert found is not None
    assert (found.brand, found.title) == ("", "something that does not answer in time")


async def test_something_that_does_not_speak_http() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        found = await identify(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert found is not None
    assert found.brand == ""
    assert "HTTP" in found.title
