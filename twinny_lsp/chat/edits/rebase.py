"""Where a passage is after the document was changed elsewhere, or that it was changed itself.

Compares two versions of a document by lines. A passage that was moved as a whole is found again where it
stands once. Not for merging two changes of the same lines: that is a person's work.
"""

from __future__ import annotations

from collections.abc import Sequence

from twinny_lsp.chat.edits.alignment import aligned
from twinny_lsp.chat.edits.passage import Passage, Span
from twinny_lsp.completion.text import without_terminator

_TELLING = 20
"""Letters and digits without which a passage may stand in two places by chance."""


def rebased(passage: Passage, lines: Sequence[str]) -> Passage | None:
    """The same passage in the document's newer `lines`; None when it was touched, or cannot be told apart.

    Untouched means that all its lines are as they were, in full, also where it is a part of one. Line ends do
    not count.
    """
    newer = tuple(lines) or ("",)
    old, new = [[without_terminator(line) for line in each] for each in (passage.lines, newer)]
    first, last = passage.span.start[0], passage.span.end[0]
    row = _moved(old, new, first, last)
    if row is None:
        return None
    start, end = passage.span.start[1], passage.span.end[1]
    return Passage(passage.language, newer, Span((row, start), (row + last - first, end)))


def _moved(old: Sequence[str], new: Sequence[str], first: int, last: int) -> int | None:
    """The row where the old rows `first` to `last` begin now."""
    for run in aligned(old, new):
        if run.old <= first and last < run.old + run.size:
            return first + run.new - run.old
    wanted = old[first : last + 1]
    if sum(map(str.isalnum, "".join(wanted))) < _TELLING:
        return None
    before, after = (_places(wanted, each) for each in (old, new))
    return after[0] if len(before) == len(after) == 1 else None


def _places(wanted: Sequence[str], lines: Sequence[str]) -> list[int]:
    """The rows where these lines stand."""
    size = len(wanted)
    return [row for row, line in enumerate(lines) if line == wanted[0] and lines[row : row + size] == wanted]
