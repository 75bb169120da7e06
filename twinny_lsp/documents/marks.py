"""A place in a text that stays where it is while the text around it is edited. Pure."""

from __future__ import annotations

from twinny_lsp.documents.document import Change
from twinny_lsp.documents.text import Position, split_lines


def advanced(start: Position, text: str) -> Position:
    """The position after `text`, put in at `start`."""
    lines = split_lines(text)
    row, column = start
    return (row, column + len(text)) if len(lines) == 1 else (row + len(lines) - 1, len(lines[-1]))


def moved(mark: Position, change: Change) -> Position | None:
    """Where a mark is after a change; None when what it stood in was replaced.

    What is put in right at the mark comes after it.
    """
    if mark <= change.start:
        return mark
    if mark < change.end:
        return None
    row, column = advanced(change.start, change.inserted)
    if mark[0] == change.end[0]:
        return row, column + mark[1] - change.end[1]
    return mark[0] + row - change.end[0], mark[1]


def shared_front(one: str, other: str) -> int:
    """How many characters two texts begin with in common; halved, since comparing slices is quick."""
    same, most = 0, min(len(one), len(other))
    while same < most:
        middle = (same + most + 1) // 2
        if one[same:middle] == other[same:middle]:
            same = middle
        else:
            most = middle - 1
    return same


def shared_back(one: str, other: str) -> int:
    """How many characters two texts end with in common."""
    same, most = 0, min(len(one), len(other))
    while same < most:
        middle = (same + most + 1) // 2
        if one[len(one) - middle : len(one) - same] == other[len(other) - middle : len(other) - same]:
            same = middle
        else:
            most = middle - 1
    return same


def narrowed(change: Change) -> Change:
    """The same change without what is equal on both of its sides: whole texts differ in little."""
    removed, inserted = change.removed, change.inserted
    front = shared_front(removed, inserted)
    back = min(shared_back(removed, inserted), min(len(removed), len(inserted)) - front)
    start = advanced(change.start, removed[:front])
    middle = removed[front : len(removed) - back]
    return Change(start, advanced(start, middle), middle, inserted[front : len(inserted) - back])
