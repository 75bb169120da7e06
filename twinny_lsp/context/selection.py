"""Chooses which pieces are shown, within a budget, so that a choice once made stays as long as it is good.

Pure. A model server keeps what it computed for a prompt as far as the next prompt begins in the same way, and
these pieces stand at the begin. So pieces that were shown stay in their order and place; a new one comes in
only if there is room or it is clearly better than one that is shown, and stands behind those. Recent edits,
which change most, are last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from twinny_lsp.context.pieces import Gathered, Piece, Source, Told
from twinny_lsp.documents.text import byte_length
from twinny_lsp.exchange import ContextFile

STAYS = 1.6
"""How many times better than a piece that is shown a new one must be to take its place."""

_SHARES = {
    Source.CELLS: 1.0,
    Source.IMPORTS: 0.55,
    Source.EDITS: 0.25,
    Source.OPEN: 0.4,
    Source.RELATED: 0.25,
}
"""Who chooses first, and at most how much of the budget; what is left then goes to all in the same order."""

_ORDER = tuple(Source)
_HEADING_BYTES = 16
"""What a template adds to a file's path: comment marks, a separator token, line ends."""


class Window(NamedTuple):
    """What the prompt has anyway: rows of the document of that path, and their text."""

    path: str
    rows: range
    text: str


def choose(
    candidates: Iterable[Piece], shown: Sequence[Piece], budget: int, window: Window
) -> tuple[Piece, ...]:
    """The pieces to show, in order. `shown` are those of the choice before, `budget` is in bytes of UTF-8."""
    picking = _Picking(budget, window)
    # The newest edits are the best, and their scores are times: there is nothing to hold on to.
    keys = {piece.key for piece in shown if piece.source is not Source.EDITS}
    by_source: dict[Source, list[Piece]] = {source: [] for source in _SHARES}
    for piece in candidates:
        by_source[piece.source].append(piece)
    for pieces in by_source.values():
        pieces.sort(key=lambda one: (-one.score * (STAYS if one.key in keys else 1), one.path, one.rows))
    for source, share in _SHARES.items():
        picking.pick(by_source[source], int(budget * share))
    for source in _SHARES:
        picking.pick(by_source[source], budget)
    return ordered(picking.picked, shown)


class _Picking:
    """One choice being made."""

    def __init__(self, budget: int, window: Window) -> None:
        self.picked: list[Piece] = []
        self._left = budget
        self._spent = dict.fromkeys(Source, 0)
        self._covered = {window.path: set(window.rows)}
        self._text = window.text
        self._paths: set[tuple[Source, str]] = set()

    def pick(self, pieces: Sequence[Piece], most: int) -> None:
        """Take from one source's pieces, best first, until it has spent `most`."""
        for piece in pieces:
            cost = self._cost(piece)
            if cost > self._left or self._spent[piece.source] + cost > most or self._known(piece):
                continue
            self.picked.append(piece)
            self._left -= cost
            self._spent[piece.source] += cost
            self._paths.add((piece.source, piece.path))
            self._covered.setdefault(piece.path, set()).update(piece.rows)

    def _cost(self, piece: Piece) -> int:
        new = (piece.source, piece.path) not in self._paths
        return piece.size + (byte_length(piece.path) + _HEADING_BYTES if new else 0)

    def _known(self, piece: Piece) -> bool:
        """Whether most of it is shown already, or the same text is."""
        there = self._covered.get(piece.path)
        if there and 2 * sum(row in there for row in piece.rows) >= len(piece.rows):
            return True
        return piece.text in self._text or any(piece.text in other.text for other in self.picked)


def ordered(picked: Sequence[Piece], shown: Sequence[Piece]) -> tuple[Piece, ...]:
    """Those that are shown already in their order, the new ones behind them, and edits behind all others."""
    place = {piece.key: at for at, piece in enumerate(shown)}
    best: dict[tuple[Source, str], float] = {}
    for piece in picked:
        group = (piece.source, piece.path)
        best[group] = max(best.get(group, piece.score), piece.score)

    def order(piece: Piece) -> tuple[object, ...]:
        edit = piece.source is Source.EDITS
        if piece.key in place:
            return edit, 0, place[piece.key]
        if piece.source is Source.CELLS:
            return edit, 1, _ORDER.index(piece.source), piece.rows
        # What matters most stands nearest to the text it is for; what is of one file stands together.
        if edit:
            return edit, 1, piece.score, piece.path, piece.rows
        return edit, 1, _ORDER.index(piece.source), best[piece.source, piece.path], piece.path, piece.rows

    return tuple(sorted(picked, key=order))


def rendered(pieces: Sequence[Piece], *, whole: bool = True) -> Gathered:
    """The pieces as files: neighbours of one file and source are one file.

    The line of a class stands once above its members.
    """
    files: list[ContextFile] = []
    for (_, path), group in groupby(pieces, lambda piece: (piece.source, piece.path)):
        parts: list[str] = []
        head = ""
        for piece in group:
            if piece.head and piece.head != head:
                parts.append(piece.head)
            head = piece.head or piece.opens
            parts.append(piece.text)
        files.append(ContextFile(path, "\n".join(parts) + "\n"))
    told = tuple(Told(piece.source, piece.path, piece.why, piece.size) for piece in pieces)
    return Gathered(tuple(files), told, whole)
