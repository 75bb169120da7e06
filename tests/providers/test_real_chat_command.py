"""The chat command over stdio, on a real llama.cpp and on the stand-ins before it."""

from __future__ import annotations

import pytest

from tests.support.chat_command import chat_over_stdio, error_over_stdio
from tests.support.servers.llama import LlamaServer
from tests.support.servers.ollama import OllamaStandIn
from tests.support.servers.openwebui import KEY, OpenWebUiStandIn

pytestmark = pytest.mark.real


async def test_llamacpp(llama_server: LlamaServer) -> None:
    await chat_over_stdio("llamacpp", {"baseUrl": llama_server.url, "apiKey": llama_server.key})
    assert "key" in await error_over_stdio("llamacpp", {"baseUrl": llama_server.url, "apiKey": "wrong"})


async def test_ollama(ollama: OllamaStandIn) -> None:
    await chat_over_stdio("ollama", {"baseUrl": ollama.url})
    assert "nope" in await error_over_stdio("ollama", {"baseUrl": ollama.url}, "nope")


async def test_openwebui(openwebui: OpenWebUiStandIn) -> None:
    at = {"baseUrl": openwebui.url, "apiKey": KEY}
    await chat_over_stdio("openwebui", at, path="/ollama/v1/chat/completions")
    assert "nope" in await error_over_stdio("openwebui", at, "nope")
    assert "key" in await error_over_stdio("openwebui", {**at, "apiKey": "sk-wrong-key-1"})
