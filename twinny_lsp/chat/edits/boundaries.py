"""What of a block is the passage, where the model wrote more of the document than it was asked for.

A whole file, the class around a method, the line above once more, imports at the top: what stands outside of
the passage is told from what is in it by the lines next to it, and left out. Not for indentation (fit.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from twinny_lsp.chat.edits.alignment import aligned
from twinny_lsp.chat.edits.passage import Passage
from twinny_lsp.chat.edits.prose import balance
from twinny_lsp.completion.blocks import END_WORDS, ends_block, opens_block
from twinny_lsp.completion.text import unclosed

_IMPORT = re.compile(
    r"(?:import\b|from\s+\S+\s+import\b|use\s+[\w:{\\]|using\s+[\w.= ]+;|#\s*include\b"
    r"|require(?:_relative)?[ (]|(?:const|let|var)\s+[^=]+=\s*require\(|package\s+[\w.]+;?$)"
)
_TELLING = 3
"""Letters and digits without which a line is equal by chance."""
_SURE = 10
"""With so many, one line is enough."""
_PROOF = 3
"""So many lines from around the passage, and not the nearest, make a block something else than it."""
_LONGER = 1.5
_MARGIN = 60
_AROUND = 6


@dataclass(frozen=True, slots=True)
class Inside:
    """`lines` are the passage's. `imports` were written above it and are new; `outside` counts the other
    lines around it that the model changed. None of these is in the edit.
    """

    lines: list[str]
    imports: tuple[str, ...] = ()
    outside: int = 0


def inside(lines: Sequence[str], passage: Passage) -> Inside | None:
    """The lines that belong in the passage's place; None where that cannot be told."""
    if passage.inline:
        part = _of_line(lines, passage)
        return None if part is None else Inside(part)
    if passage.empty:
        return Inside(list(lines))
    written = [line.strip() for line in lines]
    first, last = _own(written, passage)
    above = _above(written[:first], passage)
    below = _below(written[last + 1 :], passage)
    if above is None or below is None:
        return None
    begin = above.at + 1 if above.at >= 0 else _below_imports(lines, passage)
    end = last + 1 + below.at if below.at >= 0 else len(lines)
    kept = _without_closers(_without_neighbours(list(lines[begin:end]), passage), passage)
    if not any(line.strip() for line in kept):
        return None
    imports, others = _new_imports(lines[:begin], passage)
    return Inside(kept, imports, max(above.differing - others, 0) + below.differing)


def _own(written: Sequence[str], passage: Passage) -> tuple[int, int]:
    """The first and last of the rows that are lines of the passage itself, whatever stands around it.

    What is to be told from the outside is before and behind these. Without any, all of it is both. A block
    that is much longer than the passage is compared with all around it, or its lines would be found in
    others that are like it; one that is not, with the passage alone, for the same reason.
    """
    code = [line.strip() for line in passage.code]
    above: Sequence[str] = ()
    below: Sequence[str] = ()
    if sum(map(bool, written)) > _LONGER * sum(map(bool, code)) + _PROOF:
        above, below = passage.above(_reach(written)), passage.below(_reach(written))
    window = [*(line.strip() for line in above), *code, *(line.strip() for line in below)]
    found: list[int] = []
    for run in aligned(window, written):
        begin = max(run.old, len(above))
        end = min(run.old + run.size, len(above) + len(code))
        rows = range(run.new + begin - run.old, run.new + end - run.old)
        if any(_tells(written[row]) for row in rows):
            found += (rows[0], rows[-1])  # with the closers beside a line that tells
    return (found[0], found[-1]) if found else (len(written), -1)


def _of_line(lines: Sequence[str], passage: Passage) -> list[str] | None:
    """What belongs in the place of a part of a line: of an answer with more, the line that has its ends."""
    filled = [line for line in lines if line.strip()]
    head, tail = passage.head.strip(), passage.tail.strip()
    whole = [line for line in filled if line.strip().startswith(head) and line.strip().endswith(tail)]
    if len(filled) > 1 and len(whole) == 1 and _tells(head + tail):
        return whole
    near = {line.strip() for line in (*passage.above(_MARGIN), *passage.below(_MARGIN)) if _tells(line)}
    return None if any(line.strip() in near for line in filled) else list(lines)


class _Side(NamedTuple):
    """Where the line next to the passage is among the written ones, -1 for nowhere, and how many of those
    beyond it differ from the document's.
    """

    at: int
    differing: int


_NOTHING = _Side(-1, 0)


def _above(written: Sequence[str], passage: Passage) -> _Side | None:
    """What of the written lines stands above the passage; None where that cannot be told."""
    side = _beside(written[::-1], passage.above(_reach(written))[::-1], passage)
    return side._replace(at=len(written) - 1 - side.at) if side is not None and side.at >= 0 else side


def _below(written: Sequence[str], passage: Passage) -> _Side | None:
    """What of them stands below it."""
    return _beside(written, passage.below(_reach(written)), passage)


def _reach(written: Sequence[str]) -> int:
    return 2 * len(written) + _MARGIN


