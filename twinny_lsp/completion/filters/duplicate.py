"""Lines that stand below the cursor already: equal to the character, not merely alike."""

from __future__ import annotations

from twinny_lsp.completion.filters.base import FilterInput, Step
from twinny_lsp.completion.text import is_word, unclosed

_LEAST = 3
"""Letters and digits without which the begin of a line is equal by chance."""


def duplicate(text: str, given: FilterInput) -> Step:
    """Drop a line that would equal the next one; cut lines at the end that repeat those below."""
    around = given.around
    below = [line.rstrip() for line in around.below]
    while below and not below[0]:
        below.pop(0)
    if not below or below[0] == around.last_line.rstrip():
        return Step(text)  # nothing there, or a row of equal lines, in which one more may be meant
    lines = [line.rstrip() for line in (around.before + text).rstrip().split("\n")]
    rest = around.after.strip()
    if len(lines) == 1:
        whole = (around.before + text + around.after).rstrip() if rest else lines[0]
        same = whole == below[0] and any(map(str.isalnum, whole))
        return Step(None, "equals the next line") if same else Step(text)
    if rest and given.shape.whole:
        return Step(text)  # its last line goes on right of the cursor
    for size in range(min(len(lines) - 1, len(below)), 0, -1):
        if lines[-size:] == below[:size] and any(char.isalnum() for line in below[:size] for char in line):
            kept = text.rstrip().split("\n")[:-size]
            return Step("\n".join(kept), f"cut {size} line{'s' * (size > 1)} that stand below")
    if not given.shape.whole and _broken_off(lines[-1], below[0], around.language):
        return Step("\n".join(text.rstrip().split("\n")[:-1]), "cut the begin of the line that stands below")
    return Step(text)


def _broken_off(line: str, below: str, language: str) -> bool:
    """Whether the model was stopped while it wrote the line below: within a word, or within brackets."""
    if not below.startswith(line) or sum(map(str.isalnum, line)) < _LEAST:
        return False
    within_word = is_word(line[-1]) and is_word(below[len(line) : len(line) + 1])
    return within_word or bool(unclosed(line, language))
