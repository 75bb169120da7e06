"""Lines that stand below the cursor already: equal to the character, not merely alike."""

from __future__ import annotations

from twinny_lsp.completion.filters.base import FilterInput
from twinny_lsp.completion.text import unclosed

_LEAST = 3
"""Letters and digits without which the begin of a line is equal by chance."""


def duplicate(text: str, given: FilterInput) -> tuple[str | None, str]:
    """Drop a line that would equal the next one; cut lines at the end that repeat those below."""
    around = given.around
    below = [line.rstrip() for line in around.below]
    while below and not below[0]:
        below.pop(0)
    if not below:
        return text, ""
    lines = [line.rstrip() for line in (around.before + text).split("\n")]
    if len(lines) == 1:
        whole = (lines[0] if not around.after.strip() else around.before + text + around.after).rstrip()
        same = whole == below[0] and any(map(str.isalnum, whole))
        return (None, "equals the next line") if same else (text, "")
    for size in range(min(len(lines) - 1, len(below)), 0, -1):
        if lines[-size:] == below[:size] and any(char.isalnum() for line in below[:size] for char in line):
            kept = text.split("\n")[:-size]
            return "\n".join(kept) or None, f"cut {size} line{'s' * (size > 1)} that stand below"
    if _broken_off(lines[-1], below[0], around.language):
        return "\n".join(text.split("\n")[:-1]) or None, "cut the begin of the line that stands below"
    return text, ""


def _broken_off(line: str, below: str, language: str) -> bool:
    """Whether the model was stopped while it wrote the line below: within a word, or within brackets."""
    if not below.startswith(line) or sum(map(str.isalnum, line)) < _LEAST:
        return False
    within_word = _is_word(line[-1]) and _is_word(below[len(line) : len(line) + 1])
    return within_word or bool(unclosed(line, language))


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"
