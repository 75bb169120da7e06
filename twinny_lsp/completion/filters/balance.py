"""Closers that stand after the cursor are not written twice; a closer that is missing stays.

Where the text goes on behind them, the closers right of the cursor are replaced instead.
"""

from __future__ import annotations

import re

from twinny_lsp.completion.closers import only_closers, surplus
from twinny_lsp.completion.filters.base import FilterInput, Step

_TAG = re.compile(r"</([\w.:-]+)>")


def balance(text: str, given: FilterInput) -> Step:
    """End the text before the first closer that is one too many, or replace those right of the cursor."""
    around = given.around
    right = around.after.strip()
    tag = _TAG.fullmatch(right)
    if tag is not None:
        at = text.find(right)
        goes_on = at >= 0 and text[at + len(right) :].strip() and f"<{tag.group(1)}" not in text[:at]
        return _replaced(text, given) if goes_on else Step(text)
    over = surplus(text, around)
    if over is None:
        return Step(text)
    if only_closers(around.after) and not around.blank and over.chars == "".join(right.split()):
        left = text[over.at :]
        for char in over.chars:
            left = left.replace(char, "", 1)
        if left.strip():
            return _replaced(text, given)
    return Step(text[: over.at], f"{over.chars[0]} stands after the cursor already")


def _replaced(text: str, given: FilterInput) -> Step:
    right = given.around.after.rstrip()
    return Step(text, f"{right.strip()} right of the cursor is written by the text itself", len(right))
