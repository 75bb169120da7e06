"""The smallest edits by lines that make one text of another: what stays the same is not touched.

Cursors, marks and folds of an editor live in lines that an edit leaves alone, and a reviewer reads only what
changed. Not for deciding what the text should be (decide.py).
"""

from __future__ import annotations

from twinny_lsp.chat.edits.alignment import Run, aligned
from twinny_lsp.chat.edits.passage import Edit, Passage
from twinny_lsp.documents.text import Position, split_lines


def edits(passage: Passage, text: str) -> tuple[Edit, ...]:
    """The edits that put `text` in the passage's place: in order, apart, and all of them inside of it."""
    old, new = _pieces(passage.original), _pieces(text)
    made: list[Edit] = []
    begin = start = 0
    for run in (*aligned(old, new), Run(len(old), len(new), 0)):
        if begin < run.old or start < run.new:
            places = (_place(passage, old, begin), _place(passage, old, run.old))
            made.append(Edit(*places, "".join(new[start : run.new])))
        begin, start = run.old + run.size, run.new + run.size
    return tuple(made)


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
