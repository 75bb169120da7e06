"""Through the whole server: a model that loads is progress and no error; two without room are said once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.editor import CURSOR, Editor, editing
from tests.support.fake_server import (
    FakeServer,
    Recorded,
    Reply,
    bounded,
    chat_stream,
    json_reply,
    ollama_stream,
)
from twinny_lsp.providers import http

AT_ONCE = http.Pace(grace=0.5, poll=0.01, slow=0.0)
WINDOW = {"capabilities": {"window": {"workDoneProgress": True}}}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "Pace", lambda: AT_ONCE)


def options(server: FakeServer) -> dict[str, Any]:
    return {
        "providers": {"ollama": {"baseUrl": server.url}},
        "completion": {"model": "codellama:7b-code", "debounce": 0, "speculate": False, "cache": False},
        "chat": {"model": "talker"},
    }


def shown(editor: Editor) -> list[tuple[str, str]]:
    """The progress of models being loaded, in order: kind and message."""
    notes = [n.params for n in editor.session.notifications if n.method == "$/progress"]
    return [
        (note["value"]["kind"], note["value"].get("message", ""))
        for note in notes
        if str(note["token"]).startswith("twinny-lsp-loading-")
    ]


async def test_a_model_that_loads_is_progress() -> None:
    gate = asyncio.Event()
    async with FakeServer() as server:
        server.on("POST", "/api/generate", Reply(**{**vars(ollama_stream(["a + b"])), "head": gate}))
        server.on("GET", "/api/ps", json_reply({"models": []}))
        async with editing(options(server), initialize=WINDOW) as editor:
            editor.open(f"def add(a, b):\n    return {CURSOR}\n")
            asking = editor.ask_inline()
            await editor.session.wait_for("$/progress", lambda params: params["value"]["kind"] == "begin")
            gate.set()
            assert (await bounded(asking))["items"][0]["insertText"] == "a + b"
            await editor.session.wait_for("$/progress", lambda params: params["value"]["kind"] == "end")
            assert shown(editor) == [("begin", "ollama is loading codellama:7b-code"), ("end", "")]
            assert editor.messages() == []


async def test_two_models_without_room_are_said_once() -> None:
    kept: list[str] = []

    def load(reply: Reply) -> Any:
        def loaded(request: Recorded) -> Reply:
            kept[:] = [request.json["model"]]
            return reply

        return loaded

    async with FakeServer() as server:
        server.on("POST", "/api/generate", load(ollama_stream(["a + b"])))
        server.on("POST", "/v1/chat/completions", load(chat_stream(["Hello"])))
        memory = lambda _: json_reply({"models": [{"name": name} for name in kept]})  # noqa: E731
        server.on("GET", "/api/ps", memory)
        async with editing(options(server)) as editor:
            editor.open(f"def add(a, b):\n    return {CURSOR}\n")
            for _ in range(3):
                editor.type("(")
                await bounded(editor.ask_inline())
                await editor.command("chat", {"prompt": "Hi"})
            message = await editor.told("no room for two models")
            assert "codellama:7b-code" in message
            assert "talker" in message
            assert "OLLAMA_MAX_LOADED_MODELS" in message
            assert len(editor.messages()) == 1
