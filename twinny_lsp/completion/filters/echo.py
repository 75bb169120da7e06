"""Echoes: the model begins by repeating the begun line, or the lines above it, before it goes on."""

from __future__ import annotations

import re

from twinny_lsp.completion.echoes import echoed
from twinny_lsp.completion.filters.base import FilterInput, Step
from twinny_lsp.completion.text import is_word

_LEAST_GLUED = 6
"""Letters of a repeated end of a line: `return a + b` and then `eturn a + b`."""

_WORD_AT_END = re.compile(r"\w{3,}$")


def echo(text: str, given: FilterInput) -> Step:
    """Cut what is repeated from the start of the text."""
    before = given.around.before
    if _glued(text.strip("\n").rstrip(), before):
        return Step(None, "cut the repeated end of the line")
    used, note = echoed(text, given.around, final=True) or (0, "")
    if used:
        return Step(text[used:], note)
    # A chat model that writes the begun word again from its start.
    word = _WORD_AT_END.search(before) if given.chat else None
    if word is None or not text.startswith(word.group()):
        return Step(text)
    return Step(text[len(word.group()) :], "cut the repeated beginning of the word")


def _glued(text: str, before: str) -> bool:
    """Whether it only says again how the line ends, and would stand there as one word with it."""
    begins = is_word(text[:1]) and is_word(before[-1:])
    return begins and before.endswith(text) and sum(map(str.isalpha, text)) >= _LEAST_GLUED
