"""Repetition loops: one copy is kept."""

from __future__ import annotations

from twinny_lsp.completion.filters.base import FilterInput, Step
from twinny_lsp.completion.loops import loop_start


def repetition(text: str, given: FilterInput) -> Step:
    """Keep the first copy of what is repeated at the end of the text."""
    before = given.around.before
    at = loop_start(text if text.endswith("\n") else text + "\n", before)
    if at is None:
        at = loop_start(text, before)
    if at is None or at >= len(text):
        return Step(text)
    return Step(text[:at], "kept one copy of a repetition")
