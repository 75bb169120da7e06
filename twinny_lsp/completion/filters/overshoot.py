"""Text beyond the shape: what comes after the line's or the block's end."""

from __future__ import annotations

from twinny_lsp.completion.filters.base import FilterInput
from twinny_lsp.completion.scope import block_end
from twinny_lsp.completion.shape import Kind


def overshoot(text: str, given: FilterInput) -> tuple[str | None, str]:
    """Keep one line, or the block by its indentation and up to the document's next line."""
    if given.shape.kind is not Kind.BLOCK:
        line, newline, _ = text.partition("\n")
        return line, "kept one line" if newline else ""
    end = block_end(text, given.around, given.shape, final=True)
    if end is None or end.at >= len(text.rstrip()):
        return text, ""
    return text[: end.at] or None, f"ended by {end.why}"
