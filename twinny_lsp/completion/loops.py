"""Sees when a model repeats itself, so that the stream is closed and one copy is kept.

Only whole repetitions count: real code has runs of similar lines (tables, cases, imports), so what
repeats must be equal to the character, and repeat more often than people write it.
"""

from __future__ import annotations

_LINES_EQUAL = 4
_SHORT_LINES_EQUAL = 8
_SHORT = 6
"""Lines of fewer characters (`0,` or `}`) must repeat more often to count."""

_BLOCK_EQUAL = 3
_LONGEST_BLOCK = 8
_UNIT_EQUAL = 10
_LONGEST_UNIT = 40
_SHORTEST_RUN = 40
"""A run within one line must have so many characters: `0, 0, 0, 0` is a table."""


_TAIL = 3_000
_OFTEN = 16
"""Characters: what the stream's check looks back over, and after how many new ones it looks again."""


class Loops:
    """Looks for a repetition at the end of a growing text; each look costs the same."""

    def __init__(self, before: str) -> None:
        self._before = before
        self._seen = 0

    def at(self, text: str) -> int | None:
        """Where the second copy begins in all of the text so far."""
        ended = text.find("\n", self._seen) >= 0
        if not ended and len(text) < self._seen + _OFTEN:
            return None
        self._seen = len(text)
        tail = self._before + text if len(text) < _TAIL else text[-_TAIL:]
        if (ended and _line_loop(tail) is not None) or _unit_loop(tail) is not None:
            return loop_start(text, self._before)
        return None


def loop_start(text: str, before: str = "") -> int | None:
    """Where the second copy of a repetition at the end of the text begins; None if there is none.

    `before` is what stands left of the cursor: it belongs to the first line.
    """
    line = before + text
    at = _line_loop(line)
    if at is None:
        at = _unit_loop(line)
    return None if at is None or at < len(before) else at - len(before)


def _line_loop(text: str) -> int | None:
    """Equal lines, or equal groups of lines, one after another at the end of the text."""
    whole, newline, _ = text.rpartition("\n")
    if not newline:
        return None
    lines = whole.split("\n")
    for size in range(1, _LONGEST_BLOCK + 1):
        unit = lines[-size:]
        if not any(line.strip() for line in unit):
            continue
        short = size == 1 and len(unit[0].strip()) < _SHORT
        needed = _BLOCK_EQUAL if size > 1 else _SHORT_LINES_EQUAL if short else _LINES_EQUAL
        copies = 1
        while copies < needed and lines[-size * (copies + 1) : -size * copies] == unit:
            copies += 1
        if copies >= needed:
            while lines[-size * (copies + 1) : -size * copies] == unit:
                copies += 1
            kept = lines[: len(lines) - size * (copies - 1)]
            return len("\n".join(kept))
    return None


def _unit_loop(text: str) -> int | None:
    """A few characters repeated at the end of the last line."""
    line = text[text.rfind("\n") + 1 :]
    if len(line) < _SHORTEST_RUN:
        return None
    for size in range(1, min(_LONGEST_UNIT, len(line) // _UNIT_EQUAL) + 1):
        copies = max(_UNIT_EQUAL, -(-_SHORTEST_RUN // size))
        unit = line[-size:]
        if not line.endswith(unit, 0, -size) or not any(map(_tells, unit)):
            continue
        if not line.endswith(unit * copies):
            continue
        at = len(line) - size - _common_end(line[:-size], line[size:])
        return len(text) - len(line) + at + size
    return None


def _common_end(one: str, other: str) -> int:
    """How many characters both end with; they are equally long."""
    low, high, end = 0, len(one), len(one)
    while low < high:
        middle = (low + high + 1) // 2
        if one[end - middle : end - low] == other[end - middle : end - low]:
            low = middle
        else:
            high = middle - 1
    return low


def _tells(char: str) -> bool:
    """Whether the character is no part of a ruler."""
    return char.isalnum() or char in "([{<"
