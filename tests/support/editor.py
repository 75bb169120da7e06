"""An editor for tests: one document with a cursor, over the real server in this process or in a child."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from tests.protocol.harness import ClientSide, MemoryLink, ServerSide
from twinny_lsp.cli.session import Handler, Session
from twinny_lsp.lsp.features import create_server
from twinny_lsp.lsp.server import TwinnyServer

CURSOR = "‸"
URI = "file:///project/a.py"
ROOT = "file:///project"


class Editor:
    """Keeps the text it shows, as editors do. Positions are sent in UTF-16, the default."""

    def __init__(self, session: Session, server: TwinnyServer | None = None) -> None:
        self.session, self._server = session, server
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.cursor = 0

    @property
    def server(self) -> TwinnyServer:
        """The server object, when it runs in this process."""
        assert self._server is not None
        return self._server

    def open(self, marked: str, uri: str = URI, language: str = "python") -> None:
        """Open a document given with ‸ for the cursor."""
        text = self._place(marked, uri)
        self.versions[uri] = 1
        document = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.session.notify("textDocument/didOpen", {"textDocument": document})

    def type(self, text: str, uri: str = URI) -> None:
        """Type at the cursor, as one incremental change."""
        position = self.position(uri)
        before = self.texts[uri]
        self.texts[uri] = before[: self.cursor] + text + before[self.cursor :]
        self.cursor += len(text)
        self.versions[uri] += 1
        change = {"range": {"start": position, "end": position}, "text": text}
        self._changed(uri, change)

    def show(self, marked: str, uri: str = URI) -> None:
        """Replace the whole text and put the cursor at the mark."""
        self.versions[uri] += 1
        self._changed(uri, {"text": self._place(marked, uri)})

    def position(self, uri: str = URI) -> dict[str, int]:
        """The cursor in lines and UTF-16 units."""
        before = self.texts[uri][: self.cursor]
        line = before.rpartition("\n")[2]
        return {"line": before.count("\n"), "character": len(line.encode("utf-16-le")) // 2}

    def ask_inline(
        self,
        *,
        invoked: bool = False,
        uri: str = URI,
        selected: Mapping[str, Any] | None = None,
        id: str | None = None,
    ) -> asyncio.Future[Any]:
        """Ask for ghost text, without waiting; `id` is for those who cancel it."""
        context: dict[str, Any] = {"triggerKind": 1 if invoked else 2}
        if selected is not None:
            context["selectedCompletionInfo"] = selected
        where = {"textDocument": {"uri": uri}, "position": self.position(uri), "context": context}
        return self.session.send_request("textDocument/inlineCompletion", where, id=id)

    async def inline(self, *, invoked: bool = False, uri: str = URI, **more: Any) -> list[dict[str, Any]]:
        """Ask for ghost text: the items."""
        async with asyncio.timeout(30):
            return list((await self.ask_inline(invoked=invoked, uri=uri, **more))["items"])

    def ask_menu(self, *, uri: str = URI, kind: int = 1, id: str | None = None) -> asyncio.Future[Any]:
        """Ask for menu items, without waiting; `id` as for ghost text."""
        where = {
            "textDocument": {"uri": uri},
            "position": self.position(uri),
            "context": {"triggerKind": kind},
        }
        return self.session.send_request("textDocument/completion", where, id=id)

    async def menu(self, *, uri: str = URI, kind: int = 1) -> dict[str, Any]:
        """Ask for menu items: the list."""
        async with asyncio.timeout(30):
            return dict(await self.ask_menu(uri=uri, kind=kind))

    async def command(self, name: str, argument: Any = None) -> Any:
        """Run one of our commands."""
        arguments = [] if argument is None else [argument]
        params = {"command": f"twinny-lsp.{name}", "arguments": arguments}
        return await self.session.request("workspace/executeCommand", params)

    def messages(self) -> list[str]:
        """What the server showed the user so far."""
        return [n.params["message"] for n in self.session.notifications if n.method == "window/showMessage"]

    async def told(self, word: str) -> str:
        """Wait until the user was told something with that word in it."""
        note = await self.session.wait_for("window/showMessage", lambda params: word in params["message"])
        return str(note.params["message"])

    async def actions(self, uri: str = URI) -> list[dict[str, Any]]:
        """The code actions for what is wrong at the cursor."""
        here = {"start": self.position(uri), "end": self.position(uri)}
        context = {"diagnostics": [], "only": ["quickfix"]}
        params = {"textDocument": {"uri": uri}, "range": here, "context": context}
        return list(await self.session.request("textDocument/codeAction", params) or [])

    def _place(self, marked: str, uri: str) -> str:
        self.cursor = marked.index(CURSOR)
        self.texts[uri] = marked.replace(CURSOR, "")
        return self.texts[uri]

    def _changed(self, uri: str, change: dict[str, Any]) -> None:
        document = {"uri": uri, "version": self.versions[uri]}
        self.session.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})


def params_of(options: Mapping[str, Any] | None, more: Mapping[str, Any] | None) -> dict[str, Any]:
    """The params of `initialize`."""
    return {
        "processId": None,
        "rootUri": ROOT,
        "workspaceFolders": [{"uri": ROOT, "name": "project"}],
        "initializationOptions": options,
        "clientInfo": {"name": "test"},
        **(more or {}),
    }


@contextlib.asynccontextmanager
async def editing(
    options: Mapping[str, Any] | None = None,
    *,
    initialize: Mapping[str, Any] | None = None,
    handlers: dict[str, Handler] | None = None,
) -> AsyncIterator[Editor]:
    """An editor on a server in this process; `options` are initializationOptions."""
    link, server = MemoryLink(), create_server()
    side = ServerSide(link)
    link.task = asyncio.create_task(server.serve(side, side))
    async with Session(ClientSide(link), handlers) as session:
        await session.initialize(params_of(options, initialize))
        yield Editor(session, server)


@contextlib.asynccontextmanager
async def editing_project(
    root: Path,
    settings: Mapping[str, Any],
    capabilities: Mapping[str, Any],
    client: str,
    handlers: dict[str, Handler],
) -> AsyncIterator[Editor]:
    """An editor of the project in the folder `root`."""
    initialize = {
        "capabilities": capabilities,
        "rootUri": root.as_uri(),
        "workspaceFolders": [{"uri": root.as_uri(), "name": "project"}],
        "clientInfo": {"name": client},
    }
    async with editing(settings, initialize=initialize, handlers=handlers) as editor:
        yield editor


@contextlib.asynccontextmanager
async def editing_over_stdio(
    options: Mapping[str, Any] | None = None, *, initialize: Mapping[str, Any] | None = None
) -> AsyncIterator[Editor]:
    """An editor on a server in a child process, over stdio."""
    async with await Session.spawn() as session:
        await session.initialize(params_of(options, initialize))
        yield Editor(session)
        assert await session.shutdown() == 0
