"""Special tokens that a server prints instead of obeying: the text ends at the first one."""

from __future__ import annotations

import re

from twinny_lsp.completion.filters.base import FilterInput

_SPECIAL = re.compile(
    r"<\|[a-z][a-z0-9_]*\|>|<｜[^｜\n]{1,40}｜>|<fim[_-](?:prefix|suffix|middle|pad)>|<\[fim-(?:prefix|suffix|middle)\]>"
    r"| ?(?:<PRE>|<SUF>|<MID>|<EOT>)|<\[end▁of▁sentence\]>|<\|EOT\|>|\[/?INST\]|<(?:start|end)_of_turn>"
)
"""Tokens of all families that no programming language uses; shorter ones (`</s>`) only by stop words."""


def leaks(text: str, given: FilterInput) -> tuple[str | None, str]:
    """Cut at the first stop word or special token, unless the user's own code just above has it too."""
    at, word = len(text), ""
    for stop in given.stop:
        found = text.find(stop) if stop else -1
        if 0 <= found < at:
            at, word = found, stop
    for match in () if given.tokens_meant else _SPECIAL.finditer(text[:at]):
        if not _users_own(match.group().strip(), given):
            at, word = match.start(), match.group()
            break
    if not word:
        return text, ""
    return text[:at] or None, f"cut at {word.strip()}"


def _users_own(token: str, given: FilterInput) -> bool:
    around = given.around
    return any(token in line for line in (around.before, around.after, *around.above, *around.below))
