"""The documents as the client has them: separators, ends of lines, encodings, uris, notebooks."""

from __future__ import annotations

from typing import Any

import pytest
from lsprotocol import types

from tests.protocol.harness import answer_now, barrier, command, in_process, popups, send_command, trap

URI = "file:///a.py"


def opened(text: str, uri: str = URI, version: Any = 1) -> dict[str, Any]:
    return {"textDocument": {"uri": uri, "languageId": "python", "version": version, "text": text}}


def edited(start: tuple[int, int], end: tuple[int, int], text: str, uri: str = URI, version: Any = 2) -> Any:
    span = {
        "start": dict(zip(("line", "character"), start, strict=True)),
        "end": dict(zip(("line", "character"), end, strict=True)),
    }
    return {
        "textDocument": {"uri": uri, "version": version},
        "contentChanges": [{"range": span, "text": text}],
    }


async def text_after(kind: str, text: str, *changes: Any) -> Any:
    async with in_process(kind) as (session, _):
        session.notify("textDocument/didOpen", opened(text))
        for change in changes:
            session.notify("textDocument/didChange", change)
        return await command(session, "text", URI)


@pytest.mark.parametrize("separator", "\v\f\x1c\x1d\x1e\x85\u2028\u2029", ids=lambda c: f"U+{ord(c):04X}")
@trap(ours="right", bare="wrong")
async def test_odd_separators_are_no_line_ends(kind: str, expected: str, separator: str) -> None:
    text = f"a{separator}b\nc\n"
    after = await text_after(kind, text, edited((1, 0), (1, 0), "X"))
    assert ("right" if after == f"a{separator}b\nXc\n" else "wrong") == expected


@trap(ours="abX", bare="aXb")
async def test_past_the_end_of_the_last_line(kind: str, expected: str) -> None:
    assert await text_after(kind, "ab", edited((0, 99), (0, 99), "X")) == expected


@trap(ours="abX\r\ncd", bare="ab\rX\ncd")
async def test_past_the_end_of_a_crlf_line(kind: str, expected: str) -> None:
    assert await text_after(kind, "ab\r\ncd", edited((0, 3), (0, 3), "X")) == expected


@trap(ours="aXc", bare="abXbc")
async def test_a_reversed_range(kind: str, expected: str) -> None:
    assert await text_after(kind, "abc", edited((0, 2), (0, 1), "X")) == expected


@pytest.mark.parametrize(
    ("offered", "chosen", "column"),
    [
        (["utf-8", "utf-16"], "utf-8", 5),
        (["utf-16", "utf-8"], "utf-16", 3),
        (["utf-9", "utf-32"], "utf-32", 2),
        (["utf-9"], "utf-16", 3),
        (None, "utf-16", 3),
    ],
)
async def test_encodings_in_the_clients_order(offered: Any, chosen: str, column: int) -> None:
    capabilities = {} if offered is None else {"general": {"positionEncodings": offered}}
    async with in_process("ours", initialize=False) as (session, server):
        result = await session.initialize({"processId": None, "capabilities": capabilities})
        assert result["capabilities"]["positionEncoding"] == chosen == server.position_encoding
        session.notify("textDocument/didOpen", opened("a😀b"))
        session.notify("textDocument/didChange", edited((0, column), (0, column), "X"))
        assert await command(session, "text", URI) == "a😀Xb"


@trap(ours=("one", "two"), bare=("two", "two"))
async def test_two_spellings_of_a_uri_are_two_documents(kind: str, expected: Any) -> None:
    first, second = "file:///a%20b", "file:///a b"
    async with in_process(kind) as (session, _):
        session.notify("textDocument/didOpen", opened("one", first))
        session.notify("textDocument/didOpen", opened("two", second))
        assert (await command(session, "text", first), await command(session, "text", second)) == expected


@pytest.mark.parametrize(
    "uri", ["untitled:Untitled-1", "vscode-notebook-cell:/a.ipynb#W0s", "x", "file:///ä b%2F"]
)
async def test_uris_of_any_kind(uri: str) -> None:
    async with in_process("ours") as (session, server):
        session.notify("textDocument/didOpen", opened("a", uri))
        session.notify("textDocument/didChange", edited((0, 1), (0, 1), "b", uri))
        assert await command(session, "text", uri) == "ab"
        session.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        assert await command(session, "text", uri) is None
        assert len(server.documents) == 0


@trap(ours="aX", bare="a")
@pytest.mark.parametrize("version", [None, "missing"])
async def test_changes_without_a_version_are_applied(kind: str, expected: str, version: Any) -> None:
    change = edited((0, 1), (0, 1), "X", version=version)
    if version == "missing":
        del change["textDocument"]["version"]
    assert await text_after(kind, "a", change) == expected


@trap(ours="new", bare="old")
async def test_a_whole_text_with_a_null_range(kind: str, expected: str) -> None:
    document = {"uri": URI, "version": 2}
    change = {"textDocument": document, "contentChanges": [{"range": None, "text": "new"}]}
    assert await text_after(kind, "old", change) == expected


async def test_whole_texts_and_edits_in_one_change() -> None:
    change = edited((0, 1), (0, 1), "X")
    change["contentChanges"].insert(0, {"text": "abc"})
    assert await text_after("ours", "old", change) == "aXbc"


async def test_versions_may_go_backwards() -> None:
    async with in_process("ours") as (session, server):
        session.notify("textDocument/didOpen", opened("", version=9))
        session.notify("textDocument/didChange", edited((0, 0), (0, 0), "b", version=3))
        session.notify("textDocument/didChange", edited((0, 0), (0, 0), "a", version=None))
        assert await command(session, "text", URI) == "ab"
        assert server.documents.get(URI).version == 4


