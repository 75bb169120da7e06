"""llama.cpp's own server program, as Debian builds it: as a router, while it loads, and for embeddings.

What one model on one server does is in tests/providers/test_real_llamacpp.py.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.live.program import free_port, program, running
from tests.support.asking import endpoint, text_of
from tests.support.chat_command import chat_over_stdio, error_over_stdio
from tests.support.editor import CURSOR, Editor, editing
from tests.support.fake_server import bounded
from tests.support.markdown_editor import chatting
from tests.support.servers.expected import ADD, ANSWERS, HELLO, Expected
from tests.support.servers.llama import TINY_MODEL, write_endless_model, write_model_without_fim
from twinny_lsp import errors
from twinny_lsp.chat.vectors import product
from twinny_lsp.exchange import ChatPrompt, ContextFile, FimPrompt, Generation, Message, Prompt, RawPrompt
from twinny_lsp.providers.base import State
from twinny_lsp.providers.http import HttpProvider, Pace

CHAT = ChatPrompt((Message("user", "Hello"),))


def variables() -> dict[str, str]:
    """Debian's build looks for its libraries and for the processor's variant in /usr/lib."""
    library = next((Path(program("")).parent / "lib").glob("*-linux-gnu"))
    processor = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    variant = "haswell" if " avx2 " in processor else "sse42"
    return {
        "LD_LIBRARY_PATH": f"{library}/llama:{library}",
        "GGML_BACKEND_PATH": f"{library}/ggml/backends0/libggml-cpu-{variant}.so",
    }


def command(port: int, *more: str) -> list[str]:
    common = ["--host", "127.0.0.1", "--port", str(port), "-t", "1", "--offline", "--fit", "off"]
    return [program("llama-server"), *common, *more]


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A router with room for one model, over three."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("first", "second"):
        (folder / f"{name}.gguf").write_bytes(TINY_MODEL.read_bytes())
    write_model_without_fim(folder / "plain.gguf")
    port = free_port()
    size = ("-c", "2048", "-b", "512", "-np", "2")
    ask = command(port, "--models-dir", str(folder), "--models-max", "1", *size)
    log = tmp_path_factory.mktemp("log") / "log"
    with running(ask, variables(), f"http://127.0.0.1:{port}/health", log):
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def provider_at(url: str, pace: Pace | None = None) -> AsyncIterator[HttpProvider]:
    """A provider for that server, closed at the end."""
    provider = HttpProvider(endpoint(url, "llamacpp", options={"batch_tokens": 512}), pace)
    try:
        yield provider
    finally:
        await provider.close()


async def answer(provider: HttpProvider, model: str, prompt: Prompt, max_tokens: int = 48) -> str:
    generation = Generation(model, prompt, max_tokens, 0.0)
    return text_of([piece async for piece in provider.stream(generation)])


@pytest.mark.parametrize("expected", ANSWERS, ids=lambda expected: expected.name)
@pytest.mark.parametrize("model", ["first", "second"])
async def test_a_router_takes_the_model_that_is_named(router: str, model: str, expected: Expected) -> None:
    async with provider_at(router) as provider:
        assert await answer(provider, model, expected.fim) == expected.text
        assert await answer(provider, model, expected.raw) == expected.text


async def test_a_router_chats(router: str) -> None:
    async with provider_at(router) as provider:
        assert await answer(provider, "second", CHAT) == HELLO


async def test_a_plug_in_chats(router: str) -> None:
    await chat_over_stdio("llamacpp", {"baseUrl": router}, "second")
    assert "nope" in await error_over_stdio("llamacpp", {"baseUrl": router}, "nope")


async def test_what_a_router_tells(router: str) -> None:
    async with provider_at(router) as provider:
        assert (await provider.health()).state is State.READY
        await answer(provider, "first", ADD.raw)
        models = {model.name: model.loaded for model in await provider.models()}
        assert models == {"first": True, "second": False, "plain": False}
        facts = await provider.facts("first")
        assert (facts.insert, facts.context_tokens, facts.slots, facts.serves) == (True, 1024, 2, "")
        assert (await provider.facts("plain")).insert is False


async def test_files_reach_a_routers_model(router: str) -> None:
    extra = (ContextFile("shapes.py", "def unusual_name_here(radius):\n    return radius\n" * 4),)
    sizes = []
    async with provider_at(router) as provider:
        await provider.facts("first")
        for files in ((), extra):
            prompt = FimPrompt(ADD.prefix, ADD.suffix, files)
            pieces = [piece async for piece in provider.stream(Generation("first", prompt, 2, 0.0))]
            assert pieces[-1].usage is not None
            sizes.append(pieces[-1].usage.prompt or 0)
    assert sizes[1] > sizes[0] + 40


@pytest.mark.parametrize(
    ("model", "prompt", "kind"),
    [
        ("nope", ADD.fim, errors.ModelMissing),
        ("nope", CHAT, errors.ModelMissing),
        ("plain", ADD.fim, errors.Unsupported),
        ("first", RawPrompt("word = 1\n" * 3000), errors.ContextOverflow),
    ],
)
async def test_a_routers_refusals(
    router: str, model: str, prompt: Prompt, kind: type[errors.ProviderError]
) -> None:
    async with provider_at(router) as provider:
        with pytest.raises(kind) as caught:
            await answer(provider, model, prompt)
    assert kind is not errors.ModelMissing or "first" in str(caught.value), "it names what is there"


@pytest.fixture(scope="module")
def embedding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One that chats and embeds, with the tiny model: its vectors mean little, but they are vectors."""
    port = free_port()
    more = ("-c", "4096", "-np", "2", "-ub", "256", "--embeddings", "--pooling", "mean")
    log = tmp_path_factory.mktemp("log") / "log"
    with running(
        command(port, "-m", str(TINY_MODEL), *more), variables(), f"http://127.0.0.1:{port}/health", log
    ):
        yield f"http://127.0.0.1:{port}"


