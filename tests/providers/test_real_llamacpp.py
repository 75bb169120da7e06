"""The product's adapters against a real llama.cpp on the tiny FIM model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace

import pytest

from tests.support.asking import first_text
from tests.support.fake_server import bounded
from tests.support.servers.expected import ADD, ANSWERS, BAD, HELLO, Expected
from tests.support.servers.llama import LlamaServer, run_llama, write_endless_model, write_model_without_fim
from twinny_lsp.errors import ContextOverflow, Unauthorized, Unsupported
from twinny_lsp.exchange import (
    ChatPrompt,
    ContextFile,
    FimPrompt,
    Finish,
    Generation,
    Message,
    Piece,
    Prompt,
    RawPrompt,
)
from twinny_lsp.providers.base import State
from twinny_lsp.providers.endpoint import Endpoint, KeySource, Route, Wire
from twinny_lsp.providers.http import HttpProvider

pytestmark = pytest.mark.real
CHAT = ChatPrompt((Message("user", "Hello"),))


def endpoint_of(server: LlamaServer) -> Endpoint:
    return Endpoint(
        "mine",
        "llamacpp",
        server.url,
        Route(Wire.LLAMACPP_COMPLETION, "/completion"),
        Route(Wire.OPENAI_CHAT, "/v1/chat/completions"),
        Route(Wire.LLAMACPP_INFILL, "/infill"),
        key=KeySource(value=server.key),
        options={"batch_tokens": 512},
    )


def ask(prompt: Prompt, max_tokens: int = 48) -> Generation:
    return Generation("tiny-fim", prompt, max_tokens, 0.0)


async def run(endpoint: Endpoint, generation: Generation) -> list[Piece]:
    provider = HttpProvider(endpoint)
    try:
        async with aclosing(provider.stream(generation)) as pieces:
            return [piece async for piece in pieces]
    finally:
        await provider.close()


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


WAYS = [(way, expected) for way in ("infill", "completion", "v1") for expected in ANSWERS]


@pytest.mark.parametrize(("way", "expected"), [*WAYS, ("infill", BAD)], ids=lambda p: getattr(p, "name", p))
async def test_fill_in_the_middle(llama_server: LlamaServer, expected: Expected, way: str) -> None:
    endpoint = endpoint_of(llama_server)
    if way == "v1":
        endpoint = replace(endpoint, completion=Route(Wire.OPENAI_COMPLETIONS, "/v1/completions"))
    pieces = await run(endpoint, ask(expected.fim if way == "infill" else expected.raw))
    assert text_of(pieces) == expected.text
    assert len(pieces) > 2  # it was streamed
    assert pieces[-1].finish is Finish.STOP
    assert pieces[-1].usage is not None
    assert (pieces[-1].usage.generated or 0) > 0


async def test_the_token_limit_is_told(llama_server: LlamaServer) -> None:
    pieces = await run(endpoint_of(llama_server), ask(ADD.fim, max_tokens=2))
    assert ADD.text.startswith(text_of(pieces))
    assert pieces[-1].finish is Finish.LENGTH


async def test_a_stop_string_ends_the_answer(llama_server: LlamaServer) -> None:
    pieces = await run(endpoint_of(llama_server), replace(ask(ADD.fim), stop=(" +",)))
    assert text_of(pieces) == "return a"
    assert pieces[-1].finish is Finish.STOP


@pytest.mark.parametrize(
    "route",
    [Route(Wire.OPENAI_CHAT, "/v1/chat/completions"), Route(Wire.LLAMACPP_COMPLETION, "/completion")],
    ids=["v1", "old form"],
)
async def test_chat(llama_server: LlamaServer, route: Route) -> None:
    pieces = await run(replace(endpoint_of(llama_server), chat=route), ask(CHAT))
    assert text_of(pieces) == HELLO
    assert pieces[-1].finish is Finish.STOP


async def test_the_second_time_the_prompt_is_not_computed_again(llama_server: LlamaServer) -> None:
    prompt = FimPrompt("".join(f"def f{i}(x):\n    return x + {i}\n\n\n" for i in range(20)), "\n")
    await run(endpoint_of(llama_server), ask(prompt, 4))
    usage = (await run(endpoint_of(llama_server), ask(replace(prompt, prefix=prompt.prefix + "def"), 4)))[
        -1
    ].usage
    assert usage is not None
    assert usage.prompt is not None
    assert usage.cached is not None
    assert usage.prompt - usage.cached < 16


def long_prompt(name: str, functions: int = 14) -> FimPrompt:
    """Some 300 tokens that have nothing in common with those of another name; /infill takes no 400."""
    body = "".join(f"def {name}_{i}(x):\n    return {name}[x + {i}]\n\n\n" for i in range(functions))
    return FimPrompt(f"# {name}\n{body}", "\n")


def raw(prompt: FimPrompt) -> RawPrompt:
    return RawPrompt(f"<|fim_prefix|>{prompt.prefix}<|fim_suffix|>{prompt.suffix}<|fim_middle|>")


def computed(pieces: list[Piece]) -> int:
    """How many tokens of the prompt were computed anew."""
    usage = pieces[-1].usage
    assert usage is not None
    assert usage.prompt is not None
    assert usage.cached is not None
    return usage.prompt - usage.cached


V1 = Route(Wire.OPENAI_COMPLETIONS, "/v1/completions")


@pytest.mark.parametrize("way", ["infill", "completion", "v1", "chat"])
async def test_what_is_cached_is_told_before_the_first_text(llama_server: LlamaServer, way: str) -> None:
    prompt = long_prompt(f"told_{way}")
    prompts: dict[str, Prompt] = {
        "infill": prompt,
        "completion": raw(prompt),
        "v1": raw(prompt),
        "chat": ChatPrompt((Message("user", prompt.prefix),)),
    }
    endpoint = endpoint_of(llama_server)
    endpoint = replace(endpoint, completion=V1) if way == "v1" else endpoint
    await run(endpoint, ask(prompts[way], 2))
    pieces = await run(endpoint, ask(prompts[way], 3))
    told = [piece.usage for piece in pieces if piece.usage]
    before, first, last = told[0], next(usage for usage in told if usage.generated == 1), told[-1]
    assert not before.generated
    assert before.prompt == last.prompt
    assert before.cached == last.cached == (before.prompt or 0) - 1
    assert (first.prompt_ms or 0.0) > 0.0
    assert last.prompt_ms == first.prompt_ms


@pytest.mark.parametrize("way", ["infill", "completion", "v1", "chat"])
async def test_a_prompt_read_ahead_is_there_when_it_is_needed(llama_server: LlamaServer, way: str) -> None:
    prompt = long_prompt(f"ahead_{way}")
    more = replace(prompt, prefix=prompt.prefix + "def")
    asked: dict[str, tuple[Prompt, Prompt]] = {
        "infill": (prompt, more),
        "completion": (raw(prompt), raw(more)),
        "v1": (raw(prompt), raw(more)),
        "chat": (
            ChatPrompt((Message("user", prompt.prefix),)),
            ChatPrompt((Message("user", more.prefix),)),
        ),
    }
    endpoint = endpoint_of(llama_server)
    endpoint = replace(endpoint, completion=V1) if way == "v1" else endpoint
    ahead, then = asked[way]
    warm = await run(endpoint, replace(ask(ahead, 100), warm=True))
    assert computed(warm) > 200
    assert warm[-1].usage is not None
    assert warm[-1].usage.generated == 1
    assert computed(await run(endpoint, ask(then, 4))) < 16


async def test_a_chat_between_two_completions_costs_them_nothing(llama_server: LlamaServer) -> None:
    """With two slots: the completion's and the chat's."""
    endpoint = endpoint_of(llama_server)
    code, talk = long_prompt("between"), long_prompt("talk").prefix
    for round_ in range(3):
        typed = replace(code, prefix=code.prefix + "def"[: round_ + 1])
        asked = [typed, ChatPrompt((Message("user", talk + "?" * round_),))]
        anew = [computed(await run(endpoint, ask(prompt, 4))) for prompt in asked]
        assert (max(anew) < 16) == (round_ > 0)


async def test_tokens_are_counted_by_the_models_own_tokenizer(llama_server: LlamaServer) -> None:
    provider = HttpProvider(endpoint_of(llama_server))
    try:
        assert await provider.count_tokens("", "tiny-fim") == 0
        assert await provider.count_tokens("<|fim_prefix|>def add(a, b):", "tiny-fim") == 7
        prompt = raw(long_prompt("counted"))
        counted = await provider.count_tokens(prompt.text, "tiny-fim")
        usage = (await run(endpoint_of(llama_server), ask(prompt, 2)))[-1].usage
        assert usage is not None
        assert usage.prompt == counted
    finally:
        await provider.close()


@pytest.mark.parametrize("way", ["infill", "completion", "v1", "chat"])
async def test_several_answers_of_one_call(llama_server: LlamaServer, way: str) -> None:
    endpoint = endpoint_of(llama_server)
    endpoint = replace(endpoint, completion=V1) if way == "v1" else endpoint
    prompts: dict[str, Prompt] = {"infill": ADD.fim, "completion": ADD.raw, "v1": ADD.raw, "chat": CHAT}
    generation = replace(ask(prompts[way], 6), n=3, temperature=1.0, seed=7)
    pieces = await run(endpoint, generation)
    texts = ["".join(piece.text for piece in pieces if piece.choice == choice) for choice in (0, 1)]
    assert all(texts)
    assert {piece.choice for piece in pieces} == {0, 1}  # it has two slots
    ends = [piece.choice for piece in pieces if piece.finish is not None]
    assert (sorted(ends[:-1]), ends[-1]) == ([0, 1], 0)
    assert pieces[-1].usage is not None
    assert 2 <= (pieces[-1].usage.generated or 0) <= 12


async def test_other_files_reach_the_model(llama_server: LlamaServer) -> None:
    extra = (ContextFile("shapes.py", "def unusual_name_here(radius):\n    return radius\n" * 4),)
    sizes = []
    for files in ((), extra):
        provider = HttpProvider(endpoint_of(llama_server))
        try:
            await provider.facts("tiny-fim")
            async with aclosing(provider.stream(ask(replace(ADD.fim, extra=files), 2))) as stream:
                usage = [piece async for piece in stream][-1].usage
        finally:
            await provider.close()
        assert usage is not None
        sizes.append(usage.prompt or 0)
    assert sizes[1] > sizes[0] + 40


async def test_health_and_facts(llama_server: LlamaServer) -> None:
    provider = HttpProvider(endpoint_of(llama_server))
    try:
        health = await provider.health()
        assert health.state is State.READY
        assert "llama.cpp" in health.server
        assert [model.name for model in await provider.models()] == ["tiny-fim"]
        facts = await provider.facts("tiny-fim")
        assert (facts.insert, facts.context_tokens, facts.batch_tokens) == (True, 2048, 512)
        assert facts.slots == 2
        assert provider.most_choices(ADD.fim, facts) == 2
    finally:
        await provider.close()


@pytest.mark.parametrize("prompt", [ADD.fim, ADD.raw, CHAT], ids=["infill", "completion", "chat"])
async def test_a_wrong_key_is_said_without_showing_it(llama_server: LlamaServer, prompt: Prompt) -> None:
    endpoint = replace(endpoint_of(llama_server), key=KeySource(value="wrong-key-1"))
    with pytest.raises(Unauthorized) as caught:
        await run(endpoint, ask(prompt))
    assert "wrong-key-1" not in str(caught.value) + caught.value.detail
    provider = HttpProvider(endpoint)
    try:
        assert (await provider.health()).state is State.REFUSING
    finally:
        await provider.close()


async def test_an_overlong_prompt_is_told_with_the_limit(llama_server: LlamaServer) -> None:
    with pytest.raises(ContextOverflow) as caught:
        await run(endpoint_of(llama_server), ask(RawPrompt("word = 1\n" * 3000)))
    assert caught.value.limit == 2048


async def slots_are(server: LlamaServer, busy: int) -> None:
    while await asyncio.to_thread(server.busy_slots) != busy:
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("how", ["aclose", "cancel"])
async def test_giving_up_frees_the_slot(how: str, endless_server: LlamaServer) -> None:
    provider = HttpProvider(endpoint_of(endless_server))
    begun = asyncio.Event()

    async def read() -> None:
        async with aclosing(provider.stream(ask(ADD.raw, 100_000))) as pieces:
            async for _ in pieces:
                begun.set()
                if how == "aclose":
                    return

    try:
        reading = asyncio.create_task(read())
        await bounded(begun.wait())
        if how == "cancel":
            assert await asyncio.to_thread(endless_server.busy_slots) == 1
            reading.cancel()
        await asyncio.wait({reading})
        await bounded(slots_are(endless_server, 0))
    finally:
        await provider.close()


async def test_giving_up_before_the_first_byte_frees_the_queue(endless_server: LlamaServer) -> None:
    """With one slot a second request gets no bytes at all; closing it must not leave it queued."""
    provider = HttpProvider(endpoint_of(endless_server))
    first = provider.stream(ask(ADD.raw, 100_000))
    try:
        await bounded(first_text(first))
        second = asyncio.ensure_future(first_text(provider.stream(ask(ADD.raw))))
        await asyncio.wait({second}, timeout=0.2)
        assert not second.done()
        second.cancel()
        await asyncio.wait({second})
        await first.aclose()
        assert len([piece async for piece in provider.stream(ask(ADD.raw, 5))]) > 2
    finally:
        await first.aclose()
        await provider.close()


async def test_giving_up_while_the_prompt_is_read_stops_the_reading(endless_server: LlamaServer) -> None:
    """To its end this prompt takes minutes; the server sees that we are gone when it tells its progress."""
    provider = HttpProvider(endpoint_of(endless_server))
    stream = provider.stream(ask(RawPrompt("word = 1\n" * 11_000)))
    try:
        piece = await bounded(anext(stream))
        assert piece.usage is not None
        assert (piece.usage.prompt or 0) > 50_000
        assert await asyncio.to_thread(endless_server.busy_slots) == 1
        await stream.aclose()
        await bounded(slots_are(endless_server, 0))
    finally:
        await provider.close()


@pytest.fixture(scope="module")
def endless_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    path = write_endless_model(tmp_path_factory.mktemp("models") / "endless.gguf")
    with run_llama(model=path, context=65_536, parallel=1) as server:
        yield server


@pytest.fixture(scope="module")
def plain_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    path = write_model_without_fim(tmp_path_factory.mktemp("models") / "plain.gguf")
    with run_llama(model=path) as server:
        yield server


async def test_a_model_without_fim_tokens_is_unsupported_not_broken(plain_server: LlamaServer) -> None:
    endpoint = endpoint_of(plain_server)
    with pytest.raises(Unsupported):
        await run(endpoint, ask(ADD.fim))
    assert text_of(await run(endpoint, ask(RawPrompt("def add(a, b):\n    "), 8)))
    provider = HttpProvider(endpoint)
    try:
        assert (await provider.facts("tiny-fim")).insert is False
    finally:
        await provider.close()