def _beside(written: Sequence[str], around: Sequence[str], passage: Passage) -> _Side | None:
    """Both have the nearest line first. None where much of `around` was written, but not its nearest line."""
    outside = [line.strip() for line in around]
    nearest = next((at for at, line in enumerate(outside) if line), None)
    if nearest is None:
        return _NOTHING
    matched = {
        run.old + step: run.new + step for run in aligned(outside, written) for step in range(run.size)
    }
    hits = [at for at in matched if _tells(outside[at])]
    if not hits:
        return _NOTHING
    at = matched.get(nearest)
    if at is None:
        own = [each for each in hits if not _IMPORT.match(outside[each])]
        return None if len(own) >= _PROOF else _NOTHING
    known = set(matched.values())
    differing = sum(1 for row in range(at + 1, len(written)) if written[row] and row not in known)
    if len(hits) == 1:
        line = outside[hits[0]]
        # One equal line may be equal by chance: amid others, or where the passage has the like itself.
        if (differing and _letters(line) < _SURE) or line in {each.strip() for each in passage.code}:
            return _NOTHING
    return _Side(at, differing)


def _below_imports(lines: Sequence[str], passage: Passage) -> int:
    """Where the code begins below imports that the passage has not; 0 where they may stay."""
    first = next((line.strip() for line in passage.code if line.strip()), "")
    at_top = not any(line.strip() for line in passage.lines[: passage.span.start[0]])
    if _IMPORT.match(first) or at_top:
        return 0
    end = 0
    for start, stop in _imports(lines):
        if any(line.strip() for line in lines[end:start]):
            break
        end = stop
    return end if any(line.strip() for line in lines[end:]) else 0


def _imports(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The rows of each import statement, which may take several."""
    at = 0
    while at < len(lines):
        start, at = at, at + 1
        if _IMPORT.match(lines[start].strip()):
            while unclosed("\n".join(lines[start:at])) and at < len(lines):
                at += 1
            yield start, at


def _new_imports(lines: Sequence[str], passage: Passage) -> tuple[tuple[str, ...], int]:
    """The imports among the lines that the document does not have, and how many lines they take."""
    here = {line.strip() for line in passage.lines}
    new = [rows for rows in _imports(lines) if lines[rows[0]].strip() not in here]
    texts = tuple("\n".join(lines[start:stop]).strip() for start, stop in new)
    return texts, sum(stop - start for start, stop in new)


def _without_neighbours(lines: list[str], passage: Passage) -> list[str]:
    """Without lines from right above and below that tell too little to be found by themselves.

    They are known by what they open or close that the passage does not, or by its own first or last line
    beside them.
    """
    code = [line.strip() for line in passage.code if line.strip()]
    rows = [row for row, line in enumerate(lines) if line.strip()]
    written = [lines[row].strip() for row in rows]
    above, below = _nearest(passage.above(_MARGIN)[::-1])[::-1], _nearest(passage.below(_MARGIN))
    heads = [size for size in range(len(above) + 1) if written[:size] == above[len(above) - size :]]
    tails = [size for size in range(len(below) + 1) if written[len(rows) - size :] == below[:size]]
    wanted = _ends(passage.code, passage.language)
    if _ends(lines, passage.language) == wanted:
        # Nothing begins with a closer; at the end, it may be a new one.
        closers = [ends_block(line, passage.language) for line in written]
        heads = [size for size in heads if all(closers[:size]) or written[size : size + 1] == code[:1]]
        tails = [size for size in tails if written[: len(rows) - size][-1:] == code[-1:]]
        tails = [size for size in tails if size and not closers[-size]]
        kept = rows[max(heads, default=0) : len(rows) - max(tails, default=0)]
        part = lines[kept[0] : kept[-1] + 1] if kept else lines
        return part if _ends(part, passage.language) == wanted else lines
    for head, tail in sorted(product(heads, tails), key=sum):
        kept = rows[head : len(rows) - tail]
        if kept and _ends(part := lines[kept[0] : kept[-1] + 1], passage.language) == wanted:
            return _without_neighbours(part, passage)
    return lines


def _nearest(lines: Sequence[str]) -> list[str]:
    """The first few of the lines that are not blank."""
    return [line.strip() for line in lines if line.strip()][:_AROUND]


def _ends(lines: Sequence[str], language: str) -> tuple[object, ...]:
    """What the lines leave open and what they close: brackets, words, long strings and comments."""
    text = "\n".join(lines)
    blocks = 0
    if language in END_WORDS:
        blocks = sum(opens_block(line, language) - ends_block(line, language) for line in lines)
    odd = [text.count(mark) % 2 for mark in ('"""', "'''")]
    return *balance(lines, language), blocks, *odd, text.count("/*") - text.count("*/")


def _without_closers(lines: list[str], passage: Passage) -> list[str]:
    """Without lines at the end that close what was opened above the passage."""
    surplus = balance(lines, passage.language)[1] - balance(passage.code, passage.language)[1]
    while surplus > 0 and lines:
        text = lines[-1].strip()
        if text and text.strip(")]};,"):
            break
        surplus -= sum(char in ")]}" for char in text)
        lines = lines[:-1]
    return lines


def _tells(line: str) -> bool:
    return _letters(line) >= _TELLING


def _letters(line: str) -> int:
    return sum(map(str.isalnum, line))
