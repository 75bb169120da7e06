"""Through the whole server: the APIs that fill in the middle in their own way, or only in words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.editor import CURSOR, editing
from tests.support.fake_server import FakeServer, Reply, chat_stream, completion_stream, json_reply

KEY = "sk-very-secret-0123456789"
TEXT = f"def add(a, b):\n    return {CURSOR}\n\n\nprint(add(1, 2))\n"
FENCED = ["Here is the code:\n\n```python\n", "a + b\n```\n", "\nIt adds them."]
NATIVE = [
    ("mistral", "/v1/fim/completions", chat_stream(["a ", "+ b"])),
    ("codestral", "/v1/fim/completions", chat_stream(["a ", "+ b"])),
    ("deepseek", "/beta/completions", completion_stream(["a ", "+ b"])),
]


def options(server: FakeServer, preset: str, **completion: Any) -> dict[str, Any]:
    return {
        "providers": {preset: {"baseUrl": server.url, "apiKey": KEY}},
        "completion": {"provider": preset, "debounce": 0, "candidates": 1, **completion},
    }


@pytest.mark.parametrize(("preset", "path", "reply"), NATIVE, ids=lambda value: str(value)[:12])
async def test_a_path_of_its_own(preset: str, path: str, reply: Reply) -> None:
    async with FakeServer() as server:
        server.on("POST", path, reply)
        async with editing(options(server, preset)) as editor:
            editor.open(TEXT)
            (item,) = await editor.inline(invoked=True)
            assert item["insertText"] == "a + b"
        asked = [request for request in server.requests if request.path == path]
        assert asked[0].json["prompt"].endswith("def add(a, b):\n    return ")
        assert asked[0].json["suffix"] == "\n\n\nprint(add(1, 2))\n"
        assert asked[0].headers["authorization"] == f"Bearer {KEY}"
        assert len(asked) == 1, "nothing is asked ahead of what is paid for"


async def test_a_model_that_cannot_is_asked_in_words_from_then_on() -> None:
    refusal = {"object": "error", "message": "This model does not support FIM", "type": "invalid_request"}
    async with FakeServer() as server:
        server.on("POST", "/v1/fim/completions", json_reply(refusal, 400))
        server.on("POST", "/v1/chat/completions", chat_stream(FENCED))
        async with editing(options(server, "mistral", model="mistral-large-latest", cache=False)) as editor:
            editor.open(TEXT)
            for _ in range(2):
                (item,) = await editor.inline(invoked=True)
                assert item["insertText"] == "a + b"
            assert editor.messages() == []
        posted = [request.path for request in server.requests if request.method == "POST"]
        assert posted == ["/v1/fim/completions", "/v1/chat/completions", "/v1/chat/completions"]


@pytest.mark.parametrize(
    ("preset", "path"),
    [("openai", "/v1/chat/completions"), ("openrouter", "/api/v1/chat/completions")],
)
async def test_only_chat(preset: str, path: str) -> None:
    """What such a model writes around the code is taken off."""
    async with FakeServer() as server:
        server.on("POST", path, chat_stream(FENCED))
        async with editing(options(server, preset, model="some-model")) as editor:
            editor.open(TEXT)
            (item,) = await editor.inline(invoked=True)
            assert item["insertText"] == "a + b"
        (asked,) = (request for request in server.requests if request.path == path)
        assert "return <CURSOR/>\n\n\nprint(add(1, 2))" in asked.json["messages"][-1]["content"]


async def test_a_suffix_only_where_the_settings_say_so() -> None:
    async with FakeServer() as server:
        server.on("POST", "/v1/completions", completion_stream(["a + b"]))
        for template in ("native", "qwen"):
            given = options(server, "openai-compatible", model="m", fimTemplate=template, speculate=False)
            async with editing(given) as editor:
                editor.open(TEXT)
                (item,) = await editor.inline(invoked=True)
                assert item["insertText"] == "a + b"
        bodies = [request.json for request in server.requests if request.method == "POST"]
        assert [("suffix" in body) for body in bodies] == [True, False]