async def test_documents_that_are_not_open() -> None:
    async with in_process("ours") as (session, server):
        session.notify("textDocument/didChange", edited((0, 0), (0, 0), "a", "file:///none"))
        session.notify("textDocument/didClose", {"textDocument": {"uri": "file:///none"}})
        whole = {"textDocument": {"uri": "file:///late", "version": 3}, "contentChanges": [{"text": "abc"}]}
        session.notify("textDocument/didChange", whole)
        await barrier(session)
        assert [document.text for document in server.documents] == ["abc"]
        assert popups(session) == 0


@trap(ours=None, bare=-32603)
async def test_a_document_that_is_not_open_is_not_read_from_disk(kind: str, expected: Any) -> None:
    async with in_process(kind) as (session, _):
        assert await answer_now(session, send_command(session, "text", "file:///no/such/file")) == expected


async def test_a_document_opened_twice_is_the_second() -> None:
    async with in_process("ours") as (session, _):
        session.notify("textDocument/didOpen", opened("first"))
        session.notify("textDocument/didOpen", opened("second"))
        assert await command(session, "text", URI) == "second"


async def test_watchers_see_opens_changes_and_closes(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[tuple[str, str]] = []
    async with in_process("ours") as (session, server):
        documents = server.documents
        documents.on_change(lambda document: 1 / 0)
        documents.on_open(lambda document: seen.append(("open", document.text)))
        documents.on_change(lambda document: seen.append(("change", document.edits[-1].inserted)))
        documents.on_close(lambda document: seen.append(("close", document.uri)))
        session.notify("textDocument/didOpen", opened("a"))
        session.notify("textDocument/didChange", edited((0, 1), (0, 1), "b"))
        session.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
        await barrier(session)
    assert seen == [("open", "a"), ("change", "b"), ("close", URI)]
    assert "a watcher of documents failed: ZeroDivisionError" in caplog.messages


async def test_full_sync() -> None:
    async with in_process("ours", initialize=False, sync=types.TextDocumentSyncKind.Full) as (session, _):
        result = await session.initialize({"processId": None})
        assert result["capabilities"]["textDocumentSync"]["change"] == 1
        session.notify("textDocument/didOpen", opened("a"))
        change = {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"text": "b\r\n"}]}
        session.notify("textDocument/didChange", change)
        assert await command(session, "text", URI) == "b\r\n"


def cell(uri: str, kind: int = 2) -> dict[str, Any]:
    return {"kind": kind, "document": uri}


def notebook(*uris: str) -> dict[str, Any]:
    book = {"uri": "file:///b.ipynb", "notebookType": "jupyter-notebook", "version": 1}
    texts = [opened(f"text of {uri}", uri)["textDocument"] for uri in uris]
    return {"notebookDocument": book | {"cells": [cell(u) for u in uris]}, "cellTextDocuments": texts}


def notebook_change(cells: dict[str, Any]) -> dict[str, Any]:
    return {"notebookDocument": {"uri": "file:///b.ipynb", "version": 2}, "change": {"cells": cells}}


async def test_notebooks() -> None:
    async with in_process("ours", initialize=False) as (session, server):
        capabilities = {"notebookDocument": {"synchronization": {}}}
        result = await session.initialize({"processId": None, "capabilities": capabilities})
        assert result["capabilities"]["notebookDocumentSync"]["notebookSelector"] == [{"notebook": "*"}]
        session.notify("notebookDocument/didOpen", notebook("c:1", "c:2", "c:3"))
        await barrier(session)
        neighbours = server.documents.neighbours
        assert neighbours("c:2") == (("text of c:1",), ("text of c:3",))
        added = opened("four", "c:4")["textDocument"]
        array = {"start": 1, "deleteCount": 1, "cells": [cell("c:4")]}
        structure = {"array": array, "didOpen": [added], "didClose": [{"uri": "c:2"}]}
        edit = edited((0, 0), (0, 0), "my ", "c:1")
        content = {"document": edit["textDocument"], "changes": edit["contentChanges"]}
        session.notify("notebookDocument/didChange", notebook_change({"structure": structure}))
        session.notify("notebookDocument/didChange", notebook_change({"textContent": [content]}))
        session.notify("notebookDocument/didChange", notebook_change({"data": [cell("c:3", kind=1)]}))
        session.notify("notebookDocument/didSave", {"notebookDocument": {"uri": "file:///b.ipynb"}})
        await barrier(session)
        assert neighbours("c:4") == (("my text of c:1",), ())
        assert neighbours("c:2") == ((), ())
        assert server.documents.notebook_of("c:4").uri == "file:///b.ipynb"
        session.notify(
            "notebookDocument/didClose",
            {"notebookDocument": {"uri": "file:///b.ipynb"}, "cellTextDocuments": []},
        )
        await barrier(session)
        assert len(server.documents) == len(server.documents.notebooks) == 0
        assert popups(session) == 0


async def test_notebooks_that_are_not_open() -> None:
    async with in_process("ours") as (session, server):
        session.notify("notebookDocument/didChange", notebook_change({"data": [cell("c:1")]}))
        closing = {"notebookDocument": {"uri": "file:///b.ipynb"}, "cellTextDocuments": [{"uri": "c:1"}]}
        session.notify("notebookDocument/didClose", closing)
        await barrier(session)
        assert popups(session) == 0
        assert len(server.documents) == 0
