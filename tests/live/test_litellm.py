"""A real LiteLLM proxy over a real llama.cpp, with the tiny FIM model behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.live.program import free_port, program, running, twinny
from tests.support.asking import endpoint, text_of
from tests.support.chat_command import chat_over_stdio, error_over_stdio
from tests.support.fake_server import FakeServer, bounded, json_reply
from tests.support.servers.expected import ADD, ANSWERS, HELLO, Expected
from tests.support.servers.llama import LlamaServer, run_llama, write_endless_model
from twinny_lsp import errors
from twinny_lsp.exchange import ChatPrompt, FimPrompt, Finish, Generation, Message, Prompt, RawPrompt
from twinny_lsp.providers.base import State
from twinny_lsp.providers.endpoint import Endpoint, KeySource
from twinny_lsp.providers.http import HttpProvider

KEY = "sk-test-1234"
CHAT = ChatPrompt((Message("user", "Hello"),))
TEMPLATE = "<|fim_prefix|>{{{prefix}}}<|fim_suffix|>{{{suffix}}}<|fim_middle|>"
VARIABLES = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_TELEMETRY": "False",
    "LITELLM_LOG": "ERROR",
    "DISABLE_ADMIN_UI": "True",
    "NO_PROXY": "127.0.0.1,localhost",
}


@dataclass(frozen=True)
class Proxy:
    """The running proxy; `endless` is the llama.cpp behind its model `endless`, `embed` the port of that
    name's server, where nothing listens by itself."""

    url: str
    endless: LlamaServer
    embed: int


