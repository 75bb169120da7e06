"""What the user is told when a model server fails: once, with what to do; and never silently."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.support.editor import CURSOR, URI, editing
from tests.support.fake_server import FakeServer, json_reply, ollama_stream

TAGS = {"models": [{"name": name} for name in ("nomic-embed-text", "llama3:8b", "qwen2.5-coder:1.5b")]}


def ollama(url: str, model: str = "qwen2.5-coder") -> dict[str, Any]:
    return {
        "providers": {"ollama": {"baseUrl": url}},
        "completion": {"model": model, "debounce": 0, "cache": False},
    }


async def test_a_server_that_is_not_there_is_said_once() -> None:
    async with editing(ollama("http://127.0.0.1:9")) as editor:
        editor.open(f"ret{CURSOR}")
        for _ in range(5):
            assert await editor.inline(invoked=True) == []
        told = await editor.told("127.0.0.1:9")
        assert "ollama serve" in told
        assert len(editor.messages()) == 1
        assert [action["title"] for action in await editor.actions()] == ["twinny-lsp: why nothing?"]
        why = await editor.command("why", {"uri": URI})
        assert "127.0.0.1:9" in why["text"]
        assert why["problems"]
        assert (await editor.command("status"))["state"] == "down"


async def test_all_is_well_again_after_a_success() -> None:
    async with FakeServer() as server:
        failure = json_reply({"error": "model runner has unexpectedly stopped"}, 500)
        server.on("POST", "/api/generate", failure, ollama_stream(["urn 1"]))
        async with editing(ollama(server.url)) as editor:
            editor.open(f"ret{CURSOR}")
            assert await editor.inline(invoked=True) == []
            await editor.told("runner")
            assert (await editor.inline(invoked=True))[0]["insertText"] == "return 1"
            assert await editor.actions() == []
            assert (await editor.command("status"))["problems"] == []


async def test_the_installed_models_are_offered_when_the_default_is_not_there() -> None:
    choices = asyncio.Queue[list[str]]()

    def choose(params: Any) -> Any:
        choices.put_nowait([action["title"] for action in params["actions"]])
        assert "codellama" in params["message"]
        return params["actions"][0]

    async with FakeServer() as server:
        missing = json_reply({"error": "model 'codellama:7b-code' not found"}, 404)
        server.on("POST", "/api/generate", missing, ollama_stream(["urn 1"]))
        server.on("POST", "/api/show", missing)
        server.on("GET", "/api/tags", json_reply(TAGS))
        handlers = {"window/showMessageRequest": choose}
        async with editing(ollama(server.url, "codellama:7b-code"), handlers=handlers) as editor:
            editor.open(f"ret{CURSOR}")
            assert await editor.inline(invoked=True) == []
            assert await asyncio.wait_for(choices.get(), 10) == ["qwen2.5-coder:1.5b", "llama3:8b"]
            assert "qwen2.5-coder:1.5b" in await editor.told("until the editor closes")
            assert (await editor.inline(invoked=True))[0]["insertText"] == "return 1"
            assert (await editor.command("status"))["model"] == "qwen2.5-coder:1.5b"


async def test_nobody_is_asked_twice() -> None:
    asked: list[Any] = []
    async with FakeServer() as server:
        missing = json_reply({"error": "model 'x' not found"}, 404)
        server.on("POST", "/api/generate", missing)
        server.on("GET", "/api/tags", json_reply(TAGS))
        handlers = {"window/showMessageRequest": lambda params: asked.append(params)}
        async with editing(ollama(server.url, "codellama:7b-code"), handlers=handlers) as editor:
            editor.open(f"ret{CURSOR}")
            for _ in range(3):
                assert await editor.inline(invoked=True) == []
            await editor.session.wait_until(lambda: len(asked) == 1)
            assert (await editor.command("status"))["state"] == "problem"
            assert editor.messages() == []


async def test_status_goes_to_those_who_ask() -> None:
    async with FakeServer() as server:
        server.on("POST", "/api/generate", json_reply({"error": "boom"}, 500))
        options = ollama(server.url) | {"clientFeatures": {"status": True}}
        async with editing(options) as editor:
            await editor.session.wait_for("twinny-lsp/status", lambda params: params["state"] == "ready")
            editor.open(f"ret{CURSOR}")
            await editor.inline(invoked=True)
            told = await editor.session.wait_for("twinny-lsp/status", lambda p: p["state"] == "problem")
            assert "boom" in told.params["message"]
            await editor.command("toggle", {"enabled": False})
            await editor.session.wait_for("twinny-lsp/status", lambda params: params["state"] == "off")
