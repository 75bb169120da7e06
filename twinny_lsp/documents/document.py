"""One open document: what the editor sends is applied here, and what the rest reads is taken from here.

The editor's numbers (in its own units) come in, code points go out. Knows no LSP types, does no I/O,
reads no clock. Not for notebooks (see notebook.py) and not for what goes into a prompt (see windows.py).
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from twinny_lsp.documents.encoding import (
    Encoding,
    Range,
    position_from_client,
    position_to_client,
    range_from_client,
)
from twinny_lsp.documents.snapshot import Snapshot
from twinny_lsp.documents.text import Position, Text
from twinny_lsp.languages import canonical

EDITS_KEPT = 64
EDIT_CHARS_KEPT = 1_000


class Edit(NamedTuple):
    """One change as the user made it. `row`/`column` are code points in the text as it then was.

    `removed` and `inserted` hold at most EDIT_CHARS_KEPT code points each, so that a history of
    large pastes stays small. `at` is the time the caller gave.
    """

    row: int
    column: int
    removed: str
    inserted: str
    at: float


class Change(NamedTuple):
    """What was done to a text: `inserted` in the place of `removed`, which was between two positions.

    Positions are code points in the text as it was before.
    """

    start: Position
    end: Position
    removed: str
    inserted: str


class Document:
    """An open document. `version` is the client's number and the caller's to set.

    `language_id` is what the client sent, `language` the same in this program's own spelling.
    `edits` are the latest changes, oldest first.
    """

    __slots__ = ("_lines", "_text", "edits", "encoding", "language", "language_id", "uri", "version")

    def __init__(self, uri: str, language_id: str, version: int, text: str, encoding: Encoding) -> None:
        self.uri = uri
        self.language_id = language_id
        self.language = canonical(language_id)
        self.version = version
        self.encoding = Encoding(encoding)
        self.edits: deque[Edit] = deque(maxlen=EDITS_KEPT)
        self._text = Text(text)
        self._lines: tuple[str, ...] | None = None

    @property
    def text(self) -> str:
        """The whole text, put together anew at each call: not for the way of a keystroke."""
        return self._text.text

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines with their terminators; the same object until the text changes."""
        if self._lines is None:
            self._lines = tuple(self._text.lines)
        return self._lines

    @property
    def char_count(self) -> int:
        """The size in code points, known without counting."""
        return self._text.char_count

    @property
    def byte_count(self) -> int:
        """The size in bytes of UTF-8, known without counting."""
        return self._text.byte_count

    def apply_incremental(self, span: Range, text: str, at: float = 0.0) -> Change:
        """Put `text` in the place of `span`, which is in the client's units; `at` goes into the history.

        Costs the lines that are touched, whatever the size of the document.
        """
        start, end = range_from_client(self._text.lines, span, self.encoding)
        removed = self._text.replace(start, end, text)
        self._lines = None
        self.edits.append(Edit(*start, removed[:EDIT_CHARS_KEPT], text[:EDIT_CHARS_KEPT], at))
        return Change(start, end, removed, text)

    def replace_all(self, text: str) -> Change:
        """Take a new text for the whole document. The history ends here: its rows mean nothing any more."""
        change = Change((0, 0), self._text.end, self._text.text, text)
        self._text = Text(text)
        self._lines = None
        self.edits.clear()
        return change

    def snapshot(self, line: int, character: int) -> Snapshot:
        """An immutable view with the cursor at a position in the client's units, clamped into the text."""
        row, column = position_from_client(self._text.lines, line, character, self.encoding)
        return Snapshot(self.uri, self.language, self.version, self.lines, row, column, self.byte_count)

    def position(self, row: int, column: int) -> tuple[int, int]:
        """(line, character) in the client's units of a position in code points, clamped into the text."""
        return position_to_client(self._text.lines, row, column, self.encoding)

    def offset_of(self, position: Position) -> int:
        """How many code points stand before a position of the text."""
        row, column = position
        return sum(map(len, self._text.lines[:row])) + column

    def position_at(self, offset: int) -> Position:
        """The position that has so many code points before it."""
        for row, line in enumerate(self._text.lines):
            if offset < len(line):
                return row, offset
            offset -= len(line)
        return self._text.end

    def text_in(self, span: Range) -> str:
        """The text inside a range in the client's units."""
        return self._text.slice(*range_from_client(self._text.lines, span, self.encoding))
