"""Chat documents in the editor: open one, have its messages answered, stop.

How one answer goes is chat_answer.py's, what the editor shows chat_offers.py's, what the documents are
`chat/`'s, which is imported when it is needed.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from twinny_lsp.errors import SettingsError, TwinnyError
from twinny_lsp.lsp.arguments import flag, place, span, take, text
from twinny_lsp.lsp.commands import Command
from twinny_lsp.lsp.notices import Level
from twinny_lsp.lsp.seen import Seen, rows_of
from twinny_lsp.lsp.workspace_edits import abilities, apply, changed

if TYPE_CHECKING:
    from twinny_lsp.documents.document import Change, Document
    from twinny_lsp.lsp.asking import Asker
    from twinny_lsp.lsp.chat_answer import ChatAnswer, Compose, Place
    from twinny_lsp.lsp.chat_lookup import ChatLookup
    from twinny_lsp.lsp.chat_sending import ChatSending
    from twinny_lsp.lsp.server import TwinnyServer
    from twinny_lsp.lsp.sync import SettingsSync

SHOW_S = 5.0
OPENED_S = 2.0
"""How long an editor may take to tell that it has opened what it shows. Some never do: they use this server
for programs only, and show Markdown without it."""
OPEN_KEYS = ("uri", "range", "prompt")
SEND_KEYS = ("uri", "position", "wait")


class ChatDocuments:
    """The handlers; one object per server, one answer at a time in each document."""

    def __init__(self, server: TwinnyServer, sync: SettingsSync, asker: Asker) -> None:
        self._server, self._sync, self._asker = server, sync, asker
        self.seen = Seen(server)
        self._answers: dict[str, ChatAnswer] = {}
        self._opened = asyncio.Event()
        self._opens = True
        """Whether the client opens chats here that it shows; it is found out by the first one."""
        server.documents.on_edit(self._edited)
        server.documents.on_open(self._on_open)
        server.documents.on_change(lambda document: self.seen.visited(document.uri))
        server.documents.on_close(self._closed)

    @cached_property
    def lookup(self) -> ChatLookup:
        """Where mentions are looked up."""
        from twinny_lsp.lsp.chat_lookup import ChatLookup

        return ChatLookup(self._server, self.seen)

    @cached_property
    def _sending(self) -> ChatSending:
        from twinny_lsp.lsp.chat_sending import ChatSending

        return ChatSending(self._server, self._sync, self.lookup, OrderedDict())

    # -- commands

    def table(self) -> dict[str, Command]:
        """Name (without `twinny-lsp.`) → handler."""
        return {"openChat": self.open, "sendChat": self.send, "stopChat": self.stop}

    async def open(self, argument: Any = None) -> dict[str, Any]:
        """A new chat document, shown to the user: `{uri, path, shown}`. Raises TwinnyError."""
        given = take(argument, OPEN_KEYS)
        await self._server.require_ready()
        uri, prompt, part = text(given, "uri"), text(given, "prompt"), span(given, "range")
        ends = part and lsp.Range(lsp.Position(*part[:2]), lsp.Position(*part[2:]))
        if mention := self.mention(uri, rows_of(ends) if ends else None):
            prompt = f"{prompt}\n\n{mention}\n"
        return await self.begin(uri, prompt)

    def mention(self, uri: str, rows: range | None) -> str:
        """How a chat names rows of a document (all of it without); "" where it is in no folder."""
        from twinny_lsp.chat.mentions import file_mention

        place = self._server.place_of(uri) if uri else None
        if self._server.documents.notebook_of(uri) is not None:
            rows = None  # a cell's rows are not those of the file
        return file_mention(place.path, rows) if place and place.path and place.root else ""

    async def begin(self, uri: str, prompt: str) -> dict[str, Any]:
        """A new chat document in the project of a document, as `open`; `prompt` may have answers in it."""
        from twinny_lsp.chat.places import create
        from twinny_lsp.config.sources import path_of

        root = self.lookup.root_of(uri)
        try:
            made = await asyncio.to_thread(create, path_of(root) if root else None, prompt)
        except OSError as error:
            raise TwinnyError(f"the chat document could not be made: {error.strerror}") from error
        # The last row there is: below the heading, or the last one of the message.
        row = prompt.strip().count("\n") + 2 if prompt.strip() else 1
        return {"uri": made.as_uri(), "path": str(made), "shown": await self._present(made, row)}

    async def send(self, argument: Any = None) -> dict[str, Any]:
        """Have the model answer; the answer is written into the document where that can be done.

        Gives what chat_answer.py tells at the end, or `{started: true}` at once with `wait: false`. Raises
        TwinnyError, -32602 for a document that is not open.
        """
        from twinny_lsp.chat.document import parse
        from twinny_lsp.lsp.chat_answer import Place

        given = take(argument, SEND_KEYS)
        uri, waits = text(given, "uri"), flag(given, "wait")
        await self._server.require_ready()
        document = self._server.documents.get(uri)
        if document is None:
            raise JsonRpcInvalidParams("`uri` is not an open document")
        if uri in self._answers:
            raise SettingsError("An answer is being written here already; stop it first.")
        at = place(given, "position")
        chat = parse(document.text)
        asked = chat.asked(None if at is None else document.snapshot(*at).row)
        writes = self.writes(uri)
        compose = partial(self._sending.of, uri, chat, asked)
        answer, work = self._start(Place(document, chat, asked, writes), compose)
        if waits is False and writes:
            return {"started": True}  # an error will be in the document
        return {"uri": uri, **await self._outcome(answer, work)}

    async def stop(self, argument: Any = None) -> dict[str, bool]:
        """End the answer that is being written: in the document `uri`, or in all of them."""
        uri = text(take(argument, ("uri",)), "uri")
        answers = [answer for at, answer in self._answers.items() if not uri or at == uri]
        for answer in answers:
            answer.stop()
        return {"stopped": bool(answers)}

    # -- for others' answers

    def streams(self) -> bool:
        """Whether an answer can be written into a chat that is only now opened."""
        window = self._server.client_capabilities.window
        shows = bool(window and window.show_document and window.show_document.support)
        return shows and self._opens and self._edits

    async def answered(self, path: Path, compose: Compose) -> dict[str, Any] | None:
        """The answer to the message of a chat that `begin` has made, written below it as `send` does.

        None where the editor has not opened it here. Raises TwinnyError.
        """
        from twinny_lsp.chat.document import parse
        from twinny_lsp.lsp.chat_answer import Place

        document = await self._opened_at(path)
        if document is None:
            return None
        chat = parse(document.text)
        return await self._outcome(*self._start(Place(document, chat, chat.asked(), writes=True), compose))

    async def complete(self, path: Path, more: str) -> None:
        """Put an answer into a chat that the editor had not opened here in time, and show it again.

        Into the file, unless it is open by now. Raises TwinnyError.
        """
        from twinny_lsp.chat.edits.passage import Edit
        from twinny_lsp.chat.places import append

        document = self._document_of(path)
        if document is not None:
            end = len(document.lines) - 1, len(document.lines[-1])
            edit = changed(document, [Edit(end, end, more)], abilities(self._server.client_capabilities), "")
            if await apply(self._server, edit):
                return
        try:
            await asyncio.to_thread(append, path, more)
        except OSError as error:
            raise TwinnyError(f"the chat document could not be written: {error.strerror}") from error
        await self._present(path, 0)

    def is_answering(self, uri: str) -> bool:
        """Whether an answer is being written into a document."""
        return uri in self._answers

    def is_chat(self, document: Document) -> bool:
        """Whether a document is a chat."""
        from twinny_lsp.chat.document import YOU_LINE
        from twinny_lsp.chat.places import is_chat
        from twinny_lsp.config.sources import path_of

        path = path_of(document.uri)
        if path is not None and is_chat(path):
            return True
        return document.language == "markdown" and any(
            YOU_LINE.match(line.rstrip("\r\n")) for line in document.lines if line.startswith("##")
        )

    def writes(self, uri: str) -> bool:
        """Whether answers can be written into it: a file, in a client that takes versioned edits."""
        return self._edits and uri.startswith("file:")

    # -- inside

    @property
    def _edits(self) -> bool:
        able = abilities(self._server.client_capabilities)
        return able.versioned and able.applies

    def _start(
        self, place: Place, compose: Compose
    ) -> tuple[ChatAnswer, asyncio.Task[dict[str, Any] | TwinnyError]]:
        from twinny_lsp.lsp.chat_answer import ChatAnswer

        answer = ChatAnswer(self._server, self._asker, place, compose)
        self._answers[place.document.uri] = answer
        work = self._run(place.document.uri, answer)
        return answer, self._server.run_task(work, "answer in a chat document")

    async def _outcome(
        self, answer: ChatAnswer, work: asyncio.Task[dict[str, Any] | TwinnyError]
    ) -> dict[str, Any]:
        """How it ends; who gives up waiting for that stops it."""
        try:
            outcome = await asyncio.shield(work)
        except asyncio.CancelledError:
            answer.stop()
            raise
        if isinstance(outcome, TwinnyError):
            raise outcome
        return outcome

    async def _run(self, uri: str, answer: ChatAnswer) -> dict[str, Any] | TwinnyError:
        """The result, or the error that the document tells of."""
        self._refresh_lenses()
        try:
            return await answer.run()
        except TwinnyError as error:
            return error
        finally:
            self._answers.pop(uri, None)
            answer.close()
            self._refresh_lenses()

    async def _opened_at(self, path: Path) -> Document | None:
        """The document of a file that the editor was told to show; None if it does not open it in time."""
        try:
            async with asyncio.timeout(OPENED_S):
                while (found := self._document_of(path)) is None:
                    self._opened.clear()
                    await self._opened.wait()
        except TimeoutError:
            self._opens = False
        return found

    def _document_of(self, path: Path) -> Document | None:
        """The open document of a file, however its client writes the uri."""
        from twinny_lsp.config.sources import path_of

        return next((one for one in self._server.documents if path_of(one.uri) == path), None)

    async def _present(self, path: Path, row: int) -> bool:
        """Show it, or tell where it is; whether it was shown."""
        shown = await self._show(path.as_uri(), row)
        if not shown:
            self._server.tell(f"the chat is in {path}", Level.INFO)
        return shown

    async def _show(self, uri: str, row: int) -> bool:
        window = self._server.client_capabilities.window
        if not (window and window.show_document and window.show_document.support):
            return False
        at = lsp.Position(row, 0)
        params = lsp.ShowDocumentParams(uri=uri, take_focus=True, selection=lsp.Range(at, at))
        try:
            async with asyncio.timeout(SHOW_S):
                return (await self._server.window_show_document_async(params)).success
        except (JsonRpcException, TimeoutError):
            return False

    def _refresh_lenses(self) -> None:
        workspace = self._server.client_capabilities.workspace
        lens = workspace.code_lens if workspace else None
        if lens and lens.refresh_support:
            self._server.workspace_code_lens_refresh(None)

    def _on_open(self, document: Document) -> None:
        self._opened.set()
        if not self._opens:
            self._opens = self.is_chat(document)

    def _edited(self, document: Document, change: Change) -> None:
        answer = self._answers.get(document.uri)
        if answer is not None and answer.insertion is not None:
            answer.insertion.edited(document, change)

    def _closed(self, document: Document) -> None:
        self.seen.closed(document)
        answer = self._answers.get(document.uri)
        if answer is not None:
            if answer.insertion is not None:
                answer.insertion.closed(document)
            answer.stop()
