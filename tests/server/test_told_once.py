"""What is wrong is said once, clearly, through the whole server; and everything else goes on.

The messages themselves are held by tests/faults; here it is that they reach the user, and how often.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.editor import CURSOR, URI, Editor, editing
from tests.support.fake_server import (
    FakeServer,
    Reply,
    chat_stream,
    json_reply,
    ndjson,
    ollama_stream,
    text_reply,
)
from twinny_lsp.cli.session import JsonRpcError
from twinny_lsp.config.sources import user_config_path
from twinny_lsp.providers import http

OTHER = "file:///project/b.go"
KEY = "sk-very-secret-0123456789"
ASKED = 3
PACE = http.Pace(grace=0.5, loading=0.05, poll=0.01, ask=1.0)
"""A llama.cpp that loads its model is waited for; not as long here."""

NOT_FOUND = json_reply({"error": "model 'm' not found, try pulling it first"}, 404)
TAGS = json_reply({"models": [{"name": "qwen2.5-coder:7b"}, {"name": "nomic-embed-text:latest"}]})


@dataclass(frozen=True)
class Fault:
    """`reply` None: nothing listens. `says`: the cause and the next step, beside the address."""

    name: str
    reply: Reply | None
    says: tuple[str, ...]
    preset: str = "ollama"
    provider: dict[str, Any] = field(default_factory=dict)
    completion: dict[str, Any] = field(default_factory=dict)


FAULTS = (
    Fault("wrong port", None, ("nothing listens there", "`ollama serve`")),
    Fault(
        "wrong path", text_reply("404 page not found", 404), ("/api/generate", "Check the address and the")
    ),
    Fault(
        "wrong path in the short form",
        NOT_FOUND,
        ("/nowhere", "Check the address and the path"),
        completion={"path": "/nowhere"},
    ),
    Fault(
        "wrong key",
        json_reply({"error": {"message": "Invalid API Key", "type": "authentication_error"}}, 401),
        ("refuses the API key", "Check the key of providers.sick"),
        "llamacpp",
        {"apiKey": KEY},
    ),
    Fault("unknown model", NOT_FOUND, ("does not have the model m", "`ollama pull m`")),
    Fault(
        "model still loading",
        json_reply({"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}, 503),
        ("is still loading the model", "Ask again in a moment"),
        "llamacpp",
    ),
    Fault(
        "HTML instead of JSON",
        text_reply("<!doctype html><html>hello</html>", content_type="text/html"),
        ("HTML page instead of JSON", "Check the address and the path"),
    ),
    Fault(
        "200 with an error",
        json_reply({"error": "the runner has stopped"}),
        ("the runner has stopped", "See the server's own log"),
    ),
    Fault(
        "rubbish",
        ndjson(b"\xff\xfe{not json\n", "[[[[\n"),
        ("gave no usable answer", "See the server's own log"),
    ),
    Fault(
        "no HTTP at all",
        Reply([b"x"], headers=(("Content-Length", "many"),), framing="close"),
        ("does not speak HTTP", "Check the port"),
    ),
)
ROUTES = ("/api/generate", "/completion", "/infill")


@asynccontextmanager
async def at_work(options: dict[str, Any], well: FakeServer, **more: Any) -> AsyncIterator[Editor]:
    """An editor whose Go and chat go to `well`, whatever `options` do to all else."""
    well.on("POST", "/api/generate", ollama_stream(["turn 1"]))
    well.on("POST", "/v1/chat/completions", chat_stream(["hello"]))
    completion = {"model": "m", "fimTemplate": "qwen", "debounce": 0, "cache": False} | options.get(
        "completion", {}
    )
    languages = {"go": {"provider": "well", "model": "qwen2.5-coder", "fimTemplate": "qwen"}}
    providers = {"well": {"type": "ollama", "baseUrl": well.url}} | options.get("providers", {})
    given = options | {
        "providers": providers,
        "completion": completion | {"languages": languages},
        "chat": {"provider": "well", "model": "m"},
    }
    async with editing(given, **more) as editor:
        yield editor


async def ask(editor: Editor) -> list[list[dict[str, Any]]]:
    """As many requests as it takes to be a nuisance, of all kinds."""
    editor.open(f"re{CURSOR}\n")
    answers = [await editor.inline(invoked=number % 2 == 0) for number in range(ASKED)]
    editor.texts[URI] = "re\n"
    return answers


async def goes_on(editor: Editor) -> None:
    """Another language with another provider, and the chat, are as ever."""
    editor.open(f"func f() int {{\n\tre{CURSOR}\n}}\n", OTHER, "go")
    assert [item["insertText"] for item in await editor.inline(invoked=True, uri=OTHER)] == ["return 1"]
    assert (await editor.command("chat", {"prompt": "hi"}))["text"] == "hello"


async def told(editor: Editor, word: str) -> str:
    """The one message the user has had, once everything that might bring another is over."""
    await editor.told(word)
    for _ in range(3):
        await editor.command("status")
    messages = editor.messages()
    assert len(messages) == 1, messages
    return messages[0]


async def why(editor: Editor) -> str:
    return str((await editor.command("why", {"uri": URI}))["text"])


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_a_model_server(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "Pace", lambda: PACE)
    async with FakeServer() as sick, FakeServer() as well:
        for path in ROUTES:
            if fault.reply is not None and not fault.completion:
                sick.on("POST", path, fault.reply)
        if fault.preset == "llamacpp" and fault.reply is not None:
            sick.on("GET", "/health", fault.reply)
        if fault.reply is None:
            await sick.stop_listening()
        provider = {"type": fault.preset, "baseUrl": sick.url} | fault.provider
        options = {"providers": {"sick": provider}, "completion": {"provider": "sick"} | fault.completion}
        async with at_work(options, well) as editor:
            assert await ask(editor) == [[]] * ASKED
            message = await told(editor, fault.says[0])
            assert sick.url in message
            assert all(part in message for part in fault.says), message
            assert KEY not in message
            body = message.removeprefix("twinny-lsp: ")
            explained = await why(editor)
            assert body in explained
            await goes_on(editor)
            status = await editor.command("status")
            assert (status["state"], status["problems"]) == ("problem", [body])
            assert editor.messages() == [message, f"twinny-lsp: {explained}"]


async def test_a_missing_model_where_others_are_installed() -> None:
    async with FakeServer() as sick, FakeServer() as well:
        sick.on("POST", "/api/generate", NOT_FOUND)
        sick.on("GET", "/api/tags", TAGS)
        asked: list[Any] = []
        options = {
            "providers": {"sick": {"type": "ollama", "baseUrl": sick.url}},
            "completion": {"provider": "sick"},
        }
        handlers = {"window/showMessageRequest": lambda params: asked.append(params)}
        async with at_work(options, well, handlers=handlers) as editor:
            assert await ask(editor) == [[]] * ASKED
            await editor.session.wait_until(lambda: bool(asked))
            await goes_on(editor)
            assert len(asked) == 1
            assert [action["title"] for action in asked[0]["actions"]] == ["qwen2.5-coder:7b"]
            assert all(part in asked[0]["message"] for part in (sick.url, "model m", "ollama pull m"))
            assert editor.messages() == []
            assert "does not have the model m" in await why(editor)


async def test_a_client_that_cannot_ask_tells_of_the_missing_model() -> None:
    def refuse(_: Any) -> None:
        raise JsonRpcError(-32601, "no such method")

    async with FakeServer() as sick, FakeServer() as well:
        sick.on("POST", "/api/generate", NOT_FOUND)
        sick.on("GET", "/api/tags", TAGS)
        options = {
            "providers": {"sick": {"type": "ollama", "baseUrl": sick.url}},
            "completion": {"provider": "sick"},
        }
        async with at_work(options, well, handlers={"window/showMessageRequest": refuse}) as editor:
            assert await ask(editor) == [[]] * ASKED
            assert "ollama pull m" in await told(editor, "does not have the model m")


async def test_a_settings_file_that_cannot_be_read() -> None:
    user_config_path().mkdir(parents=True)
    async with FakeServer() as well, at_work({"completion": {"provider": "well"}}, well) as editor:
        answers = await ask(editor)
        assert [[item["insertText"] for item in items] for items in answers] == [["return 1"]] * ASKED
        message = await told(editor, "config.toml")
        assert "is not a file" in message
        assert "config.toml" in await why(editor)
        await goes_on(editor)


async def test_an_unknown_provider() -> None:
    async with FakeServer() as well, at_work({"completion": {"provider": "olama"}}, well) as editor:
        assert await ask(editor) == [[]] * ASKED
        message = await told(editor, "completion.provider")
        assert "did you mean `ollama`" in message
        assert "completion.provider" in await why(editor)
        await goes_on(editor)


async def test_a_template_that_does_not_parse(tmp_path: Path) -> None:
    template = tmp_path / "fim.hbs"
    template.write_text("<PRE>{{{prefix}}}\n{{#if suffix}}<SUF>{{{suffix}}}<MID>\n")
    options = {
        "templates": {"directory": str(tmp_path)},
        "completion": {"provider": "well", "fimTemplate": "custom-template", "candidates": 1},
    }
    async with FakeServer() as well, at_work(options, well) as editor:
        assert await ask(editor) == [[]] * ASKED
        message = await told(editor, "fim.hbs")
        assert f"{template}:2: " in message
        assert "{{#if}}" in message or "{{/if}}" in message
        assert f"{template}:2: " in await why(editor)
        await goes_on(editor)
        assert [request.path for request in well.requests].count("/api/generate") == 1, "the Go one"

        template.write_text("<PRE>{{{prefix}}}\n{{#if suffix}}<SUF>{{{suffix}}}<MID>{{/if}}")
        editor.cursor = 2
        assert [item["insertText"] for item in await editor.inline(invoked=True)] == ["return 1"]
        assert well.requests[-1].json["prompt"] == "<PRE>re\n<SUF>\n<MID>"
        assert (await editor.command("status"))["problems"] == []
        assert await editor.actions() == []


async def test_a_template_that_would_run_code(tmp_path: Path) -> None:
    template = tmp_path / "fim.hbs"
    template.write_text("{{{prefix}}}\n\n{{__import__}}\n")
    options = {
        "templates": {"directory": str(tmp_path)},
        "completion": {"provider": "well", "fimTemplate": "custom-template"},
    }
    async with FakeServer() as well, at_work(options, well) as editor:
        assert await ask(editor) == [[]] * ASKED
        assert f"{template}:3: " in await told(editor, "fim.hbs")
        await goes_on(editor)


async def test_a_key_that_cannot_be_had() -> None:
    keyed = {"sick": {"type": "ollama", "baseUrl": "http://127.0.0.1:9", "apiKeyEnv": "NO_SUCH_KEY"}}
    options = {"providers": keyed, "completion": {"provider": "sick"}}
    async with FakeServer() as well, at_work(options, well) as editor:
        assert await ask(editor) == [[]] * ASKED
        message = await told(editor, "NO_SUCH_KEY")
        assert "NO_SUCH_KEY" in await why(editor)
        assert "providers.sick" in message
        await goes_on(editor)


async def test_two_troubles_are_two_messages() -> None:
    async with FakeServer() as sick, FakeServer() as well:
        sick.on(
            "POST", "/api/generate", json_reply({"error": "one"}), json_reply({"error": "model is loading"})
        )
        providers = {"sick": {"type": "ollama", "baseUrl": sick.url}}
        async with at_work({"providers": providers, "completion": {"provider": "sick"}}, well) as editor:
            assert await ask(editor) == [[]] * ASKED
            await editor.told("loading")
            assert len(editor.messages()) == 2


async def test_a_chat_that_fails_is_told_by_its_answer_only() -> None:
    async with FakeServer() as sick, FakeServer() as well:
        sick.on("POST", "/v1/chat/completions", json_reply({"error": "the runner has stopped"}))
        providers = {"sick": {"type": "ollama", "baseUrl": sick.url}}
        options = {"providers": providers, "completion": {"provider": "well"}}
        async with at_work(options, well) as editor:
            await editor.command("useProvider", {"provider": "sick", "for": "chat"})
            failures = [editor.command("chat", {"prompt": "hi"}) for _ in range(ASKED)]
            told_by = await asyncio.gather(*failures, return_exceptions=True)
            assert all(isinstance(e, JsonRpcError) and "the runner has stopped" in str(e) for e in told_by)
            editor.open(f"re{CURSOR}\n")
            assert await editor.inline(invoked=True) != []
            assert editor.messages() == []
            assert (await editor.command("status"))["state"] == "problem"
            sick.on("POST", "/v1/chat/completions", chat_stream(["hello"]))
            await editor.command("chat", {"prompt": "hi"})
            assert (await editor.command("status"))["state"] == "ready"
