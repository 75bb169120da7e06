"""A model that is being loaded, and two that push each other out of memory: noticed, and said in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from tests.support.asking import collect, endpoint, generation, text_of
from tests.support.fake_server import (
    HANG,
    FakeServer,
    Recorded,
    Reply,
    bounded,
    completion_stream,
    json_reply,
    ollama_stream,
)
from twinny_lsp.providers.endpoint import Endpoint
from twinny_lsp.providers.http import HttpProvider, Pace
from twinny_lsp.providers.residency import Memory

AT_ONCE = Pace(grace=2.0, slow=0.0, poll=0.01)


class Heard:
    """Keeps what is told."""

    def __init__(self) -> None:
        self.loads: list[tuple[str, bool]] = []
        self.messages: list[str] = []
        self.begun = asyncio.Event()

    def loading(self, endpoint: Endpoint, model: str, under_way: bool) -> None:
        self.loads.append((model, under_way))
        self.begun.set()

    def contended(self, endpoint: Endpoint, message: str) -> None:
        self.messages.append(message)


def loaded(preset: str, *names: str) -> dict[str, Reply]:
    """What a server says of its memory, by path."""
    if preset == "lmstudio":
        rows = [
            {"id": name, "type": "llm", "state": "loaded" if name in names else "not-loaded"} for name in "ab"
        ]
        return {"/api/v0/models": json_reply({"data": rows})}
    if preset == "llama-swap":
        rows = [{"model": name, "state": "ready"} for name in names]
        return {"/running": json_reply({"running": [*rows, {"model": "z", "state": "starting"}]})}
    if preset == "llamacpp":
        rows = [{"id": name, "status": {"value": "loaded" if name in names else "unloaded"}} for name in "ab"]
        return {"/v1/models": json_reply({"data": rows})}
    path = "/ollama/api/ps" if preset == "openwebui" else "/api/ps"
    return {path: json_reply({"models": [{"name": f"{name}:latest"} for name in names]})}


def answer(preset: str) -> tuple[str, Callable[[Any], Reply]]:
    """The path of a completion, and what makes its stream."""
    if preset in ("ollama", "openwebui"):
        return ("/ollama" if preset == "openwebui" else "") + "/api/generate", ollama_stream
    if preset in ("llamacpp", "llama-swap"):
        end = 'data: {"content": "a", "stop": true, "stop_type": "eos"}\n\n'
        return "/completion", lambda _: Reply([end], content_type="text/event-stream")
    return "/v1/completions", completion_stream


SWAPPING = ["ollama", "openwebui", "lmstudio", "llamacpp", "llama-swap"]


@pytest.mark.parametrize("preset", SWAPPING)
async def test_a_model_that_loads_is_told_until_it_answers(preset: str) -> None:
    heard, gate = Heard(), asyncio.Event()
    async with FakeServer() as server:
        path, stream = answer(preset)
        server.on("POST", path, replace(stream(["a"]), head=gate))
        for where, reply in loaded(preset, "b").items():
            server.on("GET", where, reply)
        provider = HttpProvider(endpoint(server.url, preset), AT_ONCE, heard)
        asking = asyncio.ensure_future(collect(provider, generation(model="a")))
        await bounded(heard.begun.wait())
        assert heard.loads == [("a", True)]
        gate.set()
        assert text_of(await bounded(asking)) == "a"
        await provider.close()
    assert heard.loads == [("a", True), ("a", False)]


async def test_a_slow_answer_of_a_loaded_model_is_not_told_as_loading() -> None:
    heard, gate = Heard(), asyncio.Event()
    async with FakeServer() as server:
        server.on("POST", "/api/generate", replace(ollama_stream(["a"]), head=gate))

        def asked(_: Recorded) -> Reply:
            gate.set()
            return loaded("ollama", "a")["/api/ps"]

        server.on("GET", "/api/ps", asked)
        provider = HttpProvider(endpoint(server.url), AT_ONCE, heard)
        assert text_of(await bounded(collect(provider, generation(model="a")))) == "a"
        await provider.close()
    assert heard.loads == []


async def test_giving_up_ends_what_was_told() -> None:
    heard = Heard()
    async with FakeServer() as server:
        server.on("POST", "/api/generate", Reply(head=HANG))
        server.on("GET", "/api/ps", loaded("ollama")["/api/ps"])
        provider = HttpProvider(endpoint(server.url), AT_ONCE, heard)
        asking = asyncio.ensure_future(collect(provider))
        await bounded(heard.begun.wait())
        asking.cancel()
        await asyncio.wait({asking})
        await provider.close()
    assert heard.loads == [("m", True), ("m", False)]


async def test_a_llamacpp_that_says_it_loads_is_waited_for() -> None:
    heard = Heard()
    loads = json_reply({"error": {"message": "Loading model", "code": 503}}, 503)
    async with FakeServer() as server:
        path, stream = answer("llamacpp")
        server.on("POST", path, loads, stream(["a"]))
        server.on("GET", "/health", loads, loads, json_reply({"status": "ok"}))
        server.on("GET", "/props", json_reply({}))
        pace = replace(AT_ONCE, slow=60.0)
        provider = HttpProvider(endpoint(server.url, "llamacpp"), pace, heard)
        assert text_of(await bounded(collect(provider))) == "a"
        await provider.close()
    assert heard.loads == [("m", True), ("m", False)]


async def switching(preset: str, memory: str, heard: Heard, *models: str) -> int:
    """Ask for these models in turn. `memory`: how many models fit, or "silent". Gives the number of questions
    about the memory."""
    kept: list[str] = []

    def load(request: Recorded) -> Reply:
        name = request.json["model"].partition(":")[0]
        kept[:] = [name] if memory == "one" else [*dict.fromkeys((*kept, name))]
        return stream(["a"])

    async with FakeServer() as server:
        path, stream = answer(preset)
        server.on("POST", path, load)
        if memory != "silent":
            for where in loaded(preset):
                server.on("GET", where, lambda r: loaded(preset, *kept)[r.path])
        shared = Memory()
        talk = HttpProvider(endpoint(server.url, preset), AT_ONCE, heard, shared)
        code = HttpProvider(endpoint(server.url, preset), AT_ONCE, heard, shared)
        for number, model in enumerate(models):
            before = len(server.requests)
            await bounded(collect(code if number % 2 else talk, generation(model=model)))
            await bounded(settled())
            assert len(server.requests) > before
        await talk.close()
        await code.close()
        return sum(request.method == "GET" for request in server.requests)


async def settled() -> None:
    """Until nothing of the watch is under way."""

    def looking() -> list[asyncio.Task[Any]]:
        return [task for task in asyncio.all_tasks() if _of_residency(task.get_coro())]

    while looking():
        await asyncio.wait(looking())


def _of_residency(coroutine: Coroutine[Any, Any, Any] | Any) -> bool:
    return "Residency" in getattr(coroutine, "__qualname__", "")


@pytest.mark.parametrize("preset", SWAPPING)
async def test_two_models_without_room_are_said_once(preset: str) -> None:
    heard = Heard()
    await switching(preset, "one", heard, *"ababab")
    (message,) = heard.messages
    assert message.startswith(f"{preset} at http://127.0.0.1")
    assert "no room for two models: b and a" in message or "no room for two models: a and b" in message
    assert "Use one model for both" in message


@pytest.mark.parametrize(
    ("memory", "models"), [("two", "abab"), ("one", "aaaa"), ("one", "ab"), ("silent", "abab")]
)
async def test_nothing_is_said_without_need(memory: str, models: str) -> None:
    heard = Heard()
    await switching("ollama", memory, heard, *models)
    assert heard.messages == []


async def test_a_quick_switch_costs_no_question() -> None:
    heard = Heard()
    async with FakeServer() as server:
        server.on("POST", "/api/generate", ollama_stream(["a"]))
        provider = HttpProvider(endpoint(server.url), Pace(slow=60.0), heard)
        for model in "abab":
            await collect(provider, generation(model=model))
        await provider.close()
        assert {request.method for request in server.requests} == {"POST"}


def test_a_model_whose_time_was_over_was_not_pushed_out() -> None:
    memory = Memory()
    assert memory.switched("a", 1000.0) == ""
    assert memory.switched("b", 1059.0) == "a"
    assert memory.switched("b", 1060.0) == ""
    assert memory.switched("a", 1121.0) == ""


def test_a_pair_is_told_once_and_only_when_it_happened_both_ways() -> None:
    memory = Memory()
    assert [memory.pushed(*pair) for pair in ("ab", "ab", "ba", "ab", "ca", "ac")] == [
        *(False, False, True),
        *(False, False, True),
    ]
