"""Completion through the whole server, over a scripted model server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.editor import CURSOR, URI, Editor, editing
from tests.support.fake_server import HANG, FakeServer, bounded, json_reply, ollama_stream

GENERATE = ("POST", "/api/generate")
TEMPLATE = "{{ if .Suffix }}<|fim_prefix|>{{ .Prompt }}<|fim_suffix|>{{ .Suffix }}<|fim_middle|>{{ end }}"
FACTS = {"capabilities": ["completion", "insert"], "model_info": {}, "template": TEMPLATE}


def settings(server: FakeServer, **completion: Any) -> dict[str, Any]:
    server.on("POST", "/api/show", json_reply(FACTS))
    return {
        "providers": {"ollama": {"baseUrl": server.url}},
        "completion": {"model": "qwen2.5-coder:1.5b", "debounce": 0, **completion},
    }


def generated(server: FakeServer) -> list[Any]:
    return [request for request in server.requests if request.path == "/api/generate"]


async def asked(server: FakeServer, number: int) -> Any:
    """The n-th request for a completion, once it is there."""
    index = 0
    while True:
        await server.request(index)
        index += 1
        if len(generated(server)) > number:
            return generated(server)[number]


async def test_ghost_text_of_the_model() -> None:
    async with FakeServer() as server:
        server.on(*GENERATE, ollama_stream(["urn a ", "+ b"]))
        async with editing(settings(server)) as editor:
            editor.open(f"def add(a, b):\n    ret{CURSOR}\n")
            items = await editor.inline()
            assert [item["insertText"] for item in items] == ["return a + b"]
            assert items[0]["range"] == {
                "start": {"line": 1, "character": 4},
                "end": {"line": 1, "character": 7},
            }
            body = generated(server)[0].json
            assert body["raw"] is True
            assert body["prompt"] == ("<|fim_prefix|>def add(a, b):\n    ret<|fim_suffix|>\n<|fim_middle|>")


async def test_positions_are_in_the_clients_units() -> None:
    async with FakeServer() as server:
        server.on(*GENERATE, ollama_stream(["turn 1"]))
        async with editing(settings(server)) as editor:
            editor.open(f"x = '😀é'; re{CURSOR}")
            items = await editor.inline()
            assert items[0]["range"]["start"]["character"] == len("x = '😀é'; ".encode("utf-16-le")) // 2


async def test_menu_items_are_incomplete_and_plain() -> None:
    async with FakeServer() as server:
        server.on(*GENERATE, ollama_stream(["urn a + b"]))
        async with editing(settings(server)) as editor:
            editor.open(f"def add(a, b):\n    ret{CURSOR}\n")
            answer = await editor.menu()
            assert answer["isIncomplete"] is True
            assert [item["label"] for item in answer["items"]] == ["return a + b"]
            resolved = await editor.session.request("completionItem/resolve", answer["items"][0])
            assert resolved["label"] == "return a + b"


async def test_the_menu_stays_empty_once_ghost_text_was_asked_for() -> None:
    async with FakeServer() as server:
        server.on(*GENERATE, ollama_stream(["urn 1"]))
        async with editing(settings(server)) as editor:
            editor.open(f"ret{CURSOR}")
            await editor.inline()
            assert await editor.menu() == {"isIncomplete": True, "items": []}


@pytest.mark.parametrize(("surface", "inline", "menu"), [("inline", 1, 0), ("menu", 0, 1), ("both", 1, 1)])
async def test_the_surface_is_a_setting(surface: str, inline: int, menu: int) -> None:
    async with FakeServer() as server:
        server.on(*GENERATE, ollama_stream(["urn 1"]))
        async with editing(settings(server, surface=surface)) as editor:
            editor.open(f"ret{CURSOR}")
            assert len(await editor.inline(invoked=True)) == inline
            assert len((await editor.menu())["items"]) == menu


async def test_a_cancelled_request_is_answered_at_once_and_its_stream_closed_in_time() -> None:
    async with FakeServer() as server:
        server.on(*GENERATE, ollama_stream(["urn", HANG]))
        async with editing(settings(server)) as editor:
            editor.open(f"ret{CURSOR}")
            future = editor.ask_inline(id="mine")
            upstream = await asked(server, 0)
            editor.session.cancel("mine")
            with pytest.raises(Exception, match="-32800"):
                await bounded(future)
            # Nobody takes it up, so it ends after the grace.
            await bounded(upstream.closed.wait())


async def test_a_superseded_request_is_answered_empty_and_the_newer_one_adopts_the_stream() -> None:
    async with FakeServer() as server:
        gate = asyncio.Event()
        server.on(*GENERATE, ollama_stream(["urn ", gate, "a + b"]))
        async with editing(settings(server)) as editor:
            editor.open(f"def add(a, b):\n    ret{CURSOR}\n")
            first = editor.ask_inline()
            await asked(server, 0)
            editor.type("u")
            second = editor.ask_inline()
            assert await bounded(first) == {"items": []}
            gate.set()
            answer = await bounded(second)
            assert [item["insertText"] for item in answer["items"]] == ["return a + b"]
            assert len(generated(server)) == 1


async def test_the_socket_closes_when_the_text_disagrees() -> None:
    async with FakeServer() as server:
        server.on(*GENERATE, ollama_stream(["urn", HANG]), ollama_stream(["= 1"]))
        async with editing(settings(server)) as editor:
            editor.open(f"ret{CURSOR}")
            first = editor.ask_inline()
            upstream = await asked(server, 0)
            editor.type("x ")
            second = editor.ask_inline()
            assert await bounded(first) == {"items": []}
            await bounded(upstream.closed.wait())
            assert [item["insertText"] for item in (await bounded(second))["items"]] == ["= 1"]


async def test_what_is_known_needs_no_request() -> None:
    async with FakeServer() as server:
        server.on(*GENERATE, ollama_stream(["urn a + b"]))
        async with editing(settings(server, speculate=False)) as editor:
            editor.open(f"def add(a, b):\n    ret{CURSOR}\n")
            await editor.inline()
            editor.type("urn ")
            assert [item["insertText"] for item in await editor.inline()] == ["a + b"]
            assert len(generated(server)) == 1


async def test_the_menus_choice_is_extended() -> None:
    async with FakeServer() as server:
        server.on(*GENERATE, ollama_stream(["(a, b)"]))
        async with editing(settings(server)) as editor:
            editor.open(f"x = ad{CURSOR}")
            here = {"start": {"line": 0, "character": 4}, "end": {"line": 0, "character": 6}}
            items = await editor.inline(selected={"range": here, "text": "addAll"})
            assert [(item["insertText"], item["range"]) for item in items] == [("addAll(a, b)", here)]
            assert generated(server)[0].json["prompt"].endswith("x = addAll<|fim_suffix|><|fim_middle|>")
            other = {"range": here, "text": "other"}
            assert await editor.inline(selected=other) == []


async def test_the_menus_choice_that_replaces_more_than_is_typed_is_not_extended() -> None:
    async with FakeServer() as server:
        server.on(*GENERATE, ollama_stream(["(a, b)"]))
        async with editing(settings(server)) as editor:
            editor.open(f"x = ad{CURSOR}d")
            beyond = {"start": {"line": 0, "character": 4}, "end": {"line": 0, "character": 7}}
            assert await editor.inline(selected={"range": beyond, "text": "addAll"}, invoked=True) == []
            upto = {**beyond, "end": {"line": 0, "character": 6}}
            assert await editor.inline(selected={"range": upto, "text": "addAll"}, invoked=True) != []


async def test_switched_off() -> None:
    async with FakeServer() as server:
        server.on(*GENERATE, ollama_stream(["urn"]))
        async with editing(settings(server, languages={"python": False})) as editor:
            editor.open(f"ret{CURSOR}")
            assert await editor.inline(invoked=True) == []
            assert "languages" in (await editor.command("why", {"uri": URI}))["text"]
            assert await editor.command("toggle") == {"enabled": False}
            assert (await editor.command("status"))["state"] == "off"
            assert generated(server) == []


async def test_a_document_that_is_not_open() -> None:
    async with FakeServer() as server, editing(settings(server)) as editor:
        editor.texts["file:///none.py"] = ""
        assert await editor.inline(uri="file:///none.py") == []
        assert (await editor.menu(uri="file:///none.py"))["items"] == []


async def open_notebook(editor: Editor, cells: list[str], at: int) -> str:
    uris = [f"vscode-notebook-cell:/project/n.ipynb#c{number}" for number in range(len(cells))]
    documents = [
        {"uri": uri, "languageId": "python", "version": 1, "text": text.replace(CURSOR, "")}
        for uri, text in zip(uris, cells, strict=True)
    ]
    book = {
        "uri": "file:///project/n.ipynb",
        "notebookType": "jupyter-notebook",
        "version": 1,
        "cells": [{"kind": 2, "document": uri} for uri in uris],
    }
    editor.session.notify(
        "notebookDocument/didOpen", {"notebookDocument": book, "cellTextDocuments": documents}
    )
    editor.texts[uris[at]] = cells[at].replace(CURSOR, "")
    editor.cursor = cells[at].index(CURSOR)
    return uris[at]


async def test_the_other_cells_of_a_notebook_are_told() -> None:
    async with FakeServer() as server:
        server.on(*GENERATE, ollama_stream(["price)"]))
        async with editing(settings(server)) as editor:
            cell = await open_notebook(editor, ["price = 3\n", f"print({CURSOR}", "done()\n"], 1)
            items = await editor.inline(uri=cell)
            assert items[0]["insertText"] == "price)"
            prompt = generated(server)[0].json["prompt"]
            assert "price = 3" in prompt
            assert "done()" in prompt
            assert "/project" not in prompt


async def test_neovim_gets_whole_items_at_once() -> None:
    async with FakeServer() as server:
        server.on(*GENERATE, ollama_stream(["urn (\n", "        1\n", "    )"]))
        neovim = {"clientInfo": {"name": "Neovim"}}
        async with editing(settings(server, multiline="always"), initialize=neovim) as editor:
            editor.open(f"def f():\n    ret{CURSOR}\n")
            item = (await editor.menu())["items"][0]
            assert item["label"] == "return ("
            assert "1\n" in item["documentation"]["value"]
            assert editor.server.profile.resolves is False


@pytest.mark.parametrize(("name", "resolves"), [("Neovim", False), ("helix", True), ("test", True)])
async def test_who_may_resolve(name: str, resolves: bool) -> None:
    from tests.protocol.harness import ClientSide, MemoryLink, ServerSide
    from twinny_lsp.cli.session import Session
    from twinny_lsp.lsp.features import create_server

    link = MemoryLink()
    side = ServerSide(link)
    link.task = asyncio.create_task(create_server().serve(side, side))
    async with Session(ClientSide(link)) as session:
        told = await session.initialize({"processId": None, "clientInfo": {"name": name}})
        assert told["capabilities"]["completionProvider"]["resolveProvider"] is resolves


HELIX = {"clientInfo": {"name": "helix"}}


async def test_a_silent_model_does_not_keep_helix_from_asking_again() -> None:
    """It asks nobody before all have answered; and the stream is there for when it asks."""
    async with FakeServer() as server:
        gate = asyncio.Event()
        server.on(*GENERATE, ollama_stream(["+ ", gate, "total"]))
        async with editing(settings(server), initialize=HELIX) as editor:
            editor.open(f"x = total {CURSOR}\n")
            first = editor.ask_menu()
            await asked(server, 0)
            editor.type("+")
            assert await bounded(first) == {"isIncomplete": True, "items": []}
            gate.set()
            assert [item["label"] for item in (await editor.menu(kind=2))["items"]] == [" total"]
            assert len(generated(server)) == 1


async def test_an_empty_menu_does_not_end_the_round_of_helix() -> None:
    """What slower servers say would be lost."""
    async with editing({"completion": {"enabled": False}}, initialize=HELIX) as editor:
        editor.open(f"ret{CURSOR}\n")
        assert await editor.menu() == {"isIncomplete": False, "items": []}
        assert await editor.menu(kind=3) == {"isIncomplete": True, "items": []}


async def test_a_helix_with_ghost_text_needs_nothing_more() -> None:
    """It has none yet; its draft asks for both, and draws of an item what follows the cursor in its range."""
    async with FakeServer() as server:
        server.on(*GENERATE, ollama_stream(["urn a ", "+ b"]))
        async with editing(settings(server), initialize=HELIX) as editor:
            editor.open(f"def add(a, b):\n    ret{CURSOR}\n")
            (item,) = await editor.inline()
            typed = editor.position()["character"] - item["range"]["start"]["character"]
            assert item["insertText"][typed:] == "urn a + b"
            assert item["range"]["end"] == editor.position()
            assert await editor.menu() == {"isIncomplete": False, "items": []}


async def test_helix_throws_results_away_so_they_are_told() -> None:
    async with editing(initialize=HELIX) as editor:
        editor.open(CURSOR)
        assert await editor.command("toggle") == {"enabled": False}
        assert await editor.told("completion is off")
        assert await editor.command("useModel", {"model": "small"})
        assert await editor.told("small from now on")
        assert (await editor.command("status"))["model"] == "small"
        assert await editor.told("small on ollama, completion is off")
        with pytest.raises(Exception, match="-32602"):
            await editor.command("useModel", {})
        assert len(editor.messages()) == 3


async def test_sublime_text_is_not_kept_waiting() -> None:
    """It shows no menu before all have answered; at the next key it asks again, and there it is."""
    async with FakeServer() as server:
        gate = asyncio.Event()
        server.on(*GENERATE, ollama_stream(["urn", gate, " total"]))
        client = {"clientInfo": {"name": "Sublime Text LSP"}}
        async with editing(settings(server), initialize=client) as editor:
            editor.open(f"ret{CURSOR}\n")
            assert await editor.menu() == {"isIncomplete": True, "items": []}
            gate.set()
            editor.type("u")
            answer = await bounded(until_items(editor))
            assert [item["label"] for item in answer] == ["return total"]
            assert len(generated(server)) == 1


async def until_items(editor: Editor) -> list[dict[str, Any]]:
    """What the menu says as soon as it says something."""
    while not (answer := await editor.menu(kind=3))["items"]:
        await asyncio.sleep(0.01)
    return list(answer["items"])
