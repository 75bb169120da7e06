"""Which rows belong together: a statement or block from its first line on, the function around a row.

Read from indentation, brackets and words that close blocks, for every language; a syntax tree may know
better. Not for what a block is wanted for (instruct.py, passage.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from twinny_lsp.completion.blocks import END_WORDS, ends_block, opens_block
from twinny_lsp.completion.text import brackets, follow, lead, width, without_terminator
from twinny_lsp.context.outline import Kind, definitions
from twinny_lsp.languages import language as row_of

Rows = tuple[int, int]
"""First and last row, both included."""

_HEADER_ROWS = 30
"""Rows that the signature of a function may take."""
_MOST_ROWS = 40
"""Rows of a block that is taken for one that is nested in it."""
_QUOTED = re.compile(r'"""|\'\'\'')
_MIDDLE = re.compile(
    r"\s*(?:\}\s*)?(?:else|elsif|elif|elseif|rescue|ensure|catch|except|finally|when|then|do|after|in)\b"
)
_CHAIN = re.compile(r"\s*(?:else|elif|catch|except|finally)\b")
_CHAINED = re.compile(r"\s*(?:\}?\s*else\s+)?(?:async\s+)?(?:if|for|while|try|do|else|with)\b")
_ATTRIBUTE = re.compile(r"\s*(?:@\w|#!?\[|\[\w[^\]]*\]\s*$)|[a-z_][\w']* ::")
"""Decorators, attributes, and a type that is told on a line of its own (Haskell)."""
_NO_COMMENT = re.compile(r"#(?:!|include|define|if|endif|pragma|\[)")


def extent(lines: Sequence[str], row: int, language: str) -> int:
    """The last row of the statement, block or definition that begins in this row."""
    stack: list[str] = []
    last = min(row + _HEADER_ROWS, len(lines))
    head = row
    for head in range(row, last):
        follow(stack, without_terminator(lines[head]), language)
        if not any(closer in ")]" for closer in stack):
            break
    else:
        return row
    below = next((at for at in range(head + 1, len(lines)) if lines[at].strip()), None)
    if stack or (below is not None and lines[below].lstrip().startswith("{")):
        end = _closed(lines, row, language)
        if end is not None:
            return _chained(lines, row, end, language)
    header = without_terminator(lines[head])
    deeper = below is not None and width(lines[below]) > width(lines[row])
    if deeper and (opens_block(header, language) or row_of(language).indented or language in END_WORDS):
        return _chained(lines, row, _indented(lines, row, head, language), language)
    if below == head + 1 and language in END_WORDS and opens_block(header, language):
        return _indented(lines, row, head, language)
    return head


def paragraph(lines: Sequence[str], row: int, language: str) -> Rows:
    """The rows from this one on that belong together: one block, or statements up to a blank line."""
    first = row
    while row + 1 < len(lines) and lines[row + 1].strip() and _is_attached(lines[row], language):
        row += 1  # a decorator or comment belongs to what comes below it
    end = extent(lines, row, language)
    if end > row and _opens(lines, row, end, language):
        return first, end
    floor = width(lines[first])
    while end + 1 < len(lines):
        line = lines[end + 1]
        if not line.strip() or width(line) < floor or ends_block(line, language):
            break
        end = extent(lines, end + 1, language)
    return first, end


def enclosing(lines: Sequence[str], row: int, language: str) -> Rows | None:
    """The rows of the function around a row, with its decorators and comment; else of the type or block.

    Of a long function the one within it. A long type only at its own header, else the block: of nested
    ones the largest that is not long. Where there is none, the paragraph; None on a blank row outside of
    everything.
    """
    if not 0 <= row < len(lines):
        return None
    found: Rows | None = None
    inner = _definition(lines, row, language, (Kind.FUNCTION,))
    while inner is not None:
        found = inner
        long = inner[1] - inner[0] >= _MOST_ROWS
        inner = _definition(lines, row, language, (Kind.FUNCTION,), inner) if long else None
    found = found or _definition(lines, row, language, (Kind.VALUE, Kind.TYPE))
    return found or _block_around(lines, row, language)


