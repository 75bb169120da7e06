"""Which lines of two texts are the same ones, quickly also for thousands of lines.

Lines that occur once in both are matched first, in their order; what lies between two of them is looked at by
itself. difflib alone would take minutes for a long file whose lines repeat.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

_SMALL = 20_000
"""Lines of one side times lines of the other, up to which difflib is asked."""


class Run(NamedTuple):
    """`size` lines from `old` on in the one text are those from `new` on in the other."""

    old: int
    new: int
    size: int


class _Part(NamedTuple):
    """The rows of both sides that are looked at: from `old` to `old_end`, from `new` to `new_end`."""

    old: int
    old_end: int
    new: int
    new_end: int


def aligned(old: Sequence[str], new: Sequence[str]) -> list[Run]:
    """The runs of equal lines, in order on both sides, none touching the next."""
    runs: list[Run] = []
    for run in sorted(_runs(old, new, _Part(0, len(old), 0, len(new)))):
        last = runs[-1] if runs else None
        if last is not None and (last.old + last.size, last.new + last.size) == (run.old, run.new):
            runs[-1] = Run(last.old, last.new, last.size + run.size)
        else:
            runs.append(run)
    return runs


def _runs(old: Sequence[str], new: Sequence[str], part: _Part) -> Iterator[Run]:
    waiting = [part]
    while waiting:
        a, a_end, b, b_end = waiting.pop()
        begin = _same(old[a:a_end], new[b:b_end])
        if begin:
            yield Run(a, b, begin)
        a, b = a + begin, b + begin
        end = _same(old[a:a_end][::-1], new[b:b_end][::-1])
        if end:
            yield Run(a_end - end, b_end - end, end)
        a_end, b_end = a_end - end, b_end - end
        if a == a_end or b == b_end:
            continue
        if (a_end - a) * (b_end - b) <= _SMALL:
            matcher = SequenceMatcher(None, old[a:a_end], new[b:b_end], autojunk=False)
            for run in matcher.get_matching_blocks()[:-1]:
                yield Run(a + run.a, b + run.b, run.size)
            continue
        left, right = a, b
        for row, other in _anchors(old[a:a_end], new[b:b_end]):
            yield Run(a + row, b + other, 1)
            waiting.append(_Part(left, a + row, right, b + other))
            left, right = a + row + 1, b + other + 1
        if left > a:  # without an anchor there is nothing more to be found in so much
            waiting.append(_Part(left, a_end, right, b_end))


def _anchors(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """The lines that occur once on both sides: the longest chain of them that is in order on both."""
    there = Counter(new)
    rows = {line: row for row, line in enumerate(new) if there[line] == 1}
    here = Counter(old)
    pairs = [(row, rows[line]) for row, line in enumerate(old) if here[line] == 1 and line in rows]
    ends: list[int] = []
    chain: list[int] = []
    before: list[int] = []
    for index, (_, other) in enumerate(pairs):
        at = bisect_left(ends, other)
        before.append(chain[at - 1] if at else -1)
        if at == len(ends):
            ends.append(other)
            chain.append(index)
        else:
            ends[at], chain[at] = other, index
    found: list[tuple[int, int]] = []
    index = chain[-1] if chain else -1
    while index >= 0:
        found.append(pairs[index])
        index = before[index]
    return found[::-1]


def _same(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for line, counterpart in zip(one, other, strict=False):
        if line != counterpart:
            break
        count += 1
    return count