async def test_embeddings(embedding: str) -> None:
    async with provider_at(embedding) as provider:
        texts = ["def add(a, b):", "def add(a, c):", "Hello! How can I help you?", "def add(a, b):"]
        found = await provider.embed(texts, "m")
        near = [product(found[0], one) for one in found]
        assert near[3] == pytest.approx(1, abs=1e-3)
        assert near[1] > near[2]
        with pytest.raises(errors.ContextOverflow):
            await provider.embed(["x = 1\n" * 1000], "m")


async def test_a_server_that_was_not_started_for_embeddings_says_how(router: str) -> None:
    async with provider_at(router) as provider:
        with pytest.raises(errors.Unsupported, match="Start it with `--embeddings`"):
            await provider.embed(["x"], "first")


async def test_a_workspace_is_searched_by_words_and_by_meaning(embedding: str, tmp_path: Path) -> None:
    """The parts are longer than its batch of 256 tokens: they are cut until they fit."""
    for name in ("add", "subtract", "multiply"):
        rows = "".join(f"{name}_{row} = {row} * [({row},)]\n" for row in range(200))
        (tmp_path / f"{name}.py").write_text(f"def {name}(a, b):\n    return a, b\n{rows}")
    chat = {"provider": "llamacpp", "model": "m", "embeddings": {"provider": "llamacpp", "model": "m"}}
    settings = {"providers": {"llamacpp": {"baseUrl": embedding}}, "chat": {**chat, "maxTokens": 64}}
    told = [r"(\d+) places compared, \1 of them for the first time", r"\d+ places compared\n"]
    for how in told:
        async with chatting(tmp_path, settings) as editor:
            editor.open("## You\n@workspace how are numbers added?\n")
            assert (await bounded(editor.send(), 60))["text"]
            assert re.search(rf"found by words and by meaning \(m on llamacpp\): {how}", editor.text)


async def test_a_server_that_loads_is_waited_for(tmp_path: Path) -> None:
    """It listens before it loads, and answers 503 meanwhile; so large a context takes it a second."""
    model, port = write_endless_model(tmp_path / "m.gguf"), free_port()
    asked = command(port, "-m", str(model), "-c", str(1 << 20), "-np", "1")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(asked, env=os.environ | variables(), stdout=log, stderr=log)
        try:
            async with provider_at(f"http://127.0.0.1:{port}", Pace(poll=0.02)) as provider:
                await bounded(loading(provider), 30)
                assert await bounded(answer(provider, "m", ADD.raw, 4), 60)
        finally:
            process.kill()
            process.wait()


async def loading(provider: HttpProvider) -> None:
    """Until it says that it loads."""
    while (await provider.health()).state is not State.LOADING:
        await asyncio.sleep(0.002)


async def test_suggestions_come_back_by_themselves(tmp_path: Path) -> None:
    """It is killed in mid-answer and started again at its address, while somebody types on."""
    model, port = write_endless_model(tmp_path / "m.gguf"), free_port()
    url, ask = f"http://127.0.0.1:{port}", command(port, "-m", str(model), "-c", "2048", "-np", "1")
    options = {
        "providers": {"llamacpp": {"baseUrl": url}},
        "completion": {"provider": "llamacpp", "model": "m", "fimTemplate": "native", "cache": False},
    }
    async with editing(options) as editor:
        editor.open(f"{ADD.prefix}{CURSOR}{ADD.suffix}")
        with running(ask, variables(), f"{url}/health", tmp_path / "log", stop=subprocess.Popen.kill):
            answer = editor.ask_inline(invoked=True)
            await bounded(state_is(editor, "working"), 20)
        assert (await bounded(answer, 20))["items"] == [], "it was killed before its answer was whole"
        editor.type("x")
        await editor.inline()
        # That it broke off, or that nothing listens there: whichever is met first.
        assert "llamacpp" in await editor.told(url)
        with running(ask, variables(), f"{url}/health", tmp_path / "log"):
            await bounded(suggested(editor), 60)
        assert len(editor.messages()) == 1


async def state_is(editor: Editor, state: str) -> None:
    while (await editor.command("status"))["state"] != state:
        await asyncio.sleep(0.002)


async def suggested(editor: Editor) -> None:
    """Type on until something is suggested."""
    while True:
        editor.type("x")
        if await editor.inline():
            return
        await asyncio.sleep(0.2)