def _definition(
    lines: Sequence[str], row: int, language: str, kinds: Sequence[Kind], within: Rows | None = None
) -> Rows | None:
    """The last definition of these kinds around a row; `within`: of those inside of these rows."""
    begin, stop = (within[0] + 1, within[1]) if within else (0, len(lines))
    for one in reversed(definitions(lines[begin:stop], language)):
        head = begin + one.row
        if one.kind not in kinds:
            continue
        first, last = with_head(lines, head, language), extent(lines, head, language)
        if not first <= row <= last or (within is not None and (first <= within[0] or last > within[1])):
            continue
        own = one.owner >= 0 or not lead(lines[head])  # not one of a block that is no definition itself
        value = one.kind is Kind.VALUE and own and last > head
        type_ = one.kind is Kind.TYPE and (row <= head or last - first < _MOST_ROWS)
        if one.kind is Kind.FUNCTION or value or type_:
            return first, last
    return None


def with_head(lines: Sequence[str], row: int, language: str) -> int:
    """The first row of the decorators and comments that stand right above a definition."""
    first = row
    while first > 0 and _is_attached(lines[first - 1], language):
        above = first - 1
        if lines[above].strip().endswith("*/"):
            while above > 0 and "/*" not in lines[above]:
                above -= 1
            if "/*" not in lines[above]:
                break
        first = above
    return first


def _is_attached(line: str, language: str) -> bool:
    text = line.strip()
    if not text:
        return False
    mark = row_of(language).line
    commented = bool(mark) and text.startswith(mark) and not _NO_COMMENT.match(text)
    return commented or text.endswith("*/") or _ATTRIBUTE.match(line) is not None


def _block_around(lines: Sequence[str], row: int, language: str) -> Rows | None:
    filled = next((at for at in range(row, -1, -1) if lines[at].strip()), None)
    if filled is None:
        return None
    floor = width(lines[row]) + 1 if lines[row].strip() else width(lines[filled]) + 1
    found: Rows | None = None
    for at in range(filled, -1, -1):
        line = lines[at]
        if line.strip() and width(line) < floor:
            floor = width(line)
            end = extent(lines, at, language)
            if end >= row and end > at:
                if found is not None and end - at >= _MOST_ROWS:
                    break
                found = with_head(lines, at, language), end
    if found is not None:
        return found
    if not lines[row].strip():
        return None
    first = row
    while first > 0 and lines[first - 1].strip():
        first -= 1
    last = row
    while last + 1 < len(lines) and lines[last + 1].strip():
        last += 1
    return first, last


def _opens(lines: Sequence[str], row: int, end: int, language: str) -> bool:
    """Whether the rows are a block, not a statement that was merely wrapped."""
    if ends_block(lines[end], language):
        return without_terminator(lines[end]).strip()[:1] not in (")", "]")
    return (end > row and opens_block(without_terminator(lines[row]), language)) or row_of(language).indented


def _closed(lines: Sequence[str], row: int, language: str) -> int | None:
    """The row where all is closed that the rows from this one on have opened, braces among it."""
    stack: list[str] = []
    braces = False
    for at in range(row, len(lines)):
        line = without_terminator(lines[at])
        braces = braces or any(char == "{" for _, char in brackets(line, language))
        follow(stack, line, language)
        if braces and not stack:
            return at
    return None


def _indented(lines: Sequence[str], row: int, head: int, language: str) -> int:
    """The last row that is indented deeper than the block's first, with the line that closes it."""
    floor = width(lines[row])
    end = head
    quoted = _odd_quotes(lines[head])
    stack: list[str] = []
    for at in range(head + 1, len(lines)):
        line = without_terminator(lines[at])
        inside, quoted = quoted, quoted != _odd_quotes(line)
        if inside:
            end = at
            continue
        if not line.strip():
            continue
        if width(line) <= floor and not stack:
            if language in END_WORDS and ends_block(line, language) and width(line) == floor:
                return at
            if not (language in END_WORDS and _MIDDLE.match(line) and width(line) == floor):
                return end
        follow(stack, line, language)
        end = at
    return end


def _chained(lines: Sequence[str], row: int, end: int, language: str) -> int:
    """With the branches that follow at the same indentation: else, except, catch."""
    while end + 1 < len(lines) and _CHAINED.match(lines[row]):
        line = lines[end + 1]
        if width(line) != width(lines[row]) or not _CHAIN.match(line):
            break
        closed = _closed(lines, end + 1, language) if "{" in line else None
        end = closed if closed is not None else _indented(lines, end + 1, end + 1, language)
    return end


def _odd_quotes(line: str) -> bool:
    return len(_QUOTED.findall(line)) % 2 == 1
