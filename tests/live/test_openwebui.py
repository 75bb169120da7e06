"""A real Open WebUI over our Ollama stand-in, over a real llama.cpp with the tiny FIM model."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.program import free_port, post, program, running, twinny
from tests.support.asking import endpoint, text_of
from tests.support.chat_command import chat_over_stdio, error_over_stdio
from tests.support.servers.expected import ADD, ANSWERS, HELLO, Expected
from tests.support.servers.llama import run_llama
from twinny_lsp import errors
from twinny_lsp.exchange import ChatPrompt, Finish, Generation, Message, Prompt
from twinny_lsp.providers.base import State
from twinny_lsp.providers.endpoint import KeySource
from twinny_lsp.providers.http import HttpProvider

CHAT = ChatPrompt((Message("user", "Hello"),))
ADMIN = {"email": "admin@example.com", "password": "admin-pass-1"}
VARIABLES = {
    "OFFLINE_MODE": "True",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "ENABLE_OLLAMA_API": "True",
    "ENABLE_OPENAI_API": "False",
    "RAG_EMBEDDING_ENGINE": "ollama",
    "RAG_EMBEDDING_MODEL": "",
    "RAG_RERANKING_MODEL": "",
    "BYPASS_EMBEDDING_AND_RETRIEVAL": "True",
    "ENABLE_PERSISTENT_CONFIG": "False",
    "ENABLE_API_KEYS": "True",
    "WEBUI_SECRET_KEY": "a-secret-for-loopback-0123456789",
    "WEBUI_ADMIN_EMAIL": ADMIN["email"],
    "WEBUI_ADMIN_PASSWORD": ADMIN["password"],
    "WEBUI_ADMIN_NAME": "Admin",
    "ENABLE_VERSION_UPDATE_CHECK": "False",
    "ANONYMIZED_TELEMETRY": "False",
    "GLOBAL_LOG_LEVEL": "WARNING",
    "NO_PROXY": "127.0.0.1,localhost",
    "CORS_ALLOW_ORIGIN": "http://127.0.0.1",
}
"""No network, no model of its own, a first administrator, and keys allowed."""


@dataclass(frozen=True)
class WebUi:
    """The running program, and a key it gave out."""

    url: str
    key: str


@contextmanager
def ollama(upstream: str) -> Iterator[str]:
    """The stand-in as a process of its own: this module's tests have an event loop each."""
    command = [sys.executable, "-m", "tests.support.servers.ollama", "--upstream", upstream]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[1]
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def webui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebUi]:
    folder = tmp_path_factory.mktemp("openwebui")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [program("open-webui"), "serve", "--host", "127.0.0.1", "--port", str(port)]
    with run_llama() as llama, ollama(llama.url) as upstream:
        variables = VARIABLES | {"DATA_DIR": str(folder), "OLLAMA_BASE_URL": upstream}
        with running(command, variables, f"{url}/health", folder / "log"):
            token = post(f"{url}/api/v1/auths/signin", ADMIN)["token"]
            yield WebUi(url, post(f"{url}/api/v1/auths/api_key", None, token)["api_key"])


@pytest.fixture
async def provider(webui: WebUi) -> AsyncIterator[HttpProvider]:
    made = HttpProvider(endpoint(webui.url, "openwebui", key=KeySource(value=webui.key)))
    yield made
    await made.close()


def ask(prompt: Prompt, model: str = "tiny-fim") -> Generation:
    return Generation(model, prompt, 48, 0.0)


@pytest.mark.parametrize("way", ["raw", "suffix"])
@pytest.mark.parametrize("expected", ANSWERS, ids=lambda expected: expected.name)
async def test_it_fills_in_the_middle_by_the_name_without_a_tag(
    provider: HttpProvider, expected: Expected, way: str
) -> None:
    prompt = expected.raw if way == "raw" else expected.fim
    pieces = [piece async for piece in provider.stream(ask(prompt))]
    assert text_of(pieces) == expected.text
    assert pieces[-1].finish is Finish.STOP


async def test_a_plug_in_chats(webui: WebUi) -> None:
    at = {"baseUrl": webui.url, "apiKey": webui.key}
    await chat_over_stdio("openwebui", at, path="/ollama/v1/chat/completions")
    assert "nope" in await error_over_stdio("openwebui", at, "nope")


async def test_a_chat_comes_in_pieces(provider: HttpProvider) -> None:
    pieces = [piece async for piece in provider.stream(ask(CHAT))]
    assert text_of(pieces) == HELLO
    assert len([piece for piece in pieces if piece.text]) > 3


async def test_health_models_and_facts(provider: HttpProvider) -> None:
    assert (await provider.health()).state is State.READY
    assert [model.name for model in await provider.models()] == ["tiny-fim:latest"]
    assert (await provider.facts("tiny-fim")).insert is True


@pytest.mark.parametrize("prompt", [ADD.raw, CHAT], ids=["completion", "chat"])
@pytest.mark.parametrize("key", ["", "sk-wrong-key-1", "eyJwrong.key-1"])
async def test_a_wrong_key(webui: WebUi, prompt: Prompt, key: str) -> None:
    provider = HttpProvider(endpoint(webui.url, "openwebui", key=KeySource(value=key)))
    try:
        with pytest.raises(errors.Unauthorized) as caught:
            _ = [piece async for piece in provider.stream(ask(prompt))]
        assert (await provider.health()).state is State.REFUSING
    finally:
        await provider.close()
    assert not key or key not in str(caught.value) + caught.value.detail


@pytest.mark.parametrize("prompt", [ADD.raw, CHAT], ids=["completion", "chat"])
async def test_a_model_that_is_not_there(provider: HttpProvider, prompt: Prompt) -> None:
    with pytest.raises(errors.ModelMissing, match="tiny-fim:latest"):
        _ = [piece async for piece in provider.stream(ask(prompt, "nope"))]


async def test_the_wrong_address_is_told(webui: WebUi) -> None:
    """Its own API is not Ollama's: without `/ollama` it answers with 405."""
    provider = HttpProvider(endpoint(webui.url, "ollama"))
    try:
        with pytest.raises(errors.WrongAddress):
            _ = [piece async for piece in provider.stream(ask(ADD.raw))]
    finally:
        await provider.close()


def test_the_command_line_as_a_user_has_it(webui: WebUi, tmp_path: Path) -> None:
    config, code = tmp_path / "config.toml", tmp_path / "code.py"
    code.write_text(ADD.prefix + ADD.suffix, encoding="utf-8")
    config.write_text(
        f"""
        [providers.openwebui]
        base_url = "{webui.url}"
        api_key = "{webui.key}"
        [completion]
        provider = "openwebui"
        model = "tiny-fim"
        temperature = 0.0
        [chat]
        provider = "openwebui"
        model = "tiny-fim"
        temperature = 0.0
        """,
        encoding="utf-8",
    )
    done = twinny(config, "complete", f"{code}:2:5", "--json")
    assert json.loads(done.stdout)["completion"] == ADD.text, done.stderr
    assert twinny(config, "chat", "Hello").stdout.strip() == HELLO
    doctor = twinny(config, "doctor").stdout
    assert "Nothing: completion works." in doctor
    assert webui.key not in doctor
