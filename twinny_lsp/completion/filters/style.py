"""Indentation in the document's own style: tabs or blanks, and counted from the margin."""

from __future__ import annotations

from twinny_lsp.completion.filters.base import FilterInput, Step
from twinny_lsp.completion.reindent import Repair, repair


def style(text: str, given: FilterInput) -> Step:
    """Rewrite the blanks that lines begin with where they are not the document's kind."""
    found = repair(text, given.around, chat=given.chat, final=True)
    return Step(found.apply(text), found.note) if isinstance(found, Repair) else Step(text)
