"""A notebook's other cells as files a model may see. Pure; which cells there are is told by `documents`."""

from __future__ import annotations

from collections.abc import Sequence

from twinny_lsp.exchange import ContextFile

MAX_CHARS = 6_000
"""Of all cells together: about what the default window leaves room for."""


def cells_as_files(path: str, before: Sequence[str], after: Sequence[str]) -> tuple[ContextFile, ...]:
    """The cells nearest to the cursor's, in the notebook's order, within MAX_CHARS code points.

    The cells before count first: they ran first, and what they define can be used.
    """
    # Numbered as the user sees them; the cell with the cursor stands between the two.
    above = list(enumerate(before, start=1))
    nearest = [*reversed(above), *enumerate(after, start=len(before) + 2)]
    left, kept = MAX_CHARS, list[tuple[int, str]]()
    for number, text in nearest:
        if not text.strip():
            continue
        left -= len(text)
        if left < 0:
            break
        kept.append((number, text))
    return tuple(ContextFile(f"{path} cell {number}", text) for number, text in sorted(kept))
