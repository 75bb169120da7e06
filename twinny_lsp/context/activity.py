"""What the user has been doing: which documents are open, where they were in them, what they edited.

No I/O, no clock; told of each event, at each key, so each costs microseconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from twinny_lsp.context.edits import EditPlace, moved, record
from twinny_lsp.context.work import OpenText
from twinny_lsp.documents.document import Document, Edit

OTHERS = 12
"""Documents beside the one that is asked about, those visited last."""
_CELL = "vscode-notebook-cell:"
_CLOSED = 5
_VISITS = 4
_NEAR_ROWS = 10


class OpenDocuments(Protocol):
    """The editor's documents."""

    def __iter__(self) -> Iterator[Document]:
        """All that are open."""
        ...

    def neighbours(self, cell_uri: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The texts of a notebook's other cells, before and after; empty for what is no cell."""
        ...


@dataclass(slots=True)
class _Doc:
    """`path` is relative to `root`, which is a uri; `order` counts the visits of all documents."""

    document: Document
    path: str
    root: str
    order: int
    edited: tuple[EditPlace, ...] = ()
    last_edit: Edit | None = None
    visited: deque[int] = field(default_factory=lambda: deque(maxlen=_VISITS))


class Activity:
    """The open documents with what was noted of them. `place_of`: a document's path and its root's uri."""

    def __init__(self, place_of: Callable[[str], tuple[str, str]]) -> None:
        self._place_of = place_of
        self._docs: dict[str, _Doc] = {}
        self._closed: deque[tuple[str, str]] = deque(maxlen=_CLOSED)
        self._order = 0

    def opened(self, document: Document) -> None:
        """A document was opened, or opened anew."""
        path, root = self._place_of(document.uri)
        self._docs[document.uri] = _Doc(document, path, root, self._next())
        if (path, root) in self._closed:
            self._closed.remove((path, root))

    def changed(self, document: Document) -> list[Edit] | None:
        """The edits since the last call, oldest first; None when the whole text was replaced."""
        doc = self._docs.get(document.uri)
        if doc is None:
            self.opened(document)
            return None
        edits: list[Edit] = []
        for edit in reversed(document.edits):
            if edit is doc.last_edit:
                break
            edits.insert(0, edit)
        whole = not document.edits
        doc.last_edit = document.edits[-1] if document.edits else None
        if whole:
            doc.edited = ()
            return None
        for edit in edits:
            doc.edited = record(doc.edited, edit)
            doc.visited = deque((moved(row, edit) for row in doc.visited), maxlen=_VISITS)
        return edits

    def closed(self, document: Document) -> None:
        """A document was closed."""
        doc = self._docs.pop(document.uri, None)
        if doc is not None and doc.root:
            self._closed.append((doc.path, doc.root))

    def visited(self, uri: str, row: int) -> None:
        """The user was at a row."""
        doc = self._docs.get(uri)
        if doc is None:
            return
        doc.order = self._next()
        if doc.visited and abs(doc.visited[-1] - row) <= _NEAR_ROWS:
            doc.visited[-1] = row
        else:
            doc.visited.append(row)

    def roots_changed(self) -> None:
        """Other workspace folders: all documents have other paths."""
        self._closed.clear()
        for uri, doc in self._docs.items():
            doc.path, doc.root = self._place_of(uri)

    def root_of(self, uri: str) -> str:
        """The uri of the root a document is in; "" for none."""
        doc = self._docs.get(uri)
        return doc.root if doc is not None else ""

    def last(self) -> Document | None:
        """The document that was opened or visited last."""
        return max(self._docs.values(), key=lambda doc: doc.order).document if self._docs else None

    def text(self, uri: str, max_bytes: int) -> OpenText | None:
        """A document as it is now; None when it is not open."""
        doc = self._docs.get(uri)
        return None if doc is None else _text(doc, max_bytes)

    def others(self, uri: str, max_bytes: int) -> tuple[OpenText, ...]:
        """The other documents of the same root, the one visited last first; none that are larger than that.

        Notebook cells are no files, and so in no `others`.
        """
        own = self._docs.get(uri)
        if own is None or not own.root:
            return ()
        beside = [
            doc
            for doc in self._docs.values()
            if doc.root == own.root
            and doc.path != own.path
            and doc.document.byte_count <= max_bytes
            and not doc.document.uri.startswith(_CELL)
        ]
        beside.sort(key=lambda doc: -doc.order)
        return tuple(_text(doc, max_bytes) for doc in beside[:OTHERS])

    def closed_paths(self, uri: str) -> tuple[str, ...]:
        """The paths of documents of the same root that were closed not long ago, the latest first."""
        root = self.root_of(uri)
        return tuple(path for path, of in reversed(self._closed) if of == root)

    def _next(self) -> int:
        self._order += 1
        return self._order


def _text(doc: _Doc, max_bytes: int) -> OpenText:
    document = doc.document
    large = document.byte_count > max_bytes
    return OpenText(
        document.uri, doc.path, document.language, document.lines, large, tuple(doc.visited), doc.edited
    )
