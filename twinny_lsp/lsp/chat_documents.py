"""Chat documents in the editor: open one, send from it, stop, and what the editor shows in it for that.

How one answer goes is chat_answer.py's, what the documents are `chat/`'s. Both are imported when needed.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from twinny_lsp.errors import SettingsError, TwinnyError
from twinny_lsp.lsp.arguments import place, span, take, text, waits
from twinny_lsp.lsp.clients import menu_list, opens_menu
from twinny_lsp.lsp.commands import Command
from twinny_lsp.lsp.notices import Level
from twinny_lsp.lsp.seen import Seen, rows_of
from twinny_lsp.lsp.workspace_edits import abilities

if TYPE_CHECKING:
    from twinny_lsp.chat.document import ChatDocument
    from twinny_lsp.documents.document import Change, Document
    from twinny_lsp.lsp.chat_answer import ChatAnswer, Parts
    from twinny_lsp.lsp.chat_lookup import ChatLookup
    from twinny_lsp.lsp.server import TwinnyServer
    from twinny_lsp.lsp.sync import SettingsSync
    from twinny_lsp.lsp.troubles import Troubles

SEND, AGAIN, STOP = "Send to model", "Answer again", "Stop the model"
ABOUT = "Chat about this"
SHOW_S = 5.0
OPEN_KEYS = ("uri", "range", "prompt")
SEND_KEYS = ("uri", "position", "wait")


class ChatDocuments:
    """The handlers; one object per server, one answer at a time in each document."""

    def __init__(self, server: TwinnyServer, sync: SettingsSync, troubles: Troubles) -> None:
        self._server, self._sync, self._troubles = server, sync, troubles
        self.seen = Seen(server)
        self._answers: dict[str, ChatAnswer] = {}
        server.documents.on_edit(self._edited)
        server.documents.on_change(lambda document: self.seen.visited(document.uri))
        server.documents.on_close(self._closed)

    @cached_property
    def _lookup(self) -> ChatLookup:
        from twinny_lsp.lsp.chat_lookup import ChatLookup

        return ChatLookup(self._server, self.seen)

    @cached_property
    def _parts(self) -> Parts:
        from twinny_lsp.lsp.chat_answer import Parts

        return Parts(self._server, self._sync, self._troubles, self._lookup, OrderedDict())

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
        return file_mention(place.path, rows) if place and place.path and place.root else ""

    async def begin(self, uri: str, prompt: str) -> dict[str, Any]:
        """A new chat document in the project of a document, as `open`; `prompt` may have answers in it."""
        from twinny_lsp.chat.places import create
        from twinny_lsp.config.sources import path_of

        root = self._lookup.root_of(uri)
        try:
            made = await asyncio.to_thread(create, path_of(root) if root else None, prompt)
        except OSError as error:
            raise TwinnyError(f"the chat document could not be made: {error.strerror}") from error
        # The last row there is: below the heading, or the last one of the message.
        row = prompt.strip().count("\n") + 2 if prompt.strip() else 1
        shown = await self._show(made.as_uri(), row)
        if not shown:
            # Its name first: the rest may be cut off by the editor.
            name = "/".join(made.parts[-3:])
            self._server.tell(f"the chat is in {name} ({made})", Level.INFO)
        return {"uri": made.as_uri(), "path": str(made), "shown": shown}

    async def send(self, argument: Any = None) -> dict[str, Any]:
        """Have the model answer; the answer is written into the document where that can be done.

        Gives what chat_answer.py tells at the end, or `{started: true}` at once with `wait: false`. Raises
        TwinnyError, -32602 for a document that is not open.
        """
        from twinny_lsp.lsp.chat_answer import ChatAnswer

        given = take(argument, SEND_KEYS)
        uri, waiting = text(given, "uri"), waits(given)
        await self._server.require_ready()
        document = self._server.documents.get(uri)
        if document is None:
            raise JsonRpcInvalidParams("`uri` is not an open document")
        if uri in self._answers:
            raise SettingsError("An answer is being written here already; stop it first.")
        at = place(given, "position")
        row = None if at is None else document.snapshot(*at).row
        chat = self._parse(document)
        answer = ChatAnswer(self._parts, document, chat, chat.asked(row), writes=self._writes(uri))
        self._answers[uri] = answer
        work = self._server.run_task(self._run(uri, answer), "answer in a chat document")
        if not waiting:
            return {"started": True}  # an error will be in the document
        try:
            outcome = await asyncio.shield(work)
        except asyncio.CancelledError:
            answer.stop()
            raise
        if isinstance(outcome, TwinnyError):
            raise outcome
        return {"uri": uri, **outcome}

    async def stop(self, argument: Any = None) -> dict[str, bool]:
        """End the answer that is being written: in the document `uri`, or in all of them."""
        uri = text(take(argument, ("uri",)), "uri")
        answers = [answer for at, answer in self._answers.items() if not uri or at == uri]
        for answer in answers:
            answer.stop()
        return {"stopped": bool(answers)}

    def is_answering(self, uri: str) -> bool:
        """Whether an answer is being written into a document."""
        return uri in self._answers

    # -- what the editor shows

    def actions(self, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        """What can be done here: in a chat document send, answer again or stop; elsewhere begin a chat."""
        uri, only = params.text_document.uri, params.context.only
        document = self._server.documents.get(uri)
        if document is None or (only and lsp.CodeActionKind.QuickFix not in only):
            return []
        if self._server.state()[0] == "starting":
            return []  # what is needed is being imported: the loop would wait for that
        if not self.is_chat(document):
            self.seen.asked_for_actions(params)
            if params.range.start == params.range.end or not self._server.place_of(uri).root:
                return []
            return [_action(command_of(ABOUT, "openChat", {"uri": uri, "range": plain(params.range)}))]
        if not self._writes(uri):
            return []
        command = self._command_at(document, params.range.start.line)
        return [_action(command)] if command else []

    async def lenses(self, params: lsp.CodeLensParams) -> list[lsp.CodeLens]:
        """The same above the headings, for editors that show it."""
        if not await self._server.ready():
            return []
        document = self._server.documents.get(params.text_document.uri)
        if document is None or not self.is_chat(document) or not self._writes(document.uri):
            return []
        found = []
        for turn in self._parse(document).turns:
            command = self._command_at(document, max(turn.heading, 0))
            if command is not None and turn.text:
                at = lsp.Position(max(turn.heading, 0), 0)
                found.append(lsp.CodeLens(lsp.Range(at, at), command))
        return found[-2:]  # of older ones there are code actions

    async def menu(self, params: lsp.CompletionParams) -> lsp.CompletionList | None:
        """The mentions that may be meant, where one is being typed; None: not here."""
        document = self._server.documents.get(params.text_document.uri)
        if document is None or not (document.language == "markdown" or document.uri.endswith(".md")):
            return None  # without waiting: others' menus are none of ours
        if not await self._server.ready() or not self.is_chat(document):
            return None
        from twinny_lsp.chat import mentions

        snapshot = document.snapshot(params.position.line, params.position.character)
        begun = mentions.begun(snapshot.line_before)
        if begun is None:
            return None
        if begun.kind is None:
            # A name is to follow some of them.
            lasting = mentions.LASTING
            names = [(f"@{kind}:" if kind in lasting else f"@{kind}", t) for kind, t in mentions.TOLD.items()]
        elif begun.kind is mentions.Kind.FILE:
            paths = await self._lookup.paths(document.uri, begun.typed)
            names = [(mentions.file_mention(path), "") for path in paths]
        else:
            found = await self._lookup.symbols(document.uri, begun.typed)
            names = [(f"@symbol:{name}", path) for name, path in found]
        start = document.position(snapshot.row, snapshot.column - begun.length)
        covered = lsp.Range(lsp.Position(*start), params.position)
        typed = snapshot.line_before[-begun.length :]
        items = [_item(name, told, covered, typed, at) for at, (name, told) in enumerate(names)]
        return menu_list(items, self._server.profile, opens=opens_menu(params))

    # -- inside

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

    def _parse(self, document: Document) -> ChatDocument:
        from twinny_lsp.chat.document import parse

        return parse(document.text)

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

    def _writes(self, uri: str) -> bool:
        """Whether answers can be written into it: a file, in a client that takes versioned edits."""
        able = abilities(self._server.client_capabilities)
        return able.versioned and able.applies and uri.startswith("file:")

    def _command_at(self, document: Document, row: int) -> lsp.Command | None:
        if document.uri in self._answers:
            return command_of(STOP, "stopChat", {"uri": document.uri})
        chat = self._parse(document)
        try:
            asked = chat.asked(row)
        except SettingsError:
            return None
        answer = chat.answer_of(asked)
        again = answer is not None and bool(chat.turns[answer].text)
        position = {"line": row, "character": 0}
        argument = {"uri": document.uri, "position": position, "wait": False}
        return command_of(AGAIN if again else SEND, "sendChat", argument)

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


def command_of(title: str, name: str, argument: dict[str, Any]) -> lsp.Command:
    """One of our commands, for menus."""
    return lsp.Command(title=f"twinny-lsp: {title}", command=f"twinny-lsp.{name}", arguments=[argument])


def _action(command: lsp.Command) -> lsp.CodeAction:
    return lsp.CodeAction(title=command.title, kind=lsp.CodeActionKind.QuickFix, command=command)


def plain(span: lsp.Range) -> dict[str, dict[str, int]]:
    """A range as JSON, for arguments of commands."""
    ends = (("start", span.start), ("end", span.end))
    return {name: {"line": at.line, "character": at.character} for name, at in ends}


def _item(name: str, told: str, covered: lsp.Range, typed: str, at: int) -> lsp.CompletionItem:
    return lsp.CompletionItem(
        label=name,
        detail=told or None,
        kind=lsp.CompletionItemKind.File if name.startswith("@file:") else lsp.CompletionItemKind.Keyword,
        sort_text=f"{at:04}",
        # What is typed need not be the beginning of the name.
        filter_text=typed,
        text_edit=lsp.TextEdit(covered, name),
    )
