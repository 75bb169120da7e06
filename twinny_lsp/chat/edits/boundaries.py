"""What of a block is the passage, where the model wrote more of the document than it was asked for.

A whole file, the class around a method, the line above once more, imports at the top: what stands outside of
the passage is told from what is in it by the lines next to it, and left out. Not for indentation (fit.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from twinny_lsp.chat.edits.alignment import aligned
from twinny_lsp.chat.edits.passage import Passage
from twinny_lsp.chat.edits.prose import balance
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
_MARGIN = 60


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
    first, last = passage.span.start[0], passage.span.end[0]
    reach = 2 * len(lines) + _MARGIN
    top = max(0, first - reach)
    window = [line.strip() for line in passage.lines[top : last + 1 + reach]]
    written = [line.strip() for line in lines]
    matched: dict[int, int] = {}
    for a, b, size in aligned(window, written):
        matched.update({top + a + step: b + step for step in range(size) if window[a + step]})
    above = _side(matched, range(first - 1, top - 1, -1), passage, written)
    below = _side(matched, range(last + 1, top + len(window)), passage, written)
    if above is None or below is None:
        return None
    begin = above[0] + 1 if above[0] >= 0 else _below_imports(lines, passage)
    end = below[0] if below[0] >= 0 else len(lines)
    kept = _without_closers(list(lines[begin:end]), passage)
    if not any(line.strip() for line in kept):
        return None
    imports, others = _new_imports(lines[:begin], passage)
    return Inside(kept, imports, max(above[1] - others, 0) + below[1])


def _of_line(lines: Sequence[str], passage: Passage) -> list[str] | None:
    """What belongs in the place of a part of a line: of an answer with more, the line that has its ends."""
    filled = [line for line in lines if line.strip()]
    head, tail = passage.head.strip(), passage.tail.strip()
    whole = [line for line in filled if line.strip().startswith(head) and line.strip().endswith(tail)]
    if len(filled) > 1 and len(whole) == 1 and _tells(head + tail):
        return whole
    near = {line.strip() for line in (*passage.above(_MARGIN), *passage.below(_MARGIN)) if _tells(line)}
    return None if any(line.strip() in near for line in filled) else list(lines)


def _side(
    matched: dict[int, int], rows: range, passage: Passage, written: list[str]
) -> tuple[int, int] | None:
    """Where in the block the nearest line of one side is (-1: nowhere), and how many beyond it differ.

    `rows` are that side's, nearest first. None where the block has much of the side but not its nearest line.
    """
    filled = [row for row in rows if passage.lines[row].strip()]
    hits = [row for row in filled if row in matched and _tells(passage.lines[row])]
    if not filled or not hits:
        return -1, 0
    nearest = matched.get(filled[0])
    if nearest is None:
        own = [row for row in hits if not _IMPORT.match(passage.lines[row].strip())]
        return None if len(own) >= _PROOF else (-1, 0)
    up = rows[0] < passage.span.start[0]
    beyond = range(nearest) if up else range(nearest + 1, len(written))
    known = set(matched.values())
    differing = sum(1 for at in beyond if written[at] and at not in known)
    if len(hits) == 1 and differing and _letters(passage.lines[hits[0]]) < _SURE:
        return -1, 0  # one equal line amid others may be equal by chance
    if len(hits) == 1 and passage.lines[hits[0]].strip() in {line.strip() for line in passage.code}:
        return -1, 0
    return nearest, differing


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
