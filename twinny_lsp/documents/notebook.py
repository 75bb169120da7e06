"""The order of a notebook's cells, so that a cell can be completed with its neighbours in view.

Holds no texts: each cell is a document of its own, found by its uri. No LSP types, no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum


class CellKind(IntEnum):
    """The numbers of LSP's NotebookCellKind."""

    MARKUP = 1
    CODE = 2


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; `uri` names the document that holds its text."""

    uri: str
    kind: CellKind


class Notebook:
    """An open notebook. `kind` is its type as the client calls it, e.g. jupyter-notebook."""

    __slots__ = ("cells", "kind", "uri", "version")

    def __init__(self, uri: str, kind: str, version: int, cells: Iterable[Cell] = ()) -> None:
        self.uri = uri
        self.kind = kind
        self.version = version
        self.cells: tuple[Cell, ...] = tuple(cells)

    def splice(self, start: int, delete_count: int, new: Iterable[Cell] = ()) -> tuple[Cell, ...]:
        """Replace `delete_count` cells from `start` on by `new`; return the cells that went.

        Numbers outside the notebook are brought to its ends, so that a client that miscounts does
        not end the session.
        """
        start = min(max(start, 0), len(self.cells))
        end = start + min(max(delete_count, 0), len(self.cells) - start)
        gone = self.cells[start:end]
        self.cells = (*self.cells[:start], *new, *self.cells[end:])
        return gone

    def update(self, changed: Iterable[Cell]) -> None:
        """Take over new kinds of cells that are there already; others are ignored."""
        kinds = {cell.uri: cell for cell in changed}
        self.cells = tuple(kinds.get(cell.uri, cell) for cell in self.cells)

    def __contains__(self, uri: object) -> bool:
        return any(cell.uri == uri for cell in self.cells)

    def neighbours(
        self, uri: str, text_of: Callable[[str], str | None]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The texts of the other code cells, before and after the cell `uri`, in the notebook's order.

        `text_of` gives a cell's text by its uri, or None for a cell that is not to be seen. Blank cells
        are left out. Both are empty when the notebook has no such cell.
        """
        before: list[str] = []
        after: list[str] = []
        side = before
        for cell in self.cells:
            if cell.uri == uri:
                side = after
                continue
            text = text_of(cell.uri) if cell.kind == CellKind.CODE else None
            if text and not text.isspace():
                side.append(text)
        return (tuple(before), tuple(after)) if side is after else ((), ())
