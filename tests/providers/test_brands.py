"""Lists, facts and health of each brand, from what real servers answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.asking import GENERATE, collect, endpoint, generation
from tests.support.captures import named
from tests.support.fake_server import CUT, FakeServer, Reply, json_reply, text_reply
from tests.support.replay import replay
from twinny_lsp import errors
from twinny_lsp.exchange import FimPrompt, ModelFacts
from twinny_lsp.providers.base import State
from twinny_lsp.providers.brand import match_name
from twinny_lsp.providers.http import HttpProvider, Pace

TEMPLATE = "{{- if .Suffix }}<|fim_prefix|>"
WRONG_ROUTE = json_reply({"error": "Unexpected endpoint or method. (GET /api/v0/models)"})
KEY_REFUSED = json_reply({"error": {"message": "Invalid API Key", "type": "authentication_error"}}, 401)


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with FakeServer() as running:
        yield running


def play(server: FakeServer, *identities: str) -> None:
    """Answer as the servers of these transcripts did."""
    for identity in identities:
        capture = named(identity)
        server.on(capture.request["method"], capture.path.partition("?")[0], replay(capture))


def made(server: FakeServer, preset: str, **changes: object) -> HttpProvider:
    return HttpProvider(endpoint(server.url, preset, **changes), Pace(ask=2.0))


@pytest.mark.parametrize(
    ("preset", "prefix", "captures", "asked", "tokens"),
    [
        ("ollama", "", "ollama_standin/", "tiny-fim", 2048),
        ("openwebui", "/ollama", "openwebui/ollama_", "tiny-fim:latest", 1024),
    ],
)
async def test_ollama(
    server: FakeServer, preset: str, prefix: str, captures: str, asked: str, tokens: int
) -> None:
    play(server, *(f"{captures}{name}" for name in ("version", "tags", "ps", "show")))
    provider = made(server, preset)
    health = await provider.health()
    assert health.state is State.READY
    assert "Ollama 0.13" in health.server
    models = {model.name: model for model in await provider.models()}
    assert models["tiny-fim:latest"].insert is True
    facts = await provider.facts("tiny-fim")
    assert facts.name == "tiny-fim"
    assert facts.insert is True
    assert facts.template is not None
    assert facts.template.startswith(TEMPLATE)
    assert facts.context_tokens == tokens
    shown = [request for request in server.requests if request.path == f"{prefix}/api/show"]
    assert [request.json for request in shown] == [{"model": asked}]
    await provider.close()


@pytest.mark.parametrize(
    ("num_ctx", "loaded", "trained", "expected"),
    [
        (8192, None, 16384, 8192),
        (8192, 4096, 2048, 2048),
        (None, 6000, 16384, 6000),
        (None, None, 16384, 4096),
        (None, None, None, 4096),
    ],
)
async def test_ollama_context_is_what_one_request_has(
    server: FakeServer, num_ctx: int | None, loaded: int | None, trained: int | None, expected: int
) -> None:
    info = {} if trained is None else {"llama.context_length": trained}
    server.on("POST", "/api/show", json_reply({"model_info": info}))
    running = [] if loaded is None else [{"name": "m:latest", "context_length": loaded}]
    server.on("GET", "/api/ps", json_reply({"models": running}))
    provider = made(server, "ollama", options={} if num_ctx is None else {"num_ctx": num_ctx})
    facts = await provider.facts("m")
    assert (facts.context_tokens, facts.loaded, facts.insert) == (expected, loaded is not None, None)
    await provider.close()


@pytest.mark.parametrize(
    ("captured", "infill", "insert"),
    [("llamacpp_tiny", "llamacpp_tiny/infill", True), ("llamacpp_gemma", "llamacpp_gemma/infill", False)],
)
async def test_llamacpp(server: FakeServer, captured: str, infill: str, insert: bool) -> None:
    play(server, *(f"{captured}/{name}" for name in ("health", "props", "v1_models")), infill)
    provider = made(server, "llamacpp", options={"batch_tokens": 512})
    health = await provider.health()
    assert health.state is State.READY
    assert health.server.startswith("llama.cpp b")
    assert len(await provider.models()) == 1
    facts = await provider.facts("any")
    assert (facts.insert, facts.context_tokens, facts.batch_tokens) == (insert, 1024, 512)
    await provider.close()


async def test_llamacpp_router(server: FakeServer) -> None:
    play(server, "llamacpp_router/v1_models_after")
    router, of_model = replay(named("llamacpp_router/props")), replay(named("llamacpp_router/props_model"))
    server.on("GET", "/props", lambda request: of_model if "model=first" in request.path else router)
    provider = made(server, "llamacpp")
    models = {model.name: model.loaded for model in await provider.models()}
    assert models["first"] is True
    assert (await provider.facts("first")).context_tokens == 1024
    await provider.close()


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        (replay(named("llamacpp_deb_gemma/loading_health")), State.LOADING),
        (text_reply("<html>", 200, "text/html"), State.REFUSING),
        (Reply(head=CUT), State.REFUSING),
        (json_reply({"error": "server busy"}, 503), State.READY),
    ],
    ids=["loading", "html", "cut", "busy"],
)
async def test_llamacpp_health(server: FakeServer, reply: Reply, state: State) -> None:
    server.on("GET", "/health", reply)
    provider = made(server, "llamacpp")
    health = await provider.health()
    assert health.state is state
    assert server.url in health.detail
    await provider.close()


async def test_llamacpp_health_sees_a_wrong_key(server: FakeServer) -> None:
    play(server, "llamacpp_deb_gemma/key_health_public", "llamacpp_deb_gemma/key_props")
    provider = made(server, "llamacpp")
    health = await provider.health()
    assert health.state is State.REFUSING
    assert "key" in health.detail
    await provider.close()


async def test_lmstudio(server: FakeServer) -> None:
    entries = [
        {"id": "coder", "type": "llm", "state": "loaded", "loaded_context_length": 8192},
        {"id": "other", "type": "llm", "state": "not-loaded", "max_context_length": 32768},
        {"id": "embed", "type": "embeddings", "state": "loaded"},
    ]
    server.on("GET", "/api/v0/models", json_reply({"data": entries}))
    provider = made(server, "lmstudio")
    assert await provider.models() == [
        ModelFacts("coder", context_tokens=8192, loaded=True),
        ModelFacts("other", loaded=False),
    ]
    assert (await provider.facts("coder")).context_tokens == 8192
    assert await provider.facts("unknown") == ModelFacts("unknown")
    await provider.close()


@pytest.mark.parametrize("old", [WRONG_ROUTE, text_reply("not found", 404)])
async def test_lmstudio_before_its_own_list(server: FakeServer, old: Reply) -> None:
    server.on("GET", "/api/v0/models", old)
    server.on("GET", "/v1/models", json_reply({"data": [{"id": "coder"}]}))
    provider = made(server, "lmstudio")
    assert await provider.models() == [ModelFacts("coder")]
    await provider.close()


async def test_litellm(server: FakeServer) -> None:
    play(server, "litellm/liveliness", "litellm/v1_models")
    provider = made(server, "litellm")
    assert (await provider.health()).state is State.READY
    assert [model.name for model in await provider.models()] == ["local-chat", "local-fim", "dead"]
    assert "/health" not in [request.path for request in server.requests]
    await provider.close()


async def test_oobabooga(server: FakeServer) -> None:
    play(server, "oobabooga/internal_model_info", "oobabooga/v1_models")
    provider = made(server, "oobabooga")
    assert (await provider.health()).detail == ""
    facts = await provider.facts("anything")
    assert (facts.name, facts.loaded) == ("anything", True)
    assert facts.serves == (await provider.models())[0].name != ""
    play(server, "oobabooga/nomodel_info", "oobabooga/nomodel_models")
    health = await provider.health()
    assert (health.state, health.detail) == (State.READY, "It is running, but no model is loaded.")
    assert await provider.models() == []
    await provider.close()


@pytest.mark.parametrize(
    ("entry", "tokens"),
    [
        ({"id": "m", "max_model_len": 32768}, 32768),
        ({"id": "m", "context_length": 4096}, 4096),
        ({"id": "m", "parameters": {"max_seq_len": 100}}, 100),
        ({"id": "m", "meta": {"n_ctx": 1024, "n_ctx_train": 32768}, "context_length": 32768}, 1024),
        ({"id": "m"}, None),
    ],
)
async def test_other_servers_tell_their_context(
    server: FakeServer, entry: dict[str, object], tokens: int | None
) -> None:
    server.on("GET", "/v1/models", json_reply({"data": [entry, {"no": "id"}, None]}))
    provider = made(server, "vllm")
    assert (await provider.facts("m")).context_tokens == tokens
    await provider.close()


async def test_the_list_is_beside_the_chat(server: FakeServer) -> None:
    server.on("GET", "/api/v1/models", json_reply({"data": [{"id": "m"}]}))
    provider = made(server, "openrouter")
    assert [model.name for model in await provider.models()] == ["m"]
    await provider.close()


BRANDS = ("ollama", "openwebui", "llamacpp", "lmstudio", "litellm", "oobabooga", "vllm")
ODD = [json_reply([1]), json_reply("x"), json_reply({"data": 3, "models": {}}), text_reply("hm"), KEY_REFUSED]


@pytest.mark.parametrize("preset", BRANDS)
@pytest.mark.parametrize("reply", ODD, ids=["list", "string", "wrong types", "text", "no key"])
async def test_no_answer_makes_a_provider_fall_over(server: FakeServer, preset: str, reply: Reply) -> None:
    paths = [
        "/health",
        "/props",
        "/v1/models",
        "/api/v0/models",
        "/health/liveliness",
        "/v1/internal/model/info",
    ]
    paths += [f"{prefix}/api/{name}" for prefix in ("", "/ollama") for name in ("version", "tags", "ps")]
    for path in paths:
        server.on("GET", path, reply)
    for path in ("/api/show", "/ollama/api/show", "/infill"):
        server.on("POST", path, reply)
    provider = made(server, preset)
    health = await provider.health()
    assert health.state in (State.READY, State.REFUSING)
    results = await asyncio.gather(provider.models(), provider.facts("m"), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            assert isinstance(result, errors.ProviderError)
            assert server.url in str(result)
    await provider.close()


@pytest.mark.parametrize(
    ("wanted", "names", "found"),
    [
        ("m", ["m", "m:latest"], "m"),
        ("m", ["m:latest"], "m:latest"),
        ("m:latest", ["m"], "m"),
        ("m:7b", ["m", "m:latest"], None),
        ("m", [], None),
        ("org/m", ["org/m:latest"], "org/m:latest"),
    ],
)
def test_names(wanted: str, names: list[str], found: str | None) -> None:
    assert match_name(wanted, names) == found


async def test_an_infill_that_is_missing_is_unsupported(server: FakeServer) -> None:
    server.on("POST", "/infill", text_reply("File Not Found", 404))
    provider = made(server, "llamacpp")
    with pytest.raises(errors.Unsupported):
        await collect(provider, generation(FimPrompt("a", "b")))
    await provider.close()


async def test_a_model_that_a_question_was_about_is_named(server: FakeServer) -> None:
    server.on("POST", "/api/show", json_reply({"error": "model 'gone' not found"}, status=404))
    provider = HttpProvider(endpoint(server.url))
    with pytest.raises(errors.ModelMissing) as told:
        await provider.facts("gone")
    await provider.close()
    assert "does not have the model gone" in str(told.value)
    assert "`ollama pull gone`" in str(told.value)


async def test_what_was_learned_is_learned_anew_after_a_restart(server: FakeServer) -> None:
    provider = HttpProvider(endpoint(server.url))
    server.on("GET", "/api/ps", json_reply({"models": []}))
    server.on("POST", "/api/show", json_reply({"capabilities": ["completion"]}))
    assert (await provider.facts("m")).insert is False
    server.on("POST", "/api/show", json_reply({"capabilities": ["completion", "insert"]}))
    assert (await provider.facts("m")).insert is False  # kept: it is asked before each request
    server.on("POST", GENERATE, Reply([CUT]))
    with pytest.raises(errors.Interrupted):
        await collect(provider)
    assert (await provider.facts("m")).insert is True
    await provider.close()


async def test_koboldcpp_serves_what_it_has(server: FakeServer) -> None:
    server.on("GET", "/api/extra/version", json_reply({"result": "KoboldCpp", "version": "1.98"}))
    server.on("GET", "/v1/models", json_reply({"data": [{"id": "koboldcpp/qwen2.5-coder-1.5b"}]}))
    server.on("GET", "/api/extra/true_max_context_length", json_reply({"value": 4096}))
    provider = made(server, "koboldcpp")
    assert (await provider.health()).server == "KoboldCpp 1.98"
    assert [(model.name, model.loaded) for model in await provider.models()] == [("qwen2.5-coder-1.5b", True)]
    facts = await provider.facts("any")
    assert (facts.name, facts.serves, facts.context_tokens) == ("any", "qwen2.5-coder-1.5b", 4096)
    await provider.close()


async def test_text_generation_inference_serves_what_it_has(server: FakeServer) -> None:
    """Its `/health` has no body, and old versions have no list."""
    info = {"model_id": "bigcode/starcoder2-3b", "max_total_tokens": 2048, "version": "3.3.6"}
    server.on("GET", "/info", json_reply(info))
    provider = made(server, "tgi")
    assert (await provider.health()).server == "text-generation-inference 3.3.6"
    assert [model.name for model in await provider.models()] == ["bigcode/starcoder2-3b"]
    facts = await provider.facts("any")
    assert (facts.name, facts.serves, facts.context_tokens) == ("any", "bigcode/starcoder2-3b", 2048)
    await provider.close()


async def test_llama_swap_tells_what_runs(server: FakeServer) -> None:
    """Nothing here makes it start a server."""
    running = [{"model": "a", "state": "ready"}, {"model": "b", "state": "starting"}]
    server.on("GET", "/v1/models", json_reply({"data": [{"id": "a"}, {"id": "b"}, {"id": "c"}]}))
    server.on("GET", "/running", json_reply({"running": running}))
    provider = made(server, "llama-swap")
    assert (await provider.health()).state is State.READY
    models = {model.name: model.loaded for model in await provider.models()}
    assert models == {"a": True, "b": False, "c": False}
    assert (await provider.facts("c")).insert is None
    assert {request.method for request in server.requests} == {"GET"}
    await provider.close()


async def test_an_older_llama_swap_lists_its_models(server: FakeServer) -> None:
    server.on("GET", "/v1/models", json_reply({"data": [{"id": "a"}]}))
    provider = made(server, "llama-swap")
    assert [(model.name, model.loaded) for model in await provider.models()] == [("a", None)]
    await provider.close()
