"""Closers that the editor put right of the cursor are not written twice; a closer that is missing stays."""

from __future__ import annotations

import re

from twinny_lsp.completion.filters.base import FilterInput
from twinny_lsp.completion.text import CLOSERS, QUOTES, unclosed, unmatched_closers

_CLOSERS_AHEAD = re.compile(r"[\s)\]}\"'`>]*")


def balance(text: str, given: FilterInput) -> tuple[str | None, str]:
    """End the text before the first closer (or quote) that stands right of the cursor already."""
    around = given.around
    ahead = _CLOSERS_AHEAD.match(around.after)
    right = ahead.group() if ahead else ""
    at = _quote(text, around.before, right)
    if at is None:
        at = _closer(text, around.before, right, around.language)
    if at is None:
        return text, ""
    return text[:at] or None, f"{text[at]} stands right of the cursor already"


def _closer(text: str, before: str, right: str, language: str) -> int | None:
    """Where the first closer stands that would be one too many."""
    there = [char for char in right if char in CLOSERS]
    if not there:
        return None
    waiting = unclosed(before, language)
    spare = max(0, len(waiting) - len(there))
    for number, (index, char) in enumerate(unmatched_closers(text, language)):
        if number >= spare and char in there:
            return index
    return None


def _quote(text: str, before: str, right: str) -> int | None:
    """Where the text ends a string that the quote right of the cursor ends already."""
    quote = right[:1]
    if not quote or quote not in QUOTES or before.count(quote) % 2 == 0:
        return None
    match = re.search(rf"(?<!\\){re.escape(quote)}", text)
    return match.start() if match else None
