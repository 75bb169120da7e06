"""Echoes: the model begins by repeating the begun line, or the lines above it, before it goes on."""

from __future__ import annotations

import re

from twinny_lsp.completion.filters.base import FilterInput
from twinny_lsp.completion.shape import opens_block

_LINES = 30
_LEAST = 3
"""Letters and digits that must come back for it to be an echo and not chance."""

_LEAST_GLUED = 6
"""Letters of a repeated end of a line: `return a + b` and then `eturn a + b`."""

_WORD_AT_END = re.compile(r"\w{3,}$")


def echo(text: str, given: FilterInput) -> tuple[str | None, str]:
    """Cut the repeated lines (compared without their indentation) from the start of the text."""
    around = given.around
    lines = text.lstrip("\n").split("\n")
    for size in range(min(len(lines), len(around.above), _LINES), 0, -1):
        above = around.above[-size:]
        if not _same(lines[:size], above) or not _tells(above, around.language):
            continue
        rest = _after_line("\n".join(lines[size:]), around.before)
        if rest is not None:
            return rest or None, f"cut {size} repeated line{'s' * (size > 1)}"
    if _glued("\n".join(lines).rstrip(), around.before):
        return None, "cut the repeated end of the line"
    rest = _after_line("\n".join(lines), around.before) if not around.blank else None
    if rest is not None:
        return rest or None, "cut the repeated beginning of the line"
    return _whole_word(text, given)


def _same(lines: list[str], above: tuple[str, ...]) -> bool:
    return all(mine.strip() == theirs.strip() for mine, theirs in zip(lines, above, strict=True))


def _tells(above: tuple[str, ...], language: str) -> bool:
    """Whether so much is repeated that it cannot be meant: two filled lines, or one that opens a block."""
    filled = [line for line in above if sum(map(str.isalnum, line)) >= _LEAST]
    return bool(above[0].strip()) and (
        len(filled) > 1 or (len(filled) == 1 and opens_block(above[-1], language))
    )


def _after_line(text: str, before: str) -> str | None:
    """What follows the repeated begun line; the whole text if no line is begun; None if not repeated."""
    begun = before.strip()
    if not begun:
        return text
    if sum(map(str.isalnum, begun)) < _LEAST and not (len(begun) > _LEAST and any(map(str.isalnum, begun))):
        return None
    start = text.lstrip(" \t")
    if not start.startswith(begun):
        return None
    exact = before.lstrip()
    return start[len(exact) :] if start.startswith(exact) else start[len(begun) :]


def _glued(text: str, before: str) -> bool:
    """Whether it only says again how the line ends, and would stand there as one word with it."""
    begins = bool(text) and _is_word(text[0]) and _is_word(before[-1:])
    return begins and before.endswith(text) and sum(map(str.isalpha, text)) >= _LEAST_GLUED


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def _whole_word(text: str, given: FilterInput) -> tuple[str | None, str]:
    """A chat model that writes the begun word again from its start."""
    word = _WORD_AT_END.search(given.around.before) if given.chat else None
    if word is None or not text.startswith(word.group()):
        return text, ""
    return text[len(word.group()) :] or None, "cut the repeated beginning of the word"
