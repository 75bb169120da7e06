"""What is done to a model's text before it is shown: ordered, named, pure functions, one a file.

Each says what it did, for `why`. The stream cutter does some of the same while the text comes; the
filters see to it that a text is right wherever it came from.
"""

from __future__ import annotations

from twinny_lsp.completion.filters.balance import balance
from twinny_lsp.completion.filters.base import Cleaned, Filter, FilterInput
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

FILTERS: tuple[tuple[str, Filter], ...] = (
    ("newlines", newlines),
    ("leaks", leaks),
    ("prose", prose),
    ("repetition", repetition),
    ("echo", echo),
    ("indentation", indentation),
    ("overshoot", overshoot),
    ("duplicate", duplicate),
    ("overlap", overlap),
    ("balance", balance),
    ("blank", blank),
)
"""In this order: first what is no code at all, then where the code begins, then where it ends."""


def clean(text: str, given: FilterInput) -> Cleaned:
    """Run all filters. The text's line ends are `\\n` afterwards (see `restored`)."""
    notes: list[str] = []
    current: str | None = text
    for name, each in FILTERS:
        if current is None:
            break
        current, note = each(current, given)
        if note:
            notes.append(f"{name}: {note}")
    return Cleaned(current, tuple(notes))


__all__ = ["FILTERS", "Cleaned", "Filter", "FilterInput", "clean", "restored"]
