"""What the editor has told in passing, for `@selection`, `@diagnostics` and `@open` in chat documents.

LSP has no message for a selection, nor for other servers' diagnostics: both come with requests for code
actions, so what came with the last one is all that is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from twinny_lsp.documents.text import content_length

if TYPE_CHECKING:
    from twinny_lsp.chat.attachments import EditorState
    from twinny_lsp.documents.document import Document
    from twinny_lsp.lsp.server import TwinnyServer

MOST_OPEN = 50
MOST_DIAGNOSTICS = 100
SEVERITIES = {1: "error", 2: "warning", 3: "information", 4: "hint"}


def rows_of(span: lsp.Range) -> range:
    """The rows of a selection; one that ends before a row's first character does not have that row."""
    last = span.end.line
    if span.end.character == 0 and last > span.start.line:
        last -= 1
    return range(span.start.line, last + 1)


def selection(document: Document, span: lsp.Range) -> lsp.Range:
    """What is selected; empty, as a cursor is, where that is one character: Helix has no smaller selection.

    By what is selected and not by the client: who selects a letter elsewhere does not mean that letter alone
    either.
    """
    start, end = span.start, span.end
    if end.line - start.line > 1:
        return span
    selected = document.text_in((start.line, start.character, end.line, end.character))
    return lsp.Range(start, start) if len(selected) <= 1 or selected == "\r\n" else span


class Seen:
    """The last selection, the latest diagnostics by document, and which documents were looked at last."""

    def __init__(self, server: TwinnyServer) -> None:
        self._server = server
        self._selected: tuple[str, range] | None = None
        self._diagnosed: dict[str, tuple[lsp.Diagnostic, ...]] = {}
        self._order: dict[str, None] = {}

    def visited(self, uri: str) -> None:
        """The user was in a document."""
        self._order.pop(uri, None)
        self._order[uri] = None

    def asked_for_actions(self, params: lsp.CodeActionParams) -> None:
        """The editor asked what can be done at a place."""
        uri = params.text_document.uri
        self.visited(uri)
        if params.range.start != params.range.end:
            self._selected = uri, rows_of(params.range)
        rows = rows_of(params.range)
        kept = [one for one in self._diagnosed.get(uri, ()) if one.range.start.line not in rows]
        self._diagnosed[uri] = (*kept, *params.context.diagnostics)[-MOST_DIAGNOSTICS:]

    def closed(self, document: Document) -> None:
        """A document was closed."""
        self._order.pop(document.uri, None)
        self._diagnosed.pop(document.uri, None)

    def state(self, root: str, *, without: str) -> EditorState:
        """What is known of the documents of one root (a uri), but for the chat document itself."""
        from twinny_lsp.chat.attachments import Diagnosed, EditorState, Selected
        from twinny_lsp.chat.places import is_chat
        from twinny_lsp.config.sources import path_of
        from twinny_lsp.context.code import Code

        def path_in_root(uri: str) -> str:
            place = self._server.place_of(uri)
            path = path_of(uri)
            chat = path is None or is_chat(path) or uri == without
            return place.path if place.root == root and not chat else ""

        unseen = [one.uri for one in self._server.documents if one.uri not in self._order]
        opened: dict[str, Code] = {}
        above: dict[str, int] = {}
        for uri in (*reversed(self._order), *unseen):
            document = self._server.documents.get(uri)
            if document is not None and (path := path_in_root(uri)) and path not in opened:
                text, language, rows_above = self._whole(document)
                above |= rows_above
                opened[path] = Code(path, language, text)
        selected = None
        if self._selected is not None and (path := path_in_root(self._selected[0])):
            uri, rows = self._selected
            selected = Selected(path, range(rows.start + above.get(uri, 0), rows.stop + above.get(uri, 0)))
        diagnosed = [
            Diagnosed(
                path,
                one.range.start.line + above.get(uri, 0),
                SEVERITIES.get(one.severity or 1, "error"),
                one.message,
            )
            for uri, several in self._diagnosed.items()
            if (path := path_in_root(uri))
            for one in several
        ]
        return EditorState(tuple(opened.values())[:MOST_OPEN], selected, tuple(diagnosed))

    def _whole(self, document: Document) -> tuple[str, str, dict[str, int]]:
        """(text, language, rows above each cell by its uri): of a cell, those of its notebook."""
        book = self._server.documents.notebook_of(document.uri)
        if book is None:
            return _bare(document), document.language, {}
        cells = [cell for each in book.cells if (cell := self._server.documents.get(each.uri)) is not None]
        texts: list[str] = []
        above: dict[str, int] = {}
        rows = 0
        for cell in cells:
            texts.append(_bare(cell).rstrip("\n") + "\n\n")
            above[cell.uri] = rows
            rows += texts[-1].count("\n")
        code = [cell.language for cell in cells if cell.language != "markdown"]
        return "".join(texts), code[0] if code else document.language, above


def _bare(document: Document) -> str:
    """The text with `\\n` for every line end."""
    lines = document.lines
    return "".join(line[: content_length(line)] + "\n" for line in lines[:-1]) + lines[-1]
