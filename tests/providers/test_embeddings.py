"""Embeddings over real sockets: what is sent where, what comes of answers, good and bad."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.asking import endpoint, limited
from tests.support.fake_server import CUT, HANG, FakeServer, Reply, json_reply, text_reply
from twinny_lsp import errors
from twinny_lsp.providers.endpoint import KeySource
from twinny_lsp.providers.http import HttpProvider

OLLAMA, OPENAI = "/api/embed", "/v1/embeddings"
SECRET_LINE = "password_of_the_moon = compute(the_moon)"


@asynccontextmanager
async def asking(preset: str, **changes: Any) -> AsyncIterator[tuple[FakeServer, HttpProvider]]:
    async with FakeServer() as server:
        provider = HttpProvider(endpoint(server.url, preset, **changes))
        yield server, provider
        await provider.close()


def entry(index: int, *values: float) -> dict[str, Any]:
    return {"object": "embedding", "index": index, "embedding": list(values)}


@limited
async def test_ollama() -> None:
    options = {"num_ctx": 8192, "keep_alive": "-1"}
    async with asking("ollama", options=options) as (server, provider):
        server.on("POST", OLLAMA, json_reply({"model": "m", "embeddings": [[3, 4], [0, -2.0]]}))
        found = await provider.embed(["a", "b"], "m")
        assert [[round(one, 6) for one in vector] for vector in found] == [[0.6, 0.8], [0, -1]]
        # A num_ctx meant for another model would make Ollama load this one with it.
        assert server.last(OLLAMA).json == {"model": "m", "input": ["a", "b"], "keep_alive": -1}


@pytest.mark.parametrize("preset", ["llamacpp", "lmstudio", "litellm", "vllm", "openai", "mistral"])
@limited
async def test_the_openai_api(preset: str) -> None:
    async with asking(preset, key=KeySource(value="sk-mine")) as (server, provider):
        answer = {"object": "list", "data": [entry(1, 0, 1), entry(0, 1, 0)], "usage": {}}
        server.on("POST", OPENAI, json_reply(answer))
        assert [list(one) for one in await provider.embed(["a", "b"], "m")] == [[1, 0], [0, 1]]
        request = server.last(OPENAI)
        assert request.json == {"model": "m", "input": ["a", "b"]}, "LiteLLM passes on whatever else there is"
        assert request.headers["authorization"] == "Bearer sk-mine"


@limited
async def test_open_webui_wants_the_full_name() -> None:
    async with asking("openwebui") as (server, provider):
        server.on("POST", "/ollama/api/embed", json_reply({"embeddings": [[1.0]]}))
        await provider.embed(["a"], "nomic-embed-text")
        assert server.last("/ollama/api/embed").json["model"] == "nomic-embed-text:latest"


@limited
async def test_without_places_the_order_counts() -> None:
    async with asking("tabbyapi") as (server, provider):
        data = [{"embedding": [1, 0]}, {"embedding": [0, 1]}]
        server.on("POST", OPENAI, json_reply({"data": data}))
        assert [list(one) for one in await provider.embed(["a", "b"], "m")] == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        [entry(0, 1, 0)],
        [entry(0, 1, 0), entry(1, 1, 0), entry(2, 1, 0)],
        [entry(0, 1, 0), entry(1, 1)],
        [entry(0, 1, 0), entry(1, 0, 0)],
        [entry(0, 1, 0), entry(1)],
        [entry(0, 1, 0), {"index": 1, "embedding": None}],
        [entry(0, 1, 0), {"index": 1, "embedding": "AACAPwAAAAA="}],
        [entry(0, 1, 0), {"index": 1, "embedding": [[1, 0]]}],
        [entry(0, 1, 0), {"index": 1, "embedding": [1, None]}],
        [entry(0, 1, 0), {"index": 1, "embedding": [1, float("nan")]}],
        [entry(0, 1, 0), {"index": 1, "embedding": [1, float("inf")]}],
        [entry(0, 1, 0), {"index": 1, "embedding": [1, 10**400]}],
    ],
)
@limited
async def test_an_answer_that_makes_no_sense(data: object) -> None:
    async with asking("llamacpp") as (server, provider):
        server.on("POST", OPENAI, json_reply({"data": data}))
        with pytest.raises(errors.BadAnswer, match=r"llamacpp at .* gave no usable answer: "):
            await provider.embed(["a", "b"], "m")


BATCH = "input (5000 tokens) is too large to process. increase the physical batch size"
WINDOW = "This model's maximum context length is 512 tokens. However, you requested 700 tokens in the input."
NOT_STARTED = "This server does not support embeddings. Start it with `--embeddings`"


def error(status: int, message: str, kind: str = "server_error") -> Reply:
    return json_reply({"error": {"code": status, "message": message, "type": kind}}, status)


FAILURES: dict[str, tuple[str, Reply, type[errors.ProviderError], str]] = {
    "llama.cpp, started without": (
        "llamacpp",
        error(501, NOT_STARTED, "not_supported_error"),
        errors.Unsupported,
        "Start it with `--embeddings`",
    ),
    "llama.cpp's batch": ("llamacpp", error(500, BATCH), errors.ContextOverflow, "context"),
    "vLLM's window": ("vllm", error(400, WINDOW, "BadRequestError"), errors.ContextOverflow, "512"),
    "no such model": (
        "ollama",
        json_reply({"error": 'model "m" not found, try pulling it first'}, 404),
        errors.ModelMissing,
        "`ollama pull m`",
    ),
    "a model for chat": (
        "ollama",
        json_reply({"error": "this model does not support embeddings"}, 501),
        errors.Unsupported,
        "does not support embeddings",
    ),
    "an old Ollama": ("ollama", text_reply("404 page not found", 404), errors.WrongAddress, "/api/embed"),
    "LM Studio's 200": (
        "lmstudio",
        json_reply({"error": "Unexpected endpoint or method. (POST /v1/embeddings)"}),
        errors.WrongAddress,
        "/v1/embeddings",
    ),
    "a web page": (
        "openwebui",
        text_reply("<!doctype html>", 200, "text/html"),
        errors.WrongAddress,
        "HTML",
    ),
    "no key": ("openai", json_reply({"error": {"message": "no"}}, 401), errors.Unauthorized, "apiKeyEnv"),
    "busy": ("openai", json_reply({"error": {"message": "Rate limit"}}, 429), errors.Busy, "busy"),
    "broken off": ("ollama", Reply(['{"embeddings": [[', CUT]), errors.Interrupted, "own log"),
    "its words": (
        "ollama",
        json_reply({"error": f"cannot parse {SECRET_LINE}"}, 400),
        errors.ServerFailure,
        "status 400",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
@limited
async def test_a_failure_is_told_without_the_code(name: str) -> None:
    preset, reply, kind, word = FAILURES[name]
    async with asking(preset) as (server, provider):
        assert provider.endpoint.embeddings is not None
        server.on("POST", provider.endpoint.embeddings.path, reply)
        with pytest.raises(kind) as caught:
            await provider.embed([f"a.py\n{SECRET_LINE}\n"], "m")
        assert word in str(caught.value)
        assert "moon" not in f"{caught.value} {caught.value.detail}"
        assert caught.value.provider == preset


@limited
async def test_a_server_without_a_route_is_not_asked() -> None:
    async with asking("deepseek") as (server, provider):
        with pytest.raises(errors.Unsupported, match="computes no embeddings"):
            await provider.embed(["a"], "m")
        assert not server.requests


@pytest.mark.parametrize("steps", [[HANG], ['{"embeddings"', HANG]])
@limited
async def test_cancelling_closes_the_socket(steps: list[Any]) -> None:
    async with asking("ollama") as (server, provider):
        head = steps[0] if len(steps) == 1 else None
        server.on("POST", OLLAMA, Reply(steps, head=head))
        work = asyncio.ensure_future(provider.embed(["a"], "m"))
        request = await server.request(0)
        assert not request.closed.is_set()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await request.closed.wait()


@limited
async def test_half_a_character_is_sent_as_one_that_servers_can_read() -> None:
    async with asking("ollama") as (server, provider):
        server.on("POST", OLLAMA, json_reply({"embeddings": [[1.0]]}))
        await provider.embed(["é \ud83d"], "m")
        assert json.loads(server.last(OLLAMA).body.decode("utf-8"))["input"] == ["é ?"]
