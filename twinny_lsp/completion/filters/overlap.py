"""What stands right of the cursor and is repeated at the end of the text is cut off.

Cut, not replaced: several editors cannot take away text right of the cursor.
"""

from __future__ import annotations

from twinny_lsp.completion.filters.base import FilterInput
from twinny_lsp.completion.text import unclosed

_LEAST = 3
"""Characters of a part of the rest that must come back; the whole rest counts at any length."""

_CERTAIN = 12
"""So many characters count even when they end within a word: the model was stopped there."""


def overlap(text: str, given: FilterInput) -> tuple[str | None, str]:
    """Cut the longest beginning of the rest of the line that the text ends with."""
    rest = given.around.after.strip()
    if not rest:
        return text, ""
    body = text.rstrip()
    for size in range(min(len(rest), len(body)), 0, -1):
        part = rest[:size]
        if body.endswith(part) and _counts(body[:-size], part, rest) and _fits(body, body[:-size], given):
            kept = body[:-size]
            return kept or None, "cut what stands right of the cursor"
    return text, ""


def _counts(kept: str, part: str, rest: str) -> bool:
    """Whether the repeated part is more than chance: whole, or some whole words of it."""
    starts_word = not (part[:1].isalnum() and kept[-1:].isalnum())
    if part == rest:
        return starts_word and (any(map(str.isalnum, part)) or part[0] in ";,:{")
    inside_word = (
        len(part) < _CERTAIN
        and (part[-1].isalnum() or part[-1] == "_")
        and (rest[len(part)].isalnum() or rest[len(part)] == "_")
    )
    return len(part) >= _LEAST and any(map(str.isalnum, part)) and starts_word and not inside_word


def _fits(body: str, kept: str, given: FilterInput) -> bool:
    """Not when the part closes a bracket that was opened in the text itself."""
    language = given.around.language
    return len(unclosed(kept, language)) <= len(unclosed(body, language))
