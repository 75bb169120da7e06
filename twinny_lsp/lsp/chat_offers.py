"""What the editor shows in a chat document: code actions, lenses, and the menu of mentions.

What they do is chat_documents.py's. `chat/` is imported when it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from twinny_lsp.errors import SettingsError

if TYPE_CHECKING:
    from twinny_lsp.documents.document import Document
    from twinny_lsp.lsp.chat_documents import ChatDocuments
    from twinny_lsp.lsp.server import TwinnyServer

SEND, AGAIN, STOP = "Send to model", "Answer again", "Stop the model"
ABOUT = "Chat about this"


class ChatOffers:
    """The handlers; holds nothing."""

    def __init__(self, server: TwinnyServer, chats: ChatDocuments) -> None:
        self._server, self._chats = server, chats

    def actions(self, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        """What can be done here: in a chat document send, answer again or stop; elsewhere begin a chat."""
        uri, only = params.text_document.uri, params.context.only
        document = self._server.documents.get(uri)
        if document is None or (only and lsp.CodeActionKind.QuickFix not in only):
            return []
        if self._server.state()[0] == "starting":
            return []  # what is needed is being imported: the loop would wait for that
        if not self._chats.is_chat(document):
            self._chats.seen.asked_for_actions(params)
            if params.range.start == params.range.end or not self._server.place_of(uri).root:
                return []
            return [_action(command_of(ABOUT, "openChat", {"uri": uri, "range": plain(params.range)}))]
        if not self._chats.writes(uri):
            return []
        command = self._command_at(document, params.range.start.line)
        return [_action(command)] if command else []

    async def lenses(self, params: lsp.CodeLensParams) -> list[lsp.CodeLens]:
        """The same above the headings, for editors that show it."""
        if not await self._server.ready():
            return []
        document = self._server.documents.get(params.text_document.uri)
        if document is None or not self._chats.is_chat(document) or not self._chats.writes(document.uri):
            return []
        from twinny_lsp.chat.document import parse

        found = []
        for turn in parse(document.text).turns:
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
        if not await self._server.ready() or not self._chats.is_chat(document):
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
            paths = await self._chats.lookup.paths(document.uri, begun.typed)
            names = [(mentions.file_mention(path), "") for path in paths]
        else:
            found = await self._chats.lookup.symbols(document.uri, begun.typed)
            names = [(f"@symbol:{name}", path) for name, path in found]
        start = document.position(snapshot.row, snapshot.column - begun.length)
        covered = lsp.Range(lsp.Position(*start), params.position)
        typed = snapshot.line_before[-begun.length :]
        items = [_item(name, told, covered, typed, at) for at, (name, told) in enumerate(names)]
        return lsp.CompletionList(is_incomplete=True, items=items)

    def _command_at(self, document: Document, row: int) -> lsp.Command | None:
        if self._chats.is_answering(document.uri):
            return command_of(STOP, "stopChat", {"uri": document.uri})
        from twinny_lsp.chat.document import parse

        chat = parse(document.text)
        try:
            asked = chat.asked(row)
        except SettingsError:
            return None
        answer = chat.answer_of(asked)
        again = answer is not None and bool(chat.turns[answer].text)
        position = {"line": row, "character": 0}
        argument = {"uri": document.uri, "position": position, "wait": False}
        return command_of(AGAIN if again else SEND, "sendChat", argument)


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
