"""Where a request stands in its document, small enough to be kept: what reuse compares.

A Place holds numbers only: it keeps no text and no old version of the document alive. Two requests stand at
places that belong together when all that is right of the cursor is equal, and all that is left of the newer
one is what is left of the older one plus what was typed since. Closers that the editor puts right of the
cursor while an opener is typed (`(` gives `()`) are no difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from twinny_lsp.completion.text import PAIRS, QUOTES, normalised
from twinny_lsp.documents.snapshot import Snapshot

FARTHEST = 60
"""Rows; no answer is so long that more were typed through."""

LONGEST_LINE = 10_000
"""Code points; nobody types longer lines, and comparing them would show."""

_BLOCK = 256
_MOST_CLOSERS = 4


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


class Typed(NamedTuple):
    """What was typed since (line ends `\\n`), and the closers the editor put right of the cursor
    meanwhile."""

    text: str
    closers: str = ""


UNTYPED = Typed("")


class Cursor:
    """A snapshot's cursor, ready to be compared with older places. `selected` counts as typed."""

    def __init__(self, snapshot: Snapshot, selected: str = "") -> None:
        self._lines = snapshot.lines
        self.row = snapshot.row
        self._left = snapshot.line_before + selected
        self._blocks: list[int] = []
        self._above: dict[int, int] = {}
        rest = self._lines[self.row][snapshot.column :] if self.row < len(self._lines) else ""
        below = hash(self._lines[self.row + 1 :])
        self.rights = tuple((closers, hash((rest[len(closers) :], below))) for closers in _runs(rest))
        """What stands right of the cursor: as it is, and without closers that the editor may have put
        there."""
        self.seat = Seat(snapshot.uri, snapshot.version, snapshot.row, snapshot.column)
        self.place = Place(
            uri=snapshot.uri,
            row=self.row,
            above=self.above(self.row),
            length=len(self._left),
            left=hash(self._left),
            right=self.rights[0][1],
        )

    def typed_since(self, place: Place) -> Typed | None:
        """What was typed at `place` to come here; None if something else has changed."""
        if place.uri != self.place.uri or not 0 <= self.row - place.row <= FARTHEST:
            return None
        closers = next((closers for closers, right in self.rights if right == place.right), None)
        if closers is None or place.above != self.above(place.row):
            return None
        text = "".join((*self._lines[place.row : self.row], self._left))
        if len(text) < place.length or hash(text[: place.length]) != place.left:
            return None
        typed = normalised(text[place.length :])
        return Typed(typed, closers) if not closers or awaited(typed).startswith(closers) else None

    def above(self, row: int) -> int:
        """The hash of all lines above `row`."""
        known = self._above.get(row)
        if known is None:
            whole = row // _BLOCK
            while len(self._blocks) < whole:
                start = len(self._blocks) * _BLOCK
                self._blocks.append(hash(self._lines[start : start + _BLOCK]))
            known = hash((*self._blocks[:whole], self._lines[whole * _BLOCK : row]))
            self._above[row] = known
        return known

    def since(self, row: int) -> str:
        """The text from the beginning of `row` to the cursor, line ends `\\n`."""
        return normalised("".join((*self._lines[row : self.row], self._left)))


def awaited(typed: str) -> str:
    """The closers an editor puts right of the cursor while this is typed, innermost first."""
    stack: list[str] = []
    for char in typed:
        if stack and char == stack[-1]:
            stack.pop()
        elif char in QUOTES or char in PAIRS:
            stack.append(PAIRS.get(char, char))
    return "".join(reversed(stack))


def _runs(rest: str) -> Iterator[str]:
    """What of the closers right of the cursor the editor may have put there: none, one, two, …"""
    yield ""
    for size in range(1, _MOST_CLOSERS + 1):
        if rest[size - 1 : size] not in _CLOSING:
            break
        yield rest[:size]


_CLOSING = frozenset((*PAIRS.values(), *QUOTES))
