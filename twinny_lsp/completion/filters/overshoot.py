"""Text beyond the shape: what comes after the line's or the block's end."""

from __future__ import annotations

from twinny_lsp.completion.ending import Ending, Whole
from twinny_lsp.completion.filters.base import FilterInput, Step


def overshoot(text: str, given: FilterInput) -> Step:
    """Keep one line, or the block by its indentation, or what comes before the text after the cursor."""
    if given.shape.whole:
        end = Whole(given.around, given.shape).feed(text, final=True)
    else:
        end = Ending(given.around, given.shape).feed(text, final=True)
    if end is None or end.at >= len(text.rstrip()):
        return Step(text)
    return Step(text[: end.at], f"ended by {end.why}")
