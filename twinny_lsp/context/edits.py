"""Where the user edited a document, kept up to date edit by edit, and how such a place reads now.

Pure. The document's own history is short and full of single keys; here edits near each other are one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from twinny_lsp.context.pieces import Piece, Source, of_rows
from twinny_lsp.documents.document import EDIT_CHARS_KEPT, Edit

PLACES_KEPT = 6
_NEAR = 3
_ROWS_AROUND = 2
_ROWS_SHOWN = 12


class EditPlace(NamedTuple):
    """Rows of the document as it is now, and when they were last edited, in seconds."""

    first: int
    last: int
    at: float


def record(places: tuple[EditPlace, ...], edit: Edit) -> tuple[EditPlace, ...]:
    """The places after one more edit, the newest last."""
    if _cut_off(edit):
        # How many lines came or went is not known: what is below is lost.
        kept = tuple(place for place in places if place.last < edit.row)
        return (*kept, EditPlace(edit.row, edit.row, edit.at))[-PLACES_KEPT:]
    first, last = edit.row, edit.row + edit.inserted.count("\n")
    others: list[EditPlace] = []
    for place in places:
        place = EditPlace(moved(place.first, edit), moved(place.last, edit), place.at)
        if place.first - _NEAR <= last and first <= place.last + _NEAR:
            first, last = min(first, place.first), max(last, place.last)
        else:
            others.append(place)
    return (*others, EditPlace(first, last, edit.at))[-PLACES_KEPT:]


def moved(row: int, edit: Edit) -> int:
    """Where a row is after an edit; a row that went is where the edit was."""
    gone, come = edit.removed.count("\n"), edit.inserted.count("\n")
    if row < edit.row or _cut_off(edit):
        return row
    if row == edit.row:
        return row + come if edit.column == 0 and not gone else row
    return row + come - gone if row > edit.row + gone else min(row, edit.row + come)


def _cut_off(edit: Edit) -> bool:
    """Whether the history has not all of its text."""
    return max(len(edit.removed), len(edit.inserted)) >= EDIT_CHARS_KEPT


def pieces(path: str, lines: Sequence[str], places: Sequence[EditPlace]) -> list[Piece]:
    """How the places read now; the newest has the highest score, which is its time."""
    found: list[Piece] = []
    for place in places:
        first = max(0, place.first - _ROWS_AROUND)
        last = min(place.last + _ROWS_AROUND, first + _ROWS_SHOWN - 1)
        piece = of_rows(Source.EDITS, path, lines, (first, last))
        if piece is not None:
            found.append(replace(piece, score=place.at, why="edited a while ago"))
    return found
