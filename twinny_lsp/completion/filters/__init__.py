"""What is done to a model's text before it is shown: ordered, named, pure functions, one a file.

Each says what it did, for `why`. The stream cutter does some of the same while the text comes; the
filters see to it that a text is right wherever it came from.
"""

from __future__ import annotations

from twinny_lsp.completion.filters.balance import balance
from twinny_lsp.completion.filters.base import Cleaned, Filter, FilterInput, Step
from twinny_lsp.completion.filters.blank import blank
from twinny_lsp.completion.filters.duplicate import duplicate
from twinny_lsp.completion.filters.echo import echo
from twinny_lsp.completion.filters.indentation import indentation
from twinny_lsp.completion.filters.leaks import leaks
from twinny_lsp.completion.filters.newlines import newlines, restored
from twinny_lsp.completion.filters.overlap import overlap
from twinny_lsp.completion.filters.overshoot import overshoot
from twinny_lsp.completion.filters.prose import prose
from twinny_lsp.completion.filters.repetition import repetition
from twinny_lsp.completion.filters.style import style

FILTERS: tuple[tuple[str, Filter], ...] = (
    ("newlines", newlines),
    ("leaks", leaks),
    ("prose", prose),
    ("repetition", repetition),
    ("echo", echo),
    ("style", style),
    ("indentation", indentation),
    ("overshoot", overshoot),
    ("overlap", overlap),
    ("duplicate", duplicate),
    ("balance", balance),
    ("blank", blank),
)
"""In this order: first what is no code at all, then where the code begins, then where it ends."""


def clean(text: str, given: FilterInput) -> Cleaned:
    """Run all filters. The text's line ends are `\\n` afterwards (see `restored`)."""
    notes: list[str] = []
    current, replaces = text, 0
    for name, each in FILTERS:
        step = each(current, given)
        if step.note:
            notes.append(f"{name}: {step.note}")
        if not step.text:
            return Cleaned(None, tuple(notes))
        current, replaces = step.text, replaces or step.replaces
    return Cleaned(current, tuple(notes), replaces)


__all__ = ["FILTERS", "Cleaned", "Filter", "FilterInput", "Step", "clean", "restored"]
