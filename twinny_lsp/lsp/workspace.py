"""The open documents and notebooks, kept up to date by what the client sends.

Takes the place of pygls' workspace, which never holds a text here. Uris are keys as they came, character
by character: two spellings are two documents, as they are to the client. Not for files on disk, and not
for what is done with a document (see the features).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lsprotocol import types

from twinny_lsp.documents.document import Change as Made
from twinny_lsp.documents.document import Document
from twinny_lsp.documents.encoding import Encoding
from twinny_lsp.documents.notebook import Cell, CellKind, Notebook
from twinny_lsp.documents.snapshot import Snapshot
from twinny_lsp.languages import language_from_path

logger = logging.getLogger(__name__)

NO_VERSION = -1

Watcher = Callable[[Document], None]
EditWatcher = Callable[[Document, Made], None]
Change = types.TextDocumentContentChangeEvent


class Documents:
    """What is open in the editor. `encoding` is what the client counts characters in."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.encoding = Encoding.UTF16
        self.notebooks: dict[str, Notebook] = {}
        self._documents: dict[str, Document] = {}
        self._clock = clock
        self._opened: list[Watcher] = []
        self._changed: list[Watcher] = []
        self._closed: list[Watcher] = []
        self._edited: list[EditWatcher] = []

    def get(self, uri: str) -> Document | None:
        """The open document (or notebook cell) of exactly that uri."""
        return self._documents.get(uri)

    def __iter__(self) -> Iterator[Document]:
        return iter(tuple(self._documents.values()))

    def __len__(self) -> int:
        return len(self._documents)

    def snapshot(self, uri: str, position: types.Position) -> Snapshot | None:
        """An immutable view with the cursor at a client's position; None when that uri is not open."""
        document = self._documents.get(uri)
        return None if document is None else document.snapshot(position.line, position.character)

    def notebook_of(self, cell_uri: str) -> Notebook | None:
        """The open notebook that has that cell."""
        return next((book for book in self.notebooks.values() if cell_uri in book), None)

    def neighbours(self, cell_uri: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The texts of the other code cells of its notebook, before and after; both empty for no cell."""
        book = self.notebook_of(cell_uri)
        return book.neighbours(cell_uri, self._text_of) if book else ((), ())

    def on_open(self, watcher: Watcher) -> None:
        """Call `watcher` after a document was opened."""
        self._opened.append(watcher)

    def on_change(self, watcher: Watcher) -> None:
        """Call `watcher` after a document changed; its latest edit is `document.edits[-1]`."""
        self._changed.append(watcher)

    def on_edit(self, watcher: EditWatcher) -> None:
        """Call `watcher` after each single edit: a change may bring several. Its version comes after them."""
        self._edited.append(watcher)

    def on_close(self, watcher: Watcher) -> None:
        """Call `watcher` after a document was closed; it is not in the store any more."""
        self._closed.append(watcher)

    def open(self, item: types.TextDocumentItem) -> None:
        """`didOpen`; a second one for the same uri takes the place of the first."""
        document = Document(item.uri, item.language_id, item.version, item.text, self.encoding)
        self._documents[item.uri] = document
        _tell(self._opened, document)

    def change(self, uri: str, version: int, changes: Sequence[Change]) -> None:
        """`didChange`: all changes, in order. A negative version stands for none: then ours counts on.

        The stream is in order, so a version that does not grow is a client's slip and no reason to lose
        its edit. An edit of a document that is not open cannot be applied; a whole text can.
        """
        document = self._documents.get(uri)
        if document is None:
            whole = next((change.text for change in reversed(changes) if not _is_partial(change)), None)
            if whole is None:
                logger.debug("a change of a document that is not open was left out")
                return
            # Whatever partial edits follow it start from that text.
            language = language_from_path(uri)
            document = self._documents[uri] = Document(uri, language, 0, whole, self.encoding)
            start = max(i for i, change in enumerate(changes) if not _is_partial(change))
            changes = changes[start + 1 :]
        for change in changes:
            made = _apply(document, change, self._clock())
            for edited in self._edited:
                edited(document, made)
        document.version = document.version + 1 if version < 0 else version
        _tell(self._changed, document)

    def close(self, uri: str) -> None:
        """`didClose`; of an unknown document, nothing."""
        document = self._documents.pop(uri, None)
        if document is not None:
            _tell(self._closed, document)

    def open_notebook(self, params: types.DidOpenNotebookDocumentParams) -> None:
        """`notebookDocument/didOpen`: the notebook and the texts of its cells."""
        book = params.notebook_document
        cells = map(_cell, book.cells)
        self.notebooks[book.uri] = Notebook(book.uri, book.notebook_type, book.version, cells)
        for item in params.cell_text_documents:
            self.open(item)

    def change_notebook(self, params: types.DidChangeNotebookDocumentParams) -> None:
        """`notebookDocument/didChange`: cells that came, went, moved or were edited."""
        book = self.notebooks.get(params.notebook_document.uri)
        if book is None:
            logger.debug("a change of a notebook that is not open was left out")
            return
        book.version = params.notebook_document.version
        cells = params.change.cells
        if cells is None:
            return
        if (structure := cells.structure) is not None:
            splice = structure.array
            book.splice(splice.start, splice.delete_count, map(_cell, splice.cells or ()))
            for opened in structure.did_open or ():
                self.open(opened)
            for closed in structure.did_close or ():
                self.close(closed.uri)
        book.update(map(_cell, cells.data or ()))
        for content in cells.text_content or ():
            self.change(content.document.uri, content.document.version, content.changes)

    def close_notebook(self, params: types.DidCloseNotebookDocumentParams) -> None:
        """`notebookDocument/didClose`: the notebook and every cell of it, named or not."""
        book = self.notebooks.pop(params.notebook_document.uri, None)
        for uri in {cell.uri for cell in params.cell_text_documents} | {
            cell.uri for cell in (book.cells if book else ())
        }:
            self.close(uri)

    def _text_of(self, uri: str) -> str | None:
        document = self._documents.get(uri)
        return None if document is None else document.text


def repair(method: str, params: Any) -> Any:
    """Fill in what some clients leave out of document notifications, in place; gives `params`.

    The types of LSP would refuse these, and a refused change leaves a document wrong until it is closed:
    no version or null (LSP before 3), `range: null` for a whole text, no language.
    """
    if not isinstance(params, dict):
        return params
    document = params.get("textDocument")
    if method == types.TEXT_DOCUMENT_DID_OPEN and isinstance(document, dict):
        document["version"] = 0 if document.get("version") is None else document["version"]
        document["languageId"] = document.get("languageId") or ""
    elif method == types.TEXT_DOCUMENT_DID_CHANGE and isinstance(document, dict):
        document["version"] = NO_VERSION if document.get("version") is None else document["version"]
        changes = params.get("contentChanges")
        for change in changes if isinstance(changes, list) else ():
            if isinstance(change, dict) and change.get("range", change) is None:
                del change["range"]
    return params


def choose_encoding(capabilities: types.ClientCapabilities) -> Encoding:
    """The first encoding of the client's list that we know; UTF-16 without a list or a known one."""
    general = capabilities.general
    for offered in (general.position_encodings if general else None) or ():
        try:
            return Encoding(offered)
        except ValueError:
            continue
    return Encoding.UTF16


def _tell(watchers: Sequence[Watcher], document: Document) -> None:
    """One watcher that fails must not cost the others, nor the document, the change."""
    for watcher in watchers:
        try:
            watcher(document)
        except Exception as error:
            logger.error("a watcher of documents failed: %s", type(error).__name__)
            logger.debug("the failure", exc_info=error)


def _is_partial(change: Change) -> bool:
    return isinstance(change, types.TextDocumentContentChangePartial)


def _apply(document: Document, change: Change, now: float) -> Made:
    if isinstance(change, types.TextDocumentContentChangePartial):
        start, end = change.range.start, change.range.end
        span = (start.line, start.character, end.line, end.character)
        return document.apply_incremental(span, change.text, now)
    return document.replace_all(change.text)


def _cell(cell: types.NotebookCell) -> Cell:
    kind = CellKind.MARKUP if cell.kind == types.NotebookCellKind.Markup else CellKind.CODE
    return Cell(cell.document, kind)
