"""Where a request stands in its document, small enough to be kept: what reuse compares.

A Place holds numbers only: it keeps no text and no old version of the document alive. Two requests
stand at places that belong together when all that is right of the cursor is equal, and all that is left of
the newer one is what is left of the older one plus what was typed since.
"""

from __future__ import annotations

from typing import NamedTuple

from twinny_lsp.completion.text import normalised
from twinny_lsp.documents.snapshot import Snapshot

_FARTHEST = 200
"""Rows; no answer is so long that more were typed through."""


class Place(NamedTuple):
    """`above`, `left`, `right` are hashes: of the lines above, the line before the cursor, all after it."""

    uri: str
    row: int
    above: int
    length: int
    left: int
    right: int


class Seat(NamedTuple):
    """Where the editor's own cursor was; equal for two surfaces that ask for the same keystroke."""

    uri: str
    version: int
    row: int
    column: int


class Cursor:
    """A snapshot's cursor, ready to be compared with older places. `selected` counts as typed."""

    def __init__(self, snapshot: Snapshot, selected: str = "") -> None:
        self._lines = snapshot.lines
        self._row = snapshot.row
        self._left = snapshot.line_before + selected
        self._above: dict[int, int] = {}
        rest = self._lines[self._row][snapshot.column :] if self._row < len(self._lines) else ""
        self.seat = Seat(snapshot.uri, snapshot.version, snapshot.row, snapshot.column)
        self.place = Place(
            uri=snapshot.uri,
            row=self._row,
            above=self._hash_above(self._row),
            length=len(self._left),
            left=hash(self._left),
            right=hash((rest, self._lines[self._row + 1 :])),
        )

    def typed_since(self, place: Place) -> str | None:
        """What was typed at `place` to come here (line ends `\\n`); None if something else has changed."""
        mine = self.place
        if place.uri != mine.uri or place.right != mine.right:
            return None
        if not 0 <= mine.row - place.row <= _FARTHEST:
            return None
        if place.above != self._hash_above(place.row):
            return None
        text = "".join((*self._lines[place.row : self._row], self._left))
        if len(text) < place.length or hash(text[: place.length]) != place.left:
            return None
        return normalised(text[place.length :])

    def _hash_above(self, row: int) -> int:
        known = self._above.get(row)
        if known is None:
            known = self._above[row] = hash(self._lines[:row])
        return known
