"""What the user is busy with: the names near the cursor, each with a weight, and the types of what is used.

Pure; reads a bounded number of lines, whatever the size of the document. No grammar: indentation, brackets
and the habits that most languages share.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

WORD = re.compile(r"[A-Za-z_$][\w$]{2,}")
_ABOVE, _BELOW, _FARTHEST = 40, 15, 400
_TYPE_ROWS = 200
_BANDS = ((0, 6.0), (3, 4.0), (10, 2.0), (_ABOVE, 1.0))
"""Rows from the cursor's, and what a name within them weighs."""
CALLED = 12.0
"""What the name weighs whose call the cursor is in."""
_AROUND = 2.0
"""What a name weighs in the lines that open the blocks around the cursor."""

_CALL = re.compile(r"([A-Za-z_$][\w$]*)\s*(?:(?:::)?<[^<>()]*>|!)?\((?:[^()]|\([^()]*\))*$")
_MEMBER = re.compile(r"([A-Za-z_$][\w$]*)(?:\(\))?(?:\?\.|\.|->|::|:)[\w$]*$")

_KEYWORDS = """
    abstract alias and any as assert async await bool Boolean boolean break byte case catch chan char
    class cls const constexpr continue crate def default defer del delete dict do double dyn elif else
    elseif elsif end endif enum except export extends extern false False final finally float fn for
    foreach from func fun function global go goto guard if impl implements import in include inline
    instanceof int interface internal int32 int64 is isinstance lambda len let List list local long loop
    make map match mod module move mut namespace new nil none None nonlocal not null Null number object
    operator opt option Optional or out override package pass print println private protected pub public
    raise range readonly ref require rescue return rust self Self set short sizeof static std str String
    string struct sub super switch template then this throw throws trait true True try tuple type
    typedef typename typeof uint undefined union unless unsafe unsigned until use using val var vec Vec
    virtual void when where while with yield
"""
STOP = frozenset(_KEYWORDS.split())


@dataclass(frozen=True, slots=True)
class Focus:
    """Names near the cursor and what each weighs; `types` are of what stands before the cursor's dot."""

    weights: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    types: frozenset[str] = frozenset()

    def of(self, name: str) -> float:
        """What the name weighs, 0 for one that is not near."""
        return self.weights.get(name, 0.0)


def look(lines: Sequence[str], row: int, column: int) -> Focus:
    """The names near a place."""
    weights: dict[str, float] = {}
    row = min(row, len(lines) - 1)
    for at in range(max(0, row - _ABOVE), min(len(lines), row + _BELOW + 1)):
        distance = abs(at - row)
        weight = next(value for reach, value in _BANDS if distance <= reach)
        _weigh(weights, words(lines[at]), weight)
    for at in around(lines, row):
        _weigh(weights, words(lines[at]), _AROUND)
    before = lines[row][:column] if lines else ""
    if call := _CALL.search(before[-500:]):
        _weigh(weights, (call[1],), CALLED)
    return Focus(MappingProxyType(weights), _types(lines, row, before[-500:]))


def words(text: str) -> list[str]:
    """The names in a text that are no keywords and no single letters."""
    return [word for word in WORD.findall(text) if word not in STOP]


def around(lines: Sequence[str], row: int) -> Iterable[int]:
    """The rows of the lines that open the blocks around a row, innermost first."""
    least = None
    for at in range(row, max(-1, row - _FARTHEST), -1):
        line = lines[at]
        bare = line.lstrip()
        if not bare or bare[0] in "#/*)}]":
            continue
        indent = len(line) - len(bare)
        if least is not None and indent < least:
            yield at
        least = indent if least is None else min(least, indent)
        if least == 0:
            return


def _weigh(weights: dict[str, float], names: Iterable[str], weight: float) -> None:
    for name in names:
        if weights.get(name, 0.0) < weight:
            weights[name] = weight


def _types(lines: Sequence[str], row: int, before: str) -> frozenset[str]:
    """The type of what the cursor's dot is behind, as it is declared or made nearest above."""
    member = _MEMBER.search(before)
    if member is None:
        return frozenset()
    name = re.escape(member[1])
    if member[1][0].isupper():
        return frozenset({member[1]})
    declared = re.compile(
        rf"\b{name}\??\s*:\s*(?:[\w.]+\[)?[&*]?(?:mut\s+)?(?:[\w.]+\.)?([A-Z]\w*)"  # x: T, x: Optional[T]
        rf"|\b{name}\s*:?=\s*(?:await\s+|new\s+|&)*(?:\w+(?:\.|::))*([A-Z]\w*)\s*[({{<:.]"  # x = T(
        rf"|\b([A-Z]\w*)(?:<[^<>]*>)?[ \t]*[*& \t][ \t]*{name}\b"  # T x, T *x
        rf"|\b{name}\s+\*?(?:\w+\.)?([A-Z]\w*)\b"  # x *T
    )
    for at in range(row, max(-1, row - _TYPE_ROWS), -1):
        if found := declared.search(lines[at]):
            return frozenset(filter(None, found.groups()))
    return frozenset()
