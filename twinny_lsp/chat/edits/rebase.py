"""Where a passage is after the document was changed elsewhere, or that it was changed itself.

Compares two versions of a document by lines: what is equal above and below is skipped, so that only the
part in between is looked at closely. Not for merging two changes of the same lines: that is a person's work.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from twinny_lsp.chat.edits.passage import Passage, Span
from twinny_lsp.completion.text import without_terminator

_MOST = 4_000_000
"""Lines of one version times lines of the other; beyond it a passage must be found as a whole."""


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
    shorter = min(len(old), len(new))
    top = next((row for row in range(shorter) if old[row] != new[row]), shorter)
    if last < top:
        return first
    least = shorter - top
    bottom = next((row for row in range(least) if old[-1 - row] != new[-1 - row]), least)
    shift = len(new) - len(old)
    if first >= len(old) - bottom:
        return first + shift
    a, b = old[top : len(old) - bottom], new[top : len(new) - bottom]
    if len(a) * len(b) > _MOST:
        return _found_once(old, new, first, last)
    for begin, start, size in SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks():
        if begin <= first - top and last - top < begin + size:
            return first + start - begin
    return None


def _found_once(old: Sequence[str], new: Sequence[str], first: int, last: int) -> int | None:
    wanted = old[first : last + 1]
    places = [
        row for row, line in enumerate(new) if line == wanted[0] and new[row : row + len(wanted)] == wanted
    ]
    return places[0] if len(places) == 1 else None
