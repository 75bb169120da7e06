"""A model server that dies and comes back beside the whole server; loads and fallbacks as clients see them.

How soon it is back, and with how many requests, is for `benchmarks/recovery.py` to measure.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.support.editor import CURSOR, URI, Editor, editing, editing_over_stdio
from tests.support.fake_server import HANG, FakeServer, bounded, json_reply, ollama_stream
from tests.support.servers.mortal import Mortal
from twinny_lsp.completion import loading

GENERATE = ("POST", "/api/generate")
STATUS = {"clientFeatures": {"status": True}}


def ollama(url: str, **completion: Any) -> dict[str, Any]:
    """Settings for that server."""
    provider = {"providers": {"ollama": {"baseUrl": url}}}
    given = {"model": "qwen2.5-coder", "debounce": 0, "cache": False, "speculate": False}
    return provider | {"completion": given | completion}


async def typed(editor: Editor, number: int = 1) -> list[list[dict[str, Any]]]:
    """Type on, and ask at each key, as an editor does."""
    answers = []
    for _ in range(number):
        editor.type("x")
        answers.append(await editor.inline())
    return answers


async def state(editor: Editor, wanted: str) -> str:
    """Wait until that is the last state the client was told; its message."""
    async with asyncio.timeout(30):
        while True:
            notes = [note for note in editor.session.notifications if note.method == "twinny-lsp/status"]
            if notes and notes[-1].params["state"] == wanted:
                return str(notes[-1].params["message"])
            await asyncio.sleep(0.01)


async def test_killed_in_mid_stream_and_back_by_itself(tmp_path: Path) -> None:
    async with Mortal(tmp_path) as server, editing_over_stdio(ollama(server.url) | STATUS) as editor:
        editor.open(f"total = {CURSOR}\n")
        first = editor.ask_inline()
        await bounded(server.asked("/api/generate"))
        await server.kill()
        assert (await bounded(first))["items"] == []
        assert "ollama" in await state(editor, "down")
        assert await typed(editor, 20) == [[]] * 20
        before = server.requests()
        await server.start()
        async with asyncio.timeout(30):
            while (await typed(editor)) == [[]]:
                pass
        since = server.requests()[len(before) :]
        assert since[0] == "/api/version", "a look, not a request"
        assert since.count("/api/version") == 1
        await state(editor, "ready")
        assert len(editor.messages()) == 1
        assert (await editor.command("status"))["problems"] == []


async def test_the_fallback_answers_meanwhile_and_the_status_says_so(tmp_path: Path) -> None:
    async with Mortal(tmp_path) as server, FakeServer() as other:
        other.on(*GENERATE, ollama_stream(["spare"]))
        options = ollama(server.url, fallback=[{"provider": "spare", "model": "starcoder2:3b"}]) | STATUS
        options["providers"]["spare"] = {"type": "ollama", "baseUrl": other.url}
        async with editing_over_stdio(options) as editor:
            editor.open(f"total = {CURSOR}\n")
            await editor.inline()
            assert (await editor.command("status"))["answering"]["provider"] == "ollama"
            await server.kill()
            assert all("spare" in items[0]["insertText"] for items in await typed(editor, 2))
            assert "starcoder2:3b on spare answers" in await state(editor, "fallback")
            answering = (await editor.command("status"))["answering"]
            assert answering == {"provider": "spare", "model": "starcoder2:3b"}
            assert len(editor.messages()) == 1
            await server.start()
            await state(editor, "ready")
            assert "compute" in (await typed(editor))[0][0]["insertText"]
            assert (await editor.command("status"))["answering"]["provider"] == "ollama"
            assert len(editor.messages()) == 1


async def test_a_chat_does_not_change_its_provider_and_says_why_it_fails() -> None:
    async with FakeServer() as other:
        options = ollama("http://127.0.0.1:9", fallback=["spare"]) | {"chat": {"provider": "ollama"}}
        options["providers"]["spare"] = {"type": "ollama", "baseUrl": other.url}
        async with editing(options) as editor:
            with pytest.raises(Exception, match=r"nothing listens there.*ollama serve"):
                await editor.command("chat", {"prompt": "hi"})
            assert other.requests == []


@pytest.mark.parametrize("status", [404, 401])
async def test_what_is_permanent_is_asked_once_and_told_once(status: int) -> None:
    said = {404: "model 'm' not found", 401: "unauthorized"}[status]
    async with FakeServer() as server:
        server.on(*GENERATE, json_reply({"error": said}, status))
        async with editing(ollama(server.url)) as editor:
            editor.open(f"x{CURSOR}\n")
            assert await typed(editor, 30) == [[]] * 30
            assert [request.path for request in server.requests].count("/api/generate") == 1
            assert len(editor.messages()) == 1
            why = await editor.command("why", {"uri": URI})
            assert any("is passed over" in step for step in why["steps"])
            server.on(*GENERATE, ollama_stream(["urn"]))
            await editor.command("useModel", {"model": "qwen2.5-coder:7b"})
            assert await typed(editor) != [[]]


async def test_a_load_is_progress_and_a_state_and_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "LATE_S", 0.05)
    gate = asyncio.Event()
    capabilities = {"capabilities": {"window": {"workDoneProgress": True}}}
    handlers = {"window/workDoneProgress/create": lambda params: None}
    async with FakeServer() as server:
        server.on("POST", "/api/show", json_reply({"capabilities": ["completion"]}))
        server.on("GET", "/api/ps", json_reply({"models": []}))
        server.on(*GENERATE, ollama_stream([gate, "urn"]))
        options = ollama(server.url) | STATUS
        async with editing(options, initialize=capabilities, handlers=handlers) as editor:
            editor.open(f"ret{CURSOR}\n")
            answer = editor.ask_inline()
            assert "qwen2.5-coder on ollama is being loaded" in await state(editor, "loading")

            def progress(kind: str) -> Any:
                return editor.session.wait_for("$/progress", lambda params: params["value"]["kind"] == kind)

            begun = await bounded(progress("begin"))
            assert "being loaded" in begun.params["value"]["message"]
            gate.set()
            await bounded(answer)
            ended = await bounded(progress("end"))
            assert ended.params["token"] == begun.params["token"]
            assert editor.messages() == []


async def test_a_server_that_refuses_while_it_loads_is_a_state_too() -> None:
    error = {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}
    async with FakeServer() as server:
        server.on("GET", "/health", json_reply(error, 503))
        options = ollama(server.url, provider="llama") | STATUS
        options["providers"]["llama"] = {"type": "llamacpp", "baseUrl": server.url}
        async with editing(options) as editor:
            editor.open(f"ret{CURSOR}\n")
            assert "still loading" in await state(editor, "loading")
            assert await typed(editor, 5) == [[]] * 5
            assert editor.messages() == []


async def test_nothing_is_asked_of_a_server_that_no_setting_uses() -> None:
    async with FakeServer() as used, FakeServer() as spare, FakeServer() as chat:
        used.on(*GENERATE, ollama_stream(["urn"]))
        options = ollama(used.url, fallback=["spare"]) | {"chat": {"provider": "talk"}}
        options["providers"] |= {
            "spare": {"type": "ollama", "baseUrl": spare.url},
            "talk": {"type": "ollama", "baseUrl": chat.url},
        }
        async with editing(options) as editor:
            editor.open(f"ret{CURSOR}\n")
            assert await typed(editor, 3) != []
            assert used.requests
            assert spare.requests == chat.requests == []


async def test_a_first_look_holds_nobody_up() -> None:
    async with FakeServer() as server:
        server.on("GET", "/api/version", ollama_stream([HANG]))
        server.on(*GENERATE, ollama_stream(["urn"]))
        async with editing(ollama(server.url)) as editor:
            editor.open(f"ret{CURSOR}\n")
            assert await bounded(typed(editor)) != [[]]
