"""The smallest edits by lines that make one text of another: what stays the same is not touched.

Cursors, marks and folds of an editor live in lines that an edit leaves alone, and a reviewer reads only what
changed. Not for deciding what the text should be (decide.py).
"""

from __future__ import annotations

from difflib import SequenceMatcher

from twinny_lsp.chat.edits.passage import Edit, Passage
from twinny_lsp.documents.text import Position, split_lines

_MOST = 4_000_000
"""Lines of one side times lines of the other, beyond which the middle is replaced as a whole."""


def edits(passage: Passage, text: str) -> tuple[Edit, ...]:
    """The edits that put `text` in the passage's place: in order, apart, and all of them inside of it."""
    old, new = _pieces(passage.original), _pieces(text)
    first = _same(old, new)
    last = _same(old[first:][::-1], new[first:][::-1])
    middle, wanted = old[first : len(old) - last], new[first : len(new) - last]
    if not (middle or wanted):
        return ()
    made: list[Edit] = []
    for begin, end, start, stop in _changed(middle, wanted):
        made.append(
            Edit(
                _place(passage, old, first + begin),
                _place(passage, old, first + end),
                "".join(wanted[start:stop]),
            )
        )
    return tuple(made)


def _changed(old: list[str], new: list[str]) -> list[tuple[int, int, int, int]]:
    if len(old) * len(new) > _MOST:
        return [(0, len(old), 0, len(new))]
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    return [rows for tag, *rows in matcher.get_opcodes() if tag != "equal"]  # type: ignore[misc]


def _place(passage: Passage, old: list[str], index: int) -> Position:
    """Where the piece `index` of the passage begins; its end for the index after the last."""
    row, column = passage.span.start
    if index == 0:
        return row, column
    return (row + index, 0) if index < len(old) or _ended(old) else passage.span.end


def _ended(pieces: list[str]) -> bool:
    return bool(pieces) and pieces[-1].endswith(("\n", "\r"))


def _pieces(text: str) -> list[str]:
    """Lines with their terminators, without the empty one after the last terminator."""
    pieces = split_lines(text)
    return pieces if pieces[-1] else pieces[:-1]


def _same(old: list[str], new: list[str]) -> int:
    """How many lines are the same from the beginning on."""
    count = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        count += 1
    return count
