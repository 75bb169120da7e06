"""Cuts files into chunks and ranks them by what they have to do with the place at the cursor.

Pure. A chunk is relevant for names it shares with the text near the cursor: rare names count more than
frequent ones, the nearest more than far ones, and a chunk that defines a name more than one that uses it
(BM25's shape, without its constants for natural language).
"""

from __future__ import annotations

import math
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from twinny_lsp.context.focus import CALLED, Focus, words

_SMALL, _FULL, _HARD = 3, 8, 16
"""Rows before a chunk may end at a blank line at the left margin, at any blank line, anywhere."""
_DEFINES = re.compile(
    r"(?:\b(?:class|def|fn|fun|func|function|struct|interface|trait|enum|type|module|record|object|macro_rules!|"
    r"#\s*define|const|let|var|val|static)\s+|^)(?:\([^)]*\)\s*)?([A-Za-z_$][\w$]*)"
    r"(?=\s*(?:[(<:={]|extends|implements|struct|interface|$))",
    re.MULTILINE,
)
_MOST_WORDS = 60
_DEFINES_NEAR, _DEFINES_CALLED = 2.0, 6.0
_DEFINED_NEAR = 4.0
"""What a name must weigh for it to matter who defines it."""
_LENGTH_SHARE = 0.5
"""How much the length of a chunk counts: 0 not at all, 1 in full."""


class Chunk:
    """Rows `first` to `last` of a file, and the names in them."""

    __slots__ = ("_defines", "_lines", "first", "last", "names")

    def __init__(self, lines: Sequence[str], first: int, last: int) -> None:
        self.first, self.last, self._lines = first, last, lines
        self._defines: frozenset[str] | None = None
        self.names = tuple(dict.fromkeys(map(sys.intern, words(self._text))))[:_MOST_WORDS]

    @property
    def defines(self) -> frozenset[str]:
        """Which of the names it defines; found out when it is first asked for."""
        if self._defines is None:
            self._defines = frozenset(_DEFINES.findall(self._text))
        return self._defines

    @property
    def _text(self) -> str:
        return "".join(self._lines[self.first : self.last + 1])


class Ranked(NamedTuple):
    """A chunk of the file `file` (an index), its score, and the names it was chosen for, best first."""

    file: int
    chunk: Chunk
    score: float
    names: tuple[str, ...]


def cut(lines: Sequence[str]) -> list[Chunk]:
    """All of a file in chunks. Where one ends depends on the lines near it only, so that edits move few."""
    chunks: list[Chunk] = []
    begin = 0
    for row, line in enumerate(lines):
        size = row - begin
        if size < _SMALL or not line.strip():
            continue
        blank = not lines[row - 1].strip()
        margin = not line[0].isspace() and line[0] not in "}])"
        if size >= _HARD or (blank and (margin or size >= _FULL)):
            chunks.append(Chunk(lines, begin, row - 1))
            begin = row
    chunks.append(Chunk(lines, begin, len(lines) - 1))
    return [chunk for chunk in chunks if chunk.names]


def _factor(name: str, chunk: Chunk, weight: float) -> float:
    """How much more a chunk's name counts because the chunk defines it."""
    if weight < _DEFINED_NEAR or name not in chunk.defines:
        return 1.0
    return _DEFINES_CALLED if weight >= CALLED else _DEFINES_NEAR


def rank(files: Sequence[Iterable[Chunk]], focus: Focus, most: int) -> list[Ranked]:
    """The chunks that have most to do with the place, best first; none that only share a common name."""
    near = focus.weights
    matching: list[tuple[int, Chunk, list[str]]] = []
    having: Counter[str] = Counter()
    total = length = 0
    for index, chunks in enumerate(files):
        for chunk in chunks:
            total += 1
            length += len(chunk.names)
            shared = [name for name in chunk.names if name in near]
            having.update(shared)
            if shared:
                matching.append((index, chunk, shared))
    if not matching:
        return []
    rarity = {name: math.log(1 + total / (count + 0.5)) for name, count in having.items()}
    mean = length / total
    ranked: list[Ranked] = []
    for index, chunk, shared in matching:
        worth = {name: near[name] * rarity[name] * _factor(name, chunk, near[name]) for name in shared}
        size = 1 - _LENGTH_SHARE + _LENGTH_SHARE * len(chunk.names) / mean
        best = tuple(sorted(shared, key=lambda name: -worth[name]))
        ranked.append(Ranked(index, chunk, sum(worth.values()) / size, best))
    ranked.sort(key=lambda one: (-one.score, one.file, one.chunk.first))
    return ranked[:most]
