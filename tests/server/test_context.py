"""What a model may see, through the whole server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.editor import CURSOR, Editor, editing
from tests.support.fake_server import FakeServer, ollama_stream
from twinny_lsp.context.pieces import At, Gathered


@asynccontextmanager
async def workspace(root: Path, **settings: Any) -> AsyncIterator[tuple[Editor, FakeServer]]:
    """An editor with a real folder and a model that always answers the same."""
    folder = {"rootUri": root.as_uri(), "workspaceFolders": [{"uri": root.as_uri(), "name": root.name}]}
    async with FakeServer() as server:
        server.on("POST", "/api/generate", ollama_stream(["urn 1"]))
        options = {
            "providers": {"ollama": {"baseUrl": server.url}},
            "completion": {"model": "qwen2.5-coder", "debounce": 0},
            **settings,
        }
        async with editing(options, initialize=folder) as editor:
            yield editor, server


async def gathered(editor: Editor, uri: str) -> Gathered:
    """What is there for the place at the editor's cursor."""
    await editor.server.ready()
    document = editor.server.documents.get(uri)
    assert document is not None
    position = editor.position(uri)
    snapshot = document.snapshot(position["line"], position["character"])
    return await editor.server.backend.gatherer.pieces(At(snapshot, snapshot.row, snapshot.row), 1000)


async def test_no_completion_in_a_file_for_secrets_unless_it_is_allowed(tmp_path: Path) -> None:
    uri = (tmp_path / "prod.env").as_uri()
    async with workspace(tmp_path) as (editor, server):
        editor.open(f"ret{CURSOR}", uri, "dotenv")
        assert await editor.inline(uri=uri, invoked=True) == []
        told = (await editor.command("why", {"uri": uri}))["text"]
        assert "prod.env is held back: files of this name usually hold secrets" in told
        assert "privacy.allow" in told
        assert server.requests == []
        allowed = {"privacy": {"allow": ["prod.env"]}}
        editor.session.notify("workspace/didChangeConfiguration", {"settings": allowed})
        assert (await editor.inline(uri=uri, invoked=True))[0]["insertText"] == "return 1"


async def test_none_where_an_ignore_file_or_the_settings_say_so(tmp_path: Path) -> None:
    (tmp_path / ".twinnyignore").write_text("inner/\n")
    (tmp_path / ".twinny.toml").write_text('[privacy]\ndeny = ["*.sql"]\n')
    async with workspace(tmp_path) as (editor, _):
        for name, why in (("inner/a.py", ".twinnyignore"), ("b.sql", "privacy.deny"), ("c.py", "")):
            uri = (tmp_path / name).as_uri()
            editor.open(f"ret{CURSOR}", uri, "python")
            items = await editor.inline(uri=uri, invoked=True)
            assert bool(items) is (why == ""), name
            assert why in (await editor.command("why", {"uri": uri}))["text"]


async def test_events_of_documents_reach_the_gatherer(tmp_path: Path) -> None:
    (tmp_path / "store.py").write_text("def open_store(path, mode): ...\n")
    one, two = ((tmp_path / name).as_uri() for name in ("app.py", "other.py"))
    async with workspace(tmp_path) as (editor, _):
        editor.open(f"filler = 1\n{CURSOR}", two)
        editor.type("edited_there = open_store\n", two)
        editor.open(f"from store import open_store\nopen_store({CURSOR}", one)
        found = await gathered(editor, one)
        assert [file.path for file in found.files] == ["store.py", "other.py"]
        assert "edited_there" in found.files[1].text
        editor.session.notify("textDocument/didClose", {"textDocument": {"uri": two}})
        off = {"context": {"imports": False}}
        editor.session.notify("workspace/didChangeConfiguration", {"settings": off})
        await editor.inline(uri=one, invoked=True)
        assert (await gathered(editor, one)).files == ()


async def test_other_folders(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "store.py").write_text("def open_store(path, mode): ...\n")
    uri = (inner / "app.py").as_uri()
    async with workspace(tmp_path) as (editor, _):
        editor.open(f"from store import open_store\nopen_store({CURSOR}", uri)
        assert [file.path for file in (await gathered(editor, uri)).files] == ["store.py"]
        added, removed = {"uri": inner.as_uri(), "name": "i"}, {"uri": tmp_path.as_uri(), "name": "t"}
        event = {"event": {"added": [added], "removed": [removed]}}
        editor.session.notify("workspace/didChangeWorkspaceFolders", event)
        await editor.inline(uri=uri, invoked=True)
        assert (await gathered(editor, uri)).files == ()
