"""Chats and tasks in places that are not quite files: cells of notebooks, untitled buffers, odd line ends."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.support.code_editor import CodeEditor, coding, rows
from tests.support.fake_server import HANG, FakeServer, bounded, chat_stream
from tests.support.markdown_editor import MarkdownEditor, chatting
from twinny_lsp.chat.document import parse

CHAT = ("POST", "/v1/chat/completions")
CELLS = ("import os\n", "# Sums\n", "def add(a, b):\n    c = a + b\n    return c")
BETTER = "```python\ndef add(a, b):\n    return a + b\n```"


def settings(server: FakeServer) -> dict[str, Any]:
    return {"providers": {"ollama": {"baseUrl": server.url}}, "chat": {"model": "m"}}


def question(server: FakeServer) -> str:
    return str(server.last(CHAT[1]).json["messages"][-1]["content"])


async def in_notebook(code: CodeEditor, root: Path) -> None:
    """Open a notebook of CELLS; the editor's document is the last one."""
    uris = [f"vscode-notebook-cell:{(root / 'n.ipynb').as_posix()}#c{number}" for number in range(3)]
    kinds = ((2, "python"), (1, "markdown"), (2, "python"))
    documents = [
        {"uri": uri, "languageId": language, "version": 1, "text": text}
        for uri, (_, language), text in zip(uris, kinds, CELLS, strict=True)
    ]
    book = {
        "uri": (root / "n.ipynb").as_uri(),
        "notebookType": "jupyter-notebook",
        "version": 1,
        "cells": [{"kind": kind, "document": uri} for uri, (kind, _) in zip(uris, kinds, strict=True)],
    }
    params = {"notebookDocument": book, "cellTextDocuments": documents}
    code.editor.session.notify("notebookDocument/didOpen", params)
    code.uri, code.text = uris[2], CELLS[2]
    await code.editor.command("clearCache")


async def test_a_cell_is_edited(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream([BETTER]))
        async with coding(tmp_path, settings(server)) as code:
            await in_notebook(code, tmp_path)
            edit = (await code.resolve((await code.actions(1))["Refactor"]))["edit"]
            (change,) = edit["documentChanges"]
            assert change["textDocument"]["uri"] == code.uri
            assert code.apply(edit)
            assert code.text == "def add(a, b):\n    return a + b"


async def test_a_cell_is_mentioned_as_its_notebook(tmp_path: Path) -> None:
    (tmp_path / "n.ipynb").write_text('{"cells": []}')
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["It adds."]))
        async with coding(tmp_path, settings(server)) as code:
            await in_notebook(code, tmp_path)
            await code.actions(1, 3)
            await code.editor.command("explain", {"uri": code.uri, "range": rows(0, 3)})
            chat = code.chat
            assert chat is not None
            assert parse(chat.text).turns[0].text == "Explain @file:n.ipynb"
            chat.type(len(chat.text), "@selection and @open")
            await chat.send()
            assert "n.ipynb, lines 6 to 7:\n```python\n    c = a + b\n    return c\n```" in question(server)
            whole = "n.ipynb:\n```python\nimport os\n\n# Sums\n\ndef add(a, b):\n"
            assert question(server).count(whole) == 1


async def test_an_untitled_buffer(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream([BETTER]))
        async with coding(tmp_path, settings(server)) as code:
            code.uri = "untitled:Untitled-1"
            await code.open(CELLS[2])
            assert "Chat about this" not in await code.actions(0, 3), "there is no name for it"
            edit = (await code.resolve((await code.actions(1))["Refactor"]))["edit"]
            assert code.apply(edit)
            assert code.text == "def add(a, b):\n    return a + b"
            await code.editor.command("explain", {"uri": code.uri, "range": rows(0, 2)})
            chat = code.chat
            assert chat is not None
            assert parse(chat.text).turns[0].text == "Explain"