def configuration(tiny: str, endless: str, embed: int) -> str:
    """Its config.yaml, as JSON, which is YAML."""

    def row(name: str, model: str, base: str) -> dict[str, object]:
        given = {"model": model, "api_base": f"{base}/v1", "api_key": "none"}
        return {"model_name": name, "litellm_params": given}

    rows = [
        row("fim", "text-completion-openai/tiny-fim", tiny),
        row("talk", "openai/tiny-fim", tiny),
        row("endless", "text-completion-openai/tiny-fim", endless),
        row("dead", "openai/dead", f"http://127.0.0.1:{free_port()}"),
        row("embed", "openai/embedder", f"http://127.0.0.1:{embed}"),
    ]
    settings = {"telemetry": False, "drop_params": True, "num_retries": 0, "request_timeout": 60}
    general = {"master_key": KEY}
    return json.dumps({"model_list": rows, "litellm_settings": settings, "general_settings": general})


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("litellm")
    model = write_endless_model(folder / "endless.gguf")
    with run_llama() as tiny, run_llama(model=model, context=65_536, parallel=1) as endless:
        config = folder / "config.yaml"
        port, embed = free_port(), free_port()
        config.write_text(configuration(tiny.url, endless.url, embed), encoding="utf-8")
        command = [program("litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
        url = f"http://127.0.0.1:{port}"
        with running(command, VARIABLES, f"{url}/health/liveliness", folder / "log"):
            yield Proxy(url, endless, embed)


def at(proxy: Proxy, key: str = KEY) -> Endpoint:
    return endpoint(proxy.url, "litellm", key=KeySource(value=key))


@pytest.fixture
async def provider(proxy: Proxy) -> AsyncIterator[HttpProvider]:
    made = HttpProvider(at(proxy))
    yield made
    await made.close()


def ask(prompt: Prompt, model: str = "fim", max_tokens: int = 48) -> Generation:
    return Generation(model, prompt, max_tokens, 0.0)


async def failure(endpoint: Endpoint, generation: Generation) -> errors.ProviderError:
    provider = HttpProvider(endpoint)
    try:
        with pytest.raises(errors.ProviderError) as caught:
            _ = [piece async for piece in provider.stream(generation)]
    finally:
        await provider.close()
    return caught.value


@pytest.fixture
def config(proxy: Proxy, tmp_path: Path) -> Path:
    """The settings of a user who has LiteLLM, and a template of their own."""
    (tmp_path / "fim.hbs").write_text(TEMPLATE, encoding="utf-8")
    file = tmp_path / "config.toml"
    file.write_text(
        f"""
        [providers.litellm]
        base_url = "{proxy.url}"
        api_key = "{KEY}"
        [completion]
        provider = "litellm"
        model = "fim"
        temperature = 0.0
        [chat]
        provider = "litellm"
        model = "talk"
        temperature = 0.0
        [templates]
        directory = "{tmp_path}"
        """,
        encoding="utf-8",
    )
    return file


@pytest.mark.parametrize("expected", ANSWERS, ids=lambda expected: expected.name)
def test_a_custom_template_fills_in_the_middle(config: Path, tmp_path: Path, expected: Expected) -> None:
    code = tmp_path / "code.py"
    code.write_text(expected.prefix + expected.suffix, encoding="utf-8")
    row, column = expected.prefix.count("\n") + 1, len(expected.prefix.rpartition("\n")[2]) + 1
    done = twinny(config, "complete", f"{code}:{row}:{column}", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["completion"] == expected.text
    assert KEY not in done.stdout + done.stderr


def test_chat(config: Path) -> None:
    done = twinny(config, "chat", "Hello")
    assert (done.returncode, done.stdout.strip()) == (0, HELLO), done.stderr


async def test_a_plug_in_chats(proxy: Proxy) -> None:
    at = {"baseUrl": proxy.url, "apiKey": KEY}
    await chat_over_stdio("litellm", at, "talk")
    assert "nope" in await error_over_stdio("litellm", at, "nope")
    assert "the model server behind it does not" in await error_over_stdio("litellm", at, "dead")
    assert "key" in await error_over_stdio("litellm", {**at, "apiKey": "sk-wrong-key-1"}, "talk")


async def test_a_chat_comes_in_pieces(provider: HttpProvider) -> None:
    pieces = [piece async for piece in provider.stream(ask(CHAT, "talk"))]
    assert text_of(pieces) == HELLO
    assert len([piece for piece in pieces if piece.text]) > 3
    assert pieces[-1].finish is Finish.STOP


@pytest.mark.parametrize("how", ["after the first text", "before it"])
async def test_giving_up_frees_the_slot(proxy: Proxy, provider: HttpProvider, how: str) -> None:
    async def busy(wanted: int) -> None:
        while await asyncio.to_thread(proxy.endless.busy_slots) != wanted:
            await asyncio.sleep(0.02)

    first = asyncio.Event()

    async def read() -> None:
        async with aclosing(provider.stream(ask(ADD.raw, "endless", 30_000))) as pieces:
            async for piece in pieces:
                if piece.text:
                    first.set()

    reading = asyncio.create_task(read())
    await bounded(first.wait() if how == "after the first text" else busy(1), 30)
    await bounded(busy(1))
    reading.cancel()
    await asyncio.wait({reading})
    await bounded(busy(0))


@pytest.mark.parametrize("prompt", [ADD.raw, CHAT], ids=["completion", "chat"])
@pytest.mark.parametrize("key", ["sk-wrong-key-1", "no-such-form-1", ""])
async def test_a_wrong_key(proxy: Proxy, prompt: Prompt, key: str) -> None:
    error = await failure(at(proxy, key), ask(prompt, "fim" if prompt is ADD.raw else "talk"))
    assert isinstance(error, errors.Unauthorized), error
    assert not key or key not in str(error) + error.detail
    assert "providers.litellm" in str(error)


@pytest.mark.parametrize("prompt", [ADD.raw, CHAT], ids=["completion", "chat"])
async def test_an_unknown_alias(proxy: Proxy, prompt: Prompt) -> None:
    error = await failure(at(proxy), ask(prompt, "nope"))
    assert isinstance(error, errors.ModelMissing)
    assert "`model_list`" in str(error)
    assert "fim" in str(error), "it names what is there"


async def test_the_server_behind_it_is_down(proxy: Proxy) -> None:
    error = await failure(at(proxy), ask(CHAT, "dead"))
    assert isinstance(error, errors.ServerFailure)
    assert "the model server behind it does not" in str(error)


async def test_an_overlong_prompt(proxy: Proxy) -> None:
    error = await failure(at(proxy), ask(RawPrompt("word = 1\n" * 3000)))
    assert isinstance(error, errors.ContextOverflow)
    assert error.limit == 2048


async def test_embeddings(proxy: Proxy, provider: HttpProvider) -> None:
    answer = {"object": "list", "model": "embedder", "usage": {"prompt_tokens": 2, "total_tokens": 2}}
    data = [{"object": "embedding", "index": at, "embedding": [at, 1 - at]} for at in (0, 1)]
    async with FakeServer(port=proxy.embed) as behind:
        behind.on("POST", "/v1/embeddings", json_reply({**answer, "data": data}))
        assert [list(one) for one in await provider.embed(["a", "b"], "embed")] == [[0, 1], [1, 0]]
        assert behind.last("/v1/embeddings").json["input"] == ["a", "b"]
        too_long = {"error": {"code": 500, "message": "input (5000 tokens) is too large to process."}}
        behind.on("POST", "/v1/embeddings", json_reply(too_long, 500))
        with pytest.raises(errors.ContextOverflow):
            await provider.embed(["a", "b"], "embed")


async def test_a_model_that_computes_no_embeddings(provider: HttpProvider) -> None:
    with pytest.raises(errors.ProviderError, match="Start it with `--embeddings`"):
        await provider.embed(["a"], "talk")


async def test_it_has_no_infill(proxy: Proxy) -> None:
    native = replace(at(proxy), completion=None)
    assert isinstance(await failure(native, ask(FimPrompt("a", "b"))), errors.Unsupported)


async def test_health_and_models(proxy: Proxy, provider: HttpProvider) -> None:
    assert (await provider.health()).state is State.READY
    assert [model.name for model in await provider.models()] == ["fim", "talk", "endless", "dead", "embed"]
    wrong = HttpProvider(at(proxy, "sk-wrong-key-1"))
    try:
        assert (await wrong.health()).state is State.REFUSING
    finally:
        await wrong.close()


def test_the_doctor_is_content(config: Path) -> None:
    done = twinny(config, "doctor")
    assert "Nothing: completion works." in done.stdout, done.stdout
    assert KEY not in done.stdout + done.stderr
