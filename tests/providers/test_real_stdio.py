"""A real llama.cpp completes through the language server over stdio, by every wire shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.providers.conftest import LLAMA_KEY
from tests.support.editor import CURSOR, Editor, editing_over_stdio
from tests.support.servers.llama import LlamaServer, run_llama, write_model_without_fim
from tests.support.servers.ollama import OllamaStandIn
from tests.support.servers.openwebui import KEY, OpenWebUiStandIn

pytestmark = pytest.mark.real

ADD = f"def add(a, b):\n    {CURSOR}\n"


def settings(provider: dict[str, Any], model: str = "tiny-fim", **completion: Any) -> dict[str, Any]:
    return {
        "providers": {"mine": provider},
        "completion": {"provider": "mine", "model": model, "debounce": 0, "temperature": 0, **completion},
        "chat": {"provider": "mine", "model": model, "temperature": 0},
    }


async def completes(editor: Editor) -> None:
    editor.open(ADD)
    items = await editor.inline(invoked=True)
    assert [item["insertText"] for item in items] == ["return a + b"]


async def answers(editor: Editor) -> None:
    answer = await editor.command("chat", {"prompt": "Hello"})
    assert answer["text"] == "Hello! How can I help you with your code?"


LLAMA_CPP = [
    pytest.param({"fimTemplate": "native"}, "", "/infill", id="infill"),
    pytest.param({"fimTemplate": "qwen"}, "", "/completion", id="completion with a template"),
    pytest.param({"fimTemplate": "automatic"}, "", "/completion", id="completion, template by name"),
    pytest.param({}, "openai-compatible", "/v1/completions", id="v1 completions"),
]


@pytest.mark.parametrize(("completion", "kind", "route"), LLAMA_CPP)
async def test_llamacpp(llama_server: LlamaServer, completion: dict[str, Any], kind: str, route: str) -> None:
    provider = {"type": kind or "llamacpp", "baseUrl": llama_server.url, "apiKey": LLAMA_KEY}
    async with editing_over_stdio(settings(provider, **completion)) as editor:
        await completes(editor)
        await answers(editor)


@pytest.mark.parametrize("template", ["qwen", "automatic", "native"])
async def test_ollama(ollama: OllamaStandIn, template: str) -> None:
    provider = {"type": "ollama", "baseUrl": ollama.url}
    async with editing_over_stdio(settings(provider, fimTemplate=template)) as editor:
        await completes(editor)
        body = next(request.json for request in ollama.log if request.path == "/api/generate")
        assert ("suffix" in body) is (template == "native")
        assert bool(body.get("raw")) is (template != "native")
        await answers(editor)


@pytest.mark.parametrize("kind", ["ollama", "openwebui"])
async def test_what_ollama_loads_a_model_with_is_the_same_for_all(
    ollama: OllamaStandIn, openwebui: OpenWebUiStandIn, kind: str
) -> None:
    """Another num_ctx would load the model anew, at each change between completion and chat."""
    url = ollama.url if kind == "ollama" else openwebui.url
    provider = {"type": kind, "baseUrl": url, "apiKey": KEY, "numCtx": 2048, "keepAlive": "10m"}
    async with editing_over_stdio(settings(provider)) as editor:
        await completes(editor)
        await answers(editor)
        editor.show(f"def multiply(x, y):\n    {CURSOR}\n")
        assert await editor.inline(invoked=True)
    asked = [r for r in ollama.log if r.path in ("/api/generate", "/api/chat", "/v1/chat/completions")]
    assert {request.path for request in asked} == {"/api/generate", "/api/chat"}
    assert {request.json["options"]["num_ctx"] for request in asked} == {2048}
    assert {request.json["keep_alive"] for request in asked} == {"10m"}


async def test_open_webui(openwebui: OpenWebUiStandIn) -> None:
    provider = {"type": "openwebui", "baseUrl": openwebui.url, "apiKey": KEY}
    async with editing_over_stdio(settings(provider)) as editor:
        await completes(editor)
        await answers(editor)


async def test_open_webui_with_a_wrong_key(openwebui: OpenWebUiStandIn) -> None:
    provider = {"type": "openwebui", "baseUrl": openwebui.url, "apiKey": "sk-wrong-key"}
    async with editing_over_stdio(settings(provider)) as editor:
        editor.open(ADD)
        assert await editor.inline(invoked=True) == []
        told = await editor.told("key")
        assert "sk-wrong-key" not in told


async def test_the_menu(llama_server: LlamaServer) -> None:
    provider = {"type": "llamacpp", "baseUrl": llama_server.url, "apiKey": LLAMA_KEY}
    async with editing_over_stdio(settings(provider)) as editor:
        editor.open(ADD)
        answer = await editor.menu()
        assert [item["textEdit"]["newText"] for item in answer["items"]] == ["return a + b"]
        assert answer["isIncomplete"] is True


async def test_llamacpp_without_a_model_named(llama_server: LlamaServer) -> None:
    """The preset's usual model is a guess; the one that is loaded decides, not CodeLlama's tokens."""
    options = {
        "providers": {"llamacpp": {"baseUrl": llama_server.url, "apiKey": LLAMA_KEY}},
        "completion": {"provider": "llamacpp", "debounce": 0, "temperature": 0},
    }
    async with editing_over_stdio(options) as editor:
        await completes(editor)
        why = await editor.command("why", {})
        assert "codellama" not in " ".join(why["steps"])


async def steps(editor: Editor) -> str:
    """How the last request went."""
    return " / ".join((await editor.command("why", {}))["steps"])


async def test_a_refusal_to_fill_in_the_middle_is_remembered(tmp_path: Path) -> None:
    """The first request is refused with 501, and asked by template; from then on all are."""
    refused = "the server cannot fill in the middle by itself"
    with run_llama(model=write_model_without_fim(tmp_path / "plain.gguf")) as plain:
        provider = {"type": "llamacpp", "baseUrl": plain.url}
        async with editing_over_stdio(settings(provider, fimTemplate="native", cache=False)) as editor:
            editor.open(ADD)
            await editor.inline(invoked=True)
            assert f"{refused}: using the template" in await steps(editor)
            await editor.inline(invoked=True)
            assert f"{refused} with this model" in (told := await steps(editor))
            assert f"{refused}: using" not in told
            assert editor.messages()[0].startswith("twinny-lsp: Last request"), "nothing else was said"


async def test_a_prompt_that_is_too_long_is_asked_again_with_less(llama_server: LlamaServer) -> None:
    """Each digit is a token here, three times what bytes tell, and this kind of server does not count."""
    provider = {"type": "openai-compatible", "baseUrl": llama_server.url, "apiKey": LLAMA_KEY}
    digits = "# 4815162342108 4815162342108 4815162342108\n" * 200
    async with editing_over_stdio(settings(provider, fimTemplate="qwen", contextTokens=8192)) as editor:
        editor.open(f"{digits}{ADD}")
        await editor.inline(invoked=True)
        assert "the prompt was too long: asking with less" in (told := await steps(editor))
        assert "failed" not in told
        editor.show(f"{digits}\n{ADD}")
        await editor.inline(invoked=True)
        assert "too long" not in await steps(editor), "what fits is remembered"