@pytest.mark.parametrize(
    ("before", "answer", "after"),
    [
        # The last line, without an end of its own.
        ("x = 1\ndef f():\n    return  1", "def f():\n    return 1", "x = 1\ndef f():\n    return 1"),
        ("x = 1\ndef f():\n    return  1", "def f():\n    return 1\n", "x = 1\ndef f():\n    return 1"),
        ("def f():\r\n    return  1\r\n", "def f():\n    return 1\n", "def f():\r\n    return 1\r\n"),
        ("def f():\r\n    x  = 1", "def f():\n    y = 1\n    x = y", "def f():\r\n    y = 1\r\n    x = y"),
        ("def f():\n\treturn  1\n", "def f():\n    return 1\n", "def f():\n\treturn 1\n"),
        ("if x:\n\tdef f():\n\t\ta  = 1\n", "def f():\n    a = 1\n", "if x:\n\tdef f():\n\t\ta = 1\n"),
        ("def f():\rreturn  1\r", "def f():\n    return 1", "def f():\r    return 1\r"),
    ],
)
async def test_line_ends_and_tabs_stay(tmp_path: Path, before: str, answer: str, after: str) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream([f"```python\n{answer}\n```"]))
        async with coding(tmp_path, settings(server)) as code:
            await code.open(before)
            first = next(row for row, line in enumerate(code.lines()) if "def" in line)
            argument = {"uri": code.uri, "range": rows(first, len(code.lines()))}
            done = await code.editor.command("refactor", argument)
            assert (code.text, done["message"], done["applied"]) == (after, "", True)


async def test_two_chats_at_once(tmp_path: Path) -> None:
    async with FakeServer() as server:
        gates = [asyncio.Event(), asyncio.Event()]
        server.on(
            *CHAT, chat_stream(["one ", gates[0], "more one"]), chat_stream(["two ", gates[1], "more two"])
        )
        async with chatting(tmp_path, settings(server)) as first:
            second = MarkdownEditor((tmp_path / ".twinny" / "chat" / "b.md").as_uri(), editor=first.editor)
            assert first.editor is not None
            both = {first.uri: first, second.uri: second}

            async def apply(params: Any) -> Any:
                uri = params["edit"]["documentChanges"][0]["textDocument"]["uri"]
                return await both[uri].apply(params)

            first.editor.session.handlers["workspace/applyEdit"] = apply
            work = []
            for chat, word in ((first, "one "), (second, "two ")):
                chat.open("## You\na\n")
                work.append(asyncio.ensure_future(chat.send()))
                await chat.becomes(word.strip())
            gates[1].set()
            assert (await bounded(work[1]))["text"] == "two more two"
            gates[0].set()
            assert (await bounded(work[0]))["text"] == "one more one"
            answers = [parse(chat.text).turns[1].text for chat in both.values()]
            assert answers == ["one more one", "two more two"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([], "The model answered with nothing."),
        (["  \n\n "], "The model answered with nothing."),
        (["<think>", "hm, I wonder"], "The model only thought, and said nothing."),
    ],
)
async def test_a_model_that_says_nothing(tmp_path: Path, answer: list[object], said: str) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(answer))
        async with chatting(tmp_path, settings(server)) as chat:
            chat.open("## You\na\n")
            await chat.send()
            assert f"> **twinny-lsp:** {said}\n\n## You\n" in chat.text
            assert "wonder" not in chat.text
            assert [turn.text for turn in parse(chat.text).turns] == ["a", "", ""]


async def test_a_thought_without_an_end_is_no_code(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream([f"<think>It could be\n{BETTER}"]))
        async with coding(tmp_path, settings(server)) as code:
            await code.open(CELLS[2])
            done = await code.editor.command("refactor", {"uri": code.uri, "range": rows(0, 3)})
            assert (code.text, done["applied"]) == (CELLS[2], False)
            assert "thought" in done["message"]


@pytest.mark.parametrize("name", ["../outside.py", "src", "/etc/passwd", "link.py", ".git/config", "a.py:99"])
async def test_mentions_that_lead_nowhere(tmp_path: Path, name: str) -> None:
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    (project / ".git").mkdir()
    (project / ".git" / "config").write_text("secret = 1\n")
    (project / "a.py").write_text("x = 1\n")
    (tmp_path / "outside.py").write_text("secret = 1\n")
    (project / "link.py").symlink_to(tmp_path / "outside.py")
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["ok"]))
        async with chatting(project, settings(server)) as chat:
            chat.open(f"## You\nsee @file:{name}\n")
            await chat.send()
            assert question(server) == f"see @file:{name}"
            assert f"- `@file:{name}` not sent: " in chat.text


async def test_a_document_that_is_closed_before_the_model_speaks(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream([HANG]))
        async with chatting(tmp_path, settings(server)) as chat:
            chat.open("## You\na\n")
            sending = asyncio.ensure_future(chat.send())
            await chat.becomes("## m ##")
            assert chat.editor is not None
            chat.editor.session.notify("textDocument/didClose", {"textDocument": {"uri": chat.uri}})
            assert (await bounded(sending))["written"] is False
            chat.open(chat.text)
            server.on(*CHAT, chat_stream(["ok"]))
            assert (await bounded(asyncio.ensure_future(chat.send())))["written"] is True
