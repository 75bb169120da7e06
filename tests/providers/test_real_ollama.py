"""The product's adapters against the Ollama and Open WebUI stand-ins, with a real model behind them."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from dataclasses import replace

import pytest

from tests.support.fake_server import bounded
from tests.support.servers.expected import ADD, ANSWERS, HELLO, Expected
from tests.support.servers.llama import LlamaServer
from tests.support.servers.ollama import OllamaStandIn
from tests.support.servers.openwebui import KEY, OpenWebUiStandIn
from twinny_lsp.errors import (
    Busy,
    Interrupted,
    ModelMissing,
    ProviderError,
    ServerFailure,
    Unauthorized,
    Unsupported,
)
from twinny_lsp.exchange import ChatPrompt, Finish, Generation, Message, Piece, Prompt, RawPrompt
from twinny_lsp.providers.base import State
from twinny_lsp.providers.endpoint import Endpoint, KeySource, Route, Wire
from twinny_lsp.providers.http import HttpProvider

pytestmark = pytest.mark.real
CHAT = ChatPrompt((Message("user", "Hello"),))


def ollama_at(server: OllamaStandIn) -> Endpoint:
    return Endpoint(
        "mine",
        "ollama",
        server.url,
        Route(Wire.OLLAMA_GENERATE, "/api/generate"),
        Route(Wire.OPENAI_CHAT, "/v1/chat/completions"),
    )


def webui_at(server: OpenWebUiStandIn, key: str = KEY) -> Endpoint:
    return Endpoint(
        "mine",
        "openwebui",
        server.url,
        Route(Wire.OLLAMA_GENERATE, "/ollama/api/generate"),
        Route(Wire.OPENAI_CHAT, "/ollama/v1/chat/completions"),
        key=KeySource(value=key),
    )


def ask(prompt: Prompt, model: str = "tiny-fim", max_tokens: int = 48) -> Generation:
    return Generation(model, prompt, max_tokens, 0.0)


async def run(endpoint: Endpoint, generation: Generation) -> list[Piece]:
    provider = HttpProvider(endpoint)
    try:
        async with aclosing(provider.stream(generation)) as pieces:
            return [piece async for piece in pieces]
    finally:
        await provider.close()


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


@pytest.mark.parametrize("expected", ANSWERS, ids=lambda e: e.name)
@pytest.mark.parametrize("way", ["raw", "suffix"])
async def test_ollama_fills_in_the_middle(ollama: OllamaStandIn, expected: Expected, way: str) -> None:
    pieces = await run(ollama_at(ollama), ask(expected.raw if way == "raw" else expected.fim))
    assert text_of(pieces) == expected.text
    assert pieces[-1].finish is Finish.STOP
    sent = ollama.log[-1].json
    assert (sent.get("raw", False), sent.get("suffix", "")) == (
        (True, "") if way == "raw" else (False, expected.suffix)
    )


@pytest.mark.parametrize("expected", ANSWERS, ids=lambda e: e.name)
@pytest.mark.parametrize("way", ["raw", "suffix"])
async def test_open_webui_fills_in_the_middle(
    openwebui: OpenWebUiStandIn, expected: Expected, way: str
) -> None:
    """The model is asked for by its short name, which Open WebUI itself does not know."""
    pieces = await run(webui_at(openwebui), ask(expected.raw if way == "raw" else expected.fim))
    assert text_of(pieces) == expected.text
    assert pieces[-1].finish is Finish.STOP
    assert openwebui.log[-1].json["model"] == "tiny-fim:latest"


async def test_a_prompt_read_ahead_is_there_when_it_is_needed(ollama: OllamaStandIn) -> None:
    code = "".join(f"def ollama_{i}(x):\n    return ollama[x + {i}]\n\n\n" for i in range(20))
    warm = replace(ask(RawPrompt(code)), warm=True)
    read = (await run(ollama_at(ollama), warm))[-1].usage
    used = (await run(ollama_at(ollama), ask(RawPrompt(code + "def"), max_tokens=4)))[-1].usage
    assert read is not None
    assert used is not None
    assert ((read.prompt or 0) > 200, read.generated) == (True, 1)
    assert (used.prompt or 0) - (used.cached or 0) < 16
    assert (used.prompt_ms or 0.0) > 0.0


@pytest.mark.parametrize("wire", [Wire.OPENAI_CHAT, Wire.OLLAMA_CHAT])
async def test_ollama_chats(ollama: OllamaStandIn, wire: Wire) -> None:
    path = "/api/chat" if wire is Wire.OLLAMA_CHAT else "/v1/chat/completions"
    endpoint = replace(ollama_at(ollama), chat=Route(wire, path))
    pieces = await run(endpoint, ask(CHAT))
    assert text_of(pieces) == HELLO
    assert pieces[-1].finish is Finish.STOP


async def test_open_webui_chats(openwebui: OpenWebUiStandIn) -> None:
    assert text_of(await run(webui_at(openwebui), ask(CHAT))) == HELLO


async def test_ollama_tells_its_models_and_what_they_can_do(ollama: OllamaStandIn) -> None:
    provider = HttpProvider(ollama_at(ollama))
    try:
        assert (await provider.health()).state is State.READY
        assert [model.name for model in await provider.models()] == ["tiny-fim:latest"]
        facts = await provider.facts("tiny-fim")
        assert facts.insert is True
        assert "<|fim_prefix|>" in (facts.template or "")
        assert (await provider.facts("tiny-fim:chat")).insert is False
    finally:
        await provider.close()


async def test_open_webui_tells_its_models(openwebui: OpenWebUiStandIn) -> None:
    provider = HttpProvider(webui_at(openwebui))
    try:
        assert (await provider.health()).state is State.READY
        assert [model.name for model in await provider.models()] == ["tiny-fim:latest"]
        assert (await provider.facts("tiny-fim")).insert is True
    finally:
        await provider.close()


@pytest.mark.parametrize("key", ["", "sk-wrong", "eyJwrong"])
@pytest.mark.parametrize("prompt", [ADD.raw, CHAT], ids=["generate", "chat"])
async def test_open_webui_refuses_a_wrong_key(openwebui: OpenWebUiStandIn, key: str, prompt: Prompt) -> None:
    with pytest.raises(Unauthorized) as caught:
        await run(webui_at(openwebui, key), ask(prompt))
    assert not key or key not in str(caught.value) + caught.value.detail


async def test_ollama_behind_a_proxy_with_a_key(llama_server: LlamaServer) -> None:
    async with OllamaStandIn(llama_server.url, upstream_key=llama_server.key, key="secret-1") as ollama:
        with pytest.raises(Unauthorized):
            await run(ollama_at(ollama), ask(ADD.raw))
        endpoint = replace(ollama_at(ollama), key=KeySource(value="secret-1"))
        assert text_of(await run(endpoint, ask(ADD.raw))) == ADD.text


@pytest.mark.parametrize(
    ("model", "kind"),
    [("nope", ModelMissing), ("tiny-fim:busy", Busy), ("tiny-fim:crash", ServerFailure)],
)
@pytest.mark.parametrize("prompt", [ADD.raw, ADD.fim], ids=["raw", "suffix"])
async def test_ollamas_failures_are_told_apart(
    ollama: OllamaStandIn, prompt: Prompt, model: str, kind: type[ProviderError]
) -> None:
    with pytest.raises(kind):
        await run(ollama_at(ollama), ask(prompt, model))


async def test_a_model_without_insert_is_unsupported(ollama: OllamaStandIn) -> None:
    with pytest.raises(Unsupported):
        await run(ollama_at(ollama), ask(ADD.fim, "tiny-fim:chat"))
    assert text_of(await run(ollama_at(ollama), ask(ADD.raw, "tiny-fim:chat"))) == ADD.text


async def test_a_stream_that_breaks_off_is_an_error(ollama: OllamaStandIn) -> None:
    with pytest.raises(Interrupted):
        await run(ollama_at(ollama), ask(ADD.raw, "tiny-fim:cut"))


async def test_a_stream_without_its_end_is_incomplete(ollama: OllamaStandIn) -> None:
    pieces = await run(ollama_at(ollama), ask(ADD.raw, "tiny-fim:nodone"))
    assert (text_of(pieces), pieces[-1].finish) == (ADD.text, Finish.INCOMPLETE)


async def test_a_lost_error_in_a_chat_is_incomplete(ollama: OllamaStandIn) -> None:
    """Ollama's `/v1` loses an error in mid-stream: nothing but a missing end shows it."""
    pieces = await run(ollama_at(ollama), ask(CHAT, "tiny-fim:crash"))
    assert HELLO.startswith(text_of(pieces))
    assert pieces[-1].finish is Finish.INCOMPLETE


