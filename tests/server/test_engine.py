"""What the engine adds through the whole server: reuse, asking ahead, the record, the states."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.server.test_completion import GENERATE, asked, generated, settings
from tests.support.editor import CURSOR, editing
from tests.support.fake_server import HANG, FakeServer, bounded, ollama_stream
from twinny_lsp.lsp.features import create_server


async def test_accept_and_the_next_suggestion_is_there_without_a_request() -> None:
    async with FakeServer() as server:
        server.on(*GENERATE, ollama_stream(["urn a"]), ollama_stream([" + b"]))
        async with editing(settings(server)) as editor:
            editor.open(f"def add(a, b):\n    ret{CURSOR}\n")
            assert [item["insertText"] for item in await editor.inline()] == ["return a"]
            ahead = await asked(server, 1)
            assert "    return a<|fim_suffix|>" in ahead.json["prompt"]
            await bounded(ahead.answered.wait())
            editor.type("urn a")
            assert [item["insertText"] for item in await editor.inline()] == ["a + b"]
            assert len(generated(server)) == 2


async def test_a_client_that_tells_what_it_shows_is_believed() -> None:
    async with FakeServer() as server:
        server.on(*GENERATE, ollama_stream(["urn a"]), ollama_stream([" + b"]))
        async with editing(settings(server)) as editor:
            editor.session.notify("textDocument/didShowCompletion", {"item": {"insertText": "old"}})
            editor.open(f"def add(a, b):\n    ret{CURSOR}\n")
            await editor.inline()
            await editor.command("status")
            assert len(generated(server)) == 1
            editor.session.notify("textDocument/didShowCompletion", {"item": {"insertText": "return a"}})
            await asked(server, 1)


async def test_the_part_of_a_suggestion_that_is_left_needs_no_request() -> None:
    async with FakeServer() as server:
        server.on(*GENERATE, ollama_stream(["urn a + b"]), ollama_stream([]))
        async with editing(settings(server)) as editor:
            editor.open(f"def add(a, b):\n    ret{CURSOR}\n")
            await editor.inline()
            await asked(server, 1)
            editor.type("urn ")
            editor.session.notify("textDocument/didPartiallyAcceptCompletion", {"acceptedLength": 4})
            assert [item["insertText"] for item in await editor.inline()] == ["a + b"]
            assert len(generated(server)) == 2


async def test_why_has_the_record_of_the_last_request() -> None:
    async with FakeServer() as server:
        server.on(*GENERATE, ollama_stream(["urn a + b\n", "x = 1\n"]))
        async with editing(settings(server, speculate=False)) as editor:
            editor.open(f"def add(a, b):\n    secret{CURSOR}\n")
            await editor.inline()
            record = (await editor.command("why"))["record"]
            assert record["surface"] == "inline"
            assert record["asked"]["provider"] == "ollama"
            assert record["asked"]["prefixTokens"] > 0
            assert record["outcome"]["firstByteMs"] > 0
            assert record["outcome"]["ended"] == "less indentation"
            assert record["shown"] == len("urn a + b")
            await editor.inline()
            record = (await editor.command("why"))["record"]
            assert (record["reuse"], record["asked"]) == ("known", None)
            assert "secret" not in str(record)
            last = (await editor.command("status"))["last"]
            assert last["source"] == "cache"


async def test_status_lines_see_a_model_at_work() -> None:
    async with FakeServer() as server:
        server.on(*GENERATE, ollama_stream(["urn", HANG]))
        options = {**settings(server), "clientFeatures": {"status": True}}
        async with editing(options) as editor:
            editor.open(f"ret{CURSOR}")
            task = editor.ask_inline()
            await editor.session.wait_for("twinny-lsp/status", lambda params: params["state"] == "working")
            editor.show(f"other{CURSOR} text")
            await editor.inline()
            assert await bounded(task) == {"items": []}
            states = await _states(editor)
            assert states[-1] == "ready"


async def _states(editor: Any) -> list[str]:
    """The states told, once the last one is no longer `working`."""
    while True:
        told = [
            note.params["state"]
            for note in editor.session.notifications
            if note.method == "twinny-lsp/status"
        ]
        if told and told[-1] != "working":
            return told
        await asyncio.sleep(0.01)


def test_the_accepted_command_is_registered() -> None:
    assert "twinny-lsp.accepted" in create_server().protocol.fm.commands
