"""Model servers for the tests here: a real llama.cpp, stand-ins in front of it, and a scripted one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.asking import endpoint
from tests.support.fake_server import FakeServer
from tests.support.servers.llama import LlamaServer, run_llama
from tests.support.servers.ollama import OllamaStandIn
from tests.support.servers.openwebui import OpenWebUiStandIn
from twinny_lsp.providers.http import HttpProvider, Pace

LLAMA_KEY = "llama-key"


@pytest.fixture(scope="session")
def llama_server() -> Iterator[LlamaServer]:
    """A real llama.cpp on the tiny FIM model: 2 slots of 2048 tokens, batch 512, with a key."""
    with run_llama(key=LLAMA_KEY, context=2048, parallel=2) as server:
        yield server


@pytest.fixture
async def ollama(llama_server: LlamaServer) -> AsyncIterator[OllamaStandIn]:
    """The Ollama stand-in; its model is `tiny-fim`."""
    async with OllamaStandIn(llama_server.url, upstream_key=llama_server.key) as server:
        yield server


@pytest.fixture
async def openwebui(ollama: OllamaStandIn) -> AsyncIterator[OpenWebUiStandIn]:
    """The Open WebUI stand-in over it."""
    async with OpenWebUiStandIn(ollama) as server:
        yield server


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    """A server that answers as each test says."""
    async with FakeServer() as running:
        yield running


@pytest.fixture
async def provider(server: FakeServer) -> AsyncIterator[HttpProvider]:
    """A provider for it, with short waits."""
    made = HttpProvider(endpoint(server.url), Pace(grace=2.0, loading=5.0, poll=0.01))
    yield made
    await made.close()