@pytest.mark.parametrize("through", ["ollama", "openwebui"])
async def test_giving_up_reaches_the_model(
    ollama: OllamaStandIn, openwebui: OpenWebUiStandIn, through: str
) -> None:
    """`:slow` takes half a second a piece; the handler in the stand-in ends at once when we hang up."""
    endpoint = ollama_at(ollama) if through == "ollama" else webui_at(openwebui)
    provider = HttpProvider(endpoint)
    ended = asyncio.Event()
    complete = ollama.model.upstream.complete

    async def watched(body: dict[str, object]):
        try:
            async with aclosing(complete(body)) as events:
                async for event in events:
                    yield event
        finally:
            ended.set()

    ollama.model.upstream.complete = watched
    try:
        pieces = provider.stream(ask(ADD.raw, "tiny-fim:slow"))
        waiting = asyncio.ensure_future(anext(pieces))
        await bounded(arrived(ollama))
        waiting.cancel()
        await asyncio.wait({waiting})
        await bounded(ended.wait())
    finally:
        await provider.close()


async def arrived(ollama: OllamaStandIn) -> None:
    while not any(request.path == "/api/generate" for request in ollama.log):
        await asyncio.sleep(0.01)


async def test_an_overlong_prompt_is_cut_without_a_word(ollama: OllamaStandIn) -> None:
    """What makes our own budget necessary: the end of a prompt stays, its beginning goes."""
    provider = HttpProvider(ollama_at(ollama))
    try:
        body = replace(ADD.raw, text="word = 1\n" * 4000 + ADD.raw.text)
        pieces = [piece async for piece in provider.stream(ask(body))]
    finally:
        await provider.close()
    usage = pieces[-1].usage
    assert usage is not None
    assert 0 < (usage.prompt or 0) <= 2048


async def test_the_stand_in_runs_as_a_command(llama_server: LlamaServer) -> None:
    command = ["-m", "tests.support.servers.ollama", "--upstream", llama_server.url]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        "--upstream-key",
        llama_server.key,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        word, url = (await bounded(process.stdout.readline(), 30)).decode().split()
        assert word == "READY"
        endpoint = Endpoint("mine", "ollama", url, Route(Wire.OLLAMA_GENERATE, "/api/generate"), None)
        assert text_of(await run(endpoint, ask(ADD.fim))) == ADD.text
    finally:
        process.terminate()
        await process.wait()
