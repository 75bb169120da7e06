"""Lines that stand below the cursor already: equal to the character, not merely alike."""

from __future__ import annotations

from twinny_lsp.completion.filters.base import FilterInput


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
    return text, ""
