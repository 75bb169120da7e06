"""Finds the places of a project that fit a question, by its words: BM25 over parts of files. Pure.

Where a model tells how near the parts are to the question (nearness.py), both orders become one (`fused`).

Names are taken apart (`parseHeader`, `parse_header` and `parse header` are the same words), and a file's path
counts as part of its text. Only the question's words are counted, so that a pass over a project is one search
per part.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_a-zA-Z]+")
_EMPTY = """
    a an and are as at be by can code could do does done file files find for from get had has have how i if
    in into is it its like make me my not of on or please project shall should show so some such than that
    the their them then there these they this those to up us use used uses using was we were what when where
    which who why will with would you your
"""
_EMPTY_WORDS = frozenset(_EMPTY.split())
_K1, _B = 1.2, 0.75
PART_ROWS = 40
"""Rows of a part; it ends at a blank line where there is one in its second half."""
_PATH_WEIGHT = 2
_RANK_OFFSET = 60
"""Of reciprocal rank fusion, as its authors chose it: a first place weighs little more than a fifth."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a file, and how often the question's words are in it. `size`: all words in it."""

    path: str
    rows: range
    counts: Counter[str]
    size: int


@dataclass(frozen=True, slots=True)
class Found:
    """A part that fits, the better the higher its score."""

    path: str
    rows: range
    score: float


def words(text: str) -> list[str]:
    """The words of a text as they are compared."""
    return [_stem(word.lower()) for word in _WORD.findall(text)]


def asked_words(question: str) -> tuple[str, ...]:
    """The words of a question that say something; all of them where none does."""
    every = [word for word in _WORD.findall(question) if len(word) > 1 or not word.isascii()]
    telling = [word for word in every if word.lower() not in _EMPTY_WORDS]
    return tuple(dict.fromkeys(words(" ".join(telling or every))))


def parts_of(path: str, lines: Sequence[str], asked: frozenset[str]) -> Iterator[Part]:
    """The parts of one file."""
    in_path = Counter({word: _PATH_WEIGHT for word in words(path) if word in asked})
    for rows in _cut(lines):
        every = words("".join(lines[rows.start : rows.stop]))
        counts = Counter(word for word in every if word in asked)
        counts.update(in_path)
        yield Part(path, rows, counts, len(every))


def best(parts: Sequence[Part], asked: Sequence[str], most: int) -> list[Found]:
    """The parts that fit best, best first; none that has no word of the question."""
    if not parts:
        return []
    mean = sum(part.size for part in parts) / len(parts) or 1.0
    weights = {word: _rarity(sum(word in part.counts for part in parts), len(parts)) for word in asked}
    found: list[Found] = []
    for part in parts:
        norm = _K1 * (1 - _B + _B * part.size / mean)
        score = sum(
            weights[word] * count * (_K1 + 1) / (count + norm) for word, count in part.counts.items() if count
        )
        if score > 0:
            found.append(Found(part.path, part.rows, score))
    found.sort(key=lambda one: (-one.score, one.path, one.rows.start))
    return found[:most]


def candidates(parts: Sequence[Part], asked: Sequence[str], most: int) -> list[Found]:
    """The parts that fit best; where those are few, others too, with score 0: a model may see what fits."""
    found = best(parts, asked, most)
    known = {(one.path, one.rows.start) for one in found}
    others = (part for part in parts if part.size and (part.path, part.rows.start) not in known)
    return found + [Found(part.path, part.rows, 0.0) for part in islice(others, most - len(found))]


def fused(found: Sequence[Found], near: Sequence[float | None], most: int) -> list[Found]:
    """The best by words and by meaning together (reciprocal rank fusion), best first.

    `found`: best by words first, score 0 for none; `near`: how near each is, None where that is not known.
    """
    scores = [1 / (_RANK_OFFSET + rank) if one.score else 0.0 for rank, one in enumerate(found, 1)]
    compared = [(-value, at) for at, value in enumerate(near) if value is not None]
    for rank, (_, at) in enumerate(sorted(compared), 1):
        scores[at] += 1 / (_RANK_OFFSET + rank)
    made = [Found(one.path, one.rows, score) for one, score in zip(found, scores, strict=True) if score]
    made.sort(key=lambda one: (-one.score, one.path, one.rows.start))
    return made[:most]


def joined(found: Sequence[Found]) -> list[Found]:
    """Parts that touch as one, files in the order of their best part."""
    by_path: dict[str, list[Found]] = {}
    for one in found:
        by_path.setdefault(one.path, []).append(one)
    made: list[Found] = []
    for path, several in by_path.items():
        for one in sorted(several, key=lambda one: one.rows.start):
            if made and made[-1].path == path and made[-1].rows.stop == one.rows.start:
                last = made.pop()
                rows = range(last.rows.start, one.rows.stop)
                made.append(Found(path, rows, max(last.score, one.score)))
            else:
                made.append(one)
    return made


def _stem(word: str) -> str:
    """Without the plural's s."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _rarity(holding: int, every: int) -> float:
    return math.log(1 + (every - holding + 0.5) / (holding + 0.5))


def _cut(lines: Sequence[str]) -> Iterator[range]:
    first = 0
    while first < len(lines):
        stop = min(first + PART_ROWS, len(lines))
        if stop < len(lines):
            half = first + PART_ROWS // 2
            stop = next((row for row in range(stop, half, -1) if not lines[row - 1].strip()), stop)
        yield range(first, stop)
        first = stop
