"""Echoes: the model begins by repeating the begun line, or the lines above it, before it goes on.

Works on a text as it comes: while its begin may still become an echo, that is said (None).
"""

from __future__ import annotations

from collections.abc import Sequence

from twinny_lsp.completion.around import Around
from twinny_lsp.completion.blocks import opens_block
from twinny_lsp.completion.text import unmatched_closers

_LINES = 30
_LEAST = 3
"""Letters and digits that must come back for it to be an echo and not chance."""

_LEAST_LINE = 5
"""Letters of a single line above that must come back: rows of a table are alike and meant."""


def echoed(text: str, around: Around, *, final: bool) -> tuple[int, str] | None:
    """How many characters at the begin repeat what stands before the cursor, and what they are.

    (0, "") when it is no echo, None while more of the text is needed to tell.
    """
    start = len(text) - len(text.lstrip("\n"))
    lines = text[start:].split("\n")
    first, whole = lines[0].strip(), len(lines) > 1
    if not first and not whole:
        return (0, "") if final else None
    for size in range(min(len(around.above), _LINES), 0, -1):
        above = around.above[len(around.above) - size :]
        began = above[0].strip()
        # Most sizes are out by their first line alone.
        if not began or not (first == began if whole else began.startswith(first)):
            continue
        used = _lines_again(lines, above, around, final=final, below=start > 0)
        if used is None:
            return None
        if used:
            return start + used, f"cut {size} repeated line{'s' * (size > 1)}"
    return _blanks_and_begun(text, start, around, final=final)


def _blanks_and_begun(text: str, start: int, around: Around, *, final: bool) -> tuple[int, str] | None:
    """The blank lines above and the begun line once more; `start`: where the first filled line begins."""
    if start and any(line.strip() for line in around.above[-start:]):
        return 0, ""
    if start and around.blank and around.before:
        again = start + len(around.before) if text.startswith(around.before, start) else 0
        return again, "cut the repeated blank line" if again else ""
    if not around.before:
        # A second blank line within a block.
        again = start if start and around.own_line and text[start] in " \t" else 0
        return again, "cut the repeated blank line" if again else ""
    used = _begun_again(text[start:], around.before, final=final, sure=start > 0)
    if used is None:
        return None
    return (start + used, "cut the repeated beginning of the line") if used else (0, "")


def _lines_again(
    lines: list[str], above: Sequence[str], around: Around, *, final: bool, below: bool
) -> int | None:
    """How long the repetition of these lines and of the begun one is; 0 for none, None if open.

    `below`: it begins on the line below the begun one, where the lines above may stand again without it.
    """
    size = len(above)
    for mine, theirs in zip(lines, above, strict=False):
        if mine is lines[-1] and not final:
            return None if theirs.strip().startswith(mine.strip()) else 0
        if mine.strip() != theirs.strip():
            return 0
    if len(lines) < size or not _tells(lines[:size], above, around.language):
        return 0
    used = sum(len(line) + 1 for line in lines[:size])
    if len(lines) == size:
        opened = below and opens_block(around.before, around.language)
        return 0 if opened else used - 1  # nothing but the lines above
    if around.blank:
        rest = "\n".join(lines[size:])
        if not final and around.before.startswith(rest):
            return None
        return used + len(around.before) if rest.startswith(around.before) else used
    begun = _begun_again("\n".join(lines[size:]), around.before, final=final, sure=True)
    return begun if begun is None else used + begun if begun else 0


def _tells(mine: Sequence[str], above: Sequence[str], language: str) -> bool:
    """Whether so much is repeated that it cannot be meant: two filled lines, or one that says something."""
    filled = [line for line in above if sum(map(str.isalnum, line)) >= _LEAST]
    if len(filled) > 1:
        return True
    if any(sum(map(str.isalpha, line)) >= _LEAST_LINE or opens_block(line, language) for line in above):
        return True
    # Few lines stand twice as they are, indentation included, but for rows of numbers.
    joined = "".join(above).strip()
    numbers = joined.endswith(",") and not any(map(str.isalpha, joined))
    data = numbers and (any(map(str.isdigit, joined)) or not unmatched_closers(joined))
    # At the margin, where markup is not indented, one closing tag may well follow its like.
    tags = all(line.startswith("</") for line in above if line)
    return list(mine) == list(above) and not data and not tags


def _begun_again(text: str, before: str, *, final: bool, sure: bool = False) -> int | None:
    """How long the repetition of the begun line is; 0: none, None: open. `sure`: lines above came again."""
    begun = before.strip()
    if not begun:
        return 0
    indented = before[:1] in " \t"
    if not final and len(text) < len(before) and before.startswith(text) and (indented or text):
        return None
    if text.startswith(before) and (indented or sure):
        return len(before)
    start = text.lstrip(" \t")
    if not (sure or _counts(begun)):
        return 0
    if not final and len(start) < len(begun) and begun.startswith(start):
        return None
    if not start.startswith(begun):
        return 0
    exact = before.lstrip()
    if not final and len(start) < len(exact) and exact.startswith(start):
        return None
    return len(text) - len(start) + len(exact if start.startswith(exact) else begun)


def _counts(begun: str) -> bool:
    told = sum(map(str.isalnum, begun))
    return told >= _LEAST or (len(begun) > _LEAST and told > 0)
