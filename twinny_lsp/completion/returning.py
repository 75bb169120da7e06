"""Sees when a model comes to what stands after the cursor already: there its text ends.

Exact, to the character: what is merely alike may be meant. `sign` is the shortest beginning of what stands
after the cursor by which it is known for certain; a shorter one counts only at the very end of a text.
"""

from __future__ import annotations

from collections.abc import Iterator

from twinny_lsp.completion.around import Around

_TELLING = 20
"""Letters and digits without which a beginning tells nothing."""

_LINES = 2
"""Lines that must say something: a line alone is repeated in much code."""

_LONGEST = 600
"""Characters; a document that repeats itself for longer than that is not told apart from its repetition."""


def sign(around: Around) -> str:
    """The shortest beginning of what stands after the cursor that is found nowhere else near; "" if none is.

    Whole lines: those that begin alike go on in different ways.
    """
    suffix, prefix = around.suffix, around.prefix
    told = lines = start = 0
    while start < len(suffix):
        end = suffix.find("\n", start)
        end = len(suffix) if end < 0 else end
        here = sum(map(str.isalnum, suffix[start:end]))
        told, lines, start = told + here, lines + (here > 0), end + 1
        if told < _TELLING or lines < _LINES:
            continue
        part = suffix[:end]
        if end > _LONGEST or (part not in prefix and suffix.find(part, 1) < 0):
            return part[:_LONGEST]
    return ""


class Return:
    """Looks for the sign in a growing text."""

    def __init__(self, around: Around) -> None:
        self._sign = sign(around)
        self._seen = 0

    def at(self, text: str) -> int | None:
        """Where what stands after the cursor begins in the text; None while it has not come."""
        if not self._sign:
            return None
        found = text.find(self._sign, max(0, self._seen - len(self._sign)))
        self._seen = len(text)
        return found if found >= 0 else None


def returns(text: str, suffix: str) -> Iterator[int]:
    """Where a beginning of the suffix begins that goes up to the text's end, the longest one first."""
    if not suffix:
        return
    at = text.find(suffix[0], max(0, len(text) - len(suffix)))
    while at >= 0:
        if suffix.startswith(text[at:]):
            yield at
        at = text.find(suffix[0], at + 1)
