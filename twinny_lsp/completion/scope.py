"""Where a block ends: one pure function that both the stream cutter and the filters use.

It reads indentation, blank lines, brackets and the line below the cursor; it knows no grammar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from twinny_lsp.completion.around import Around
from twinny_lsp.completion.shape import END_WORDS, Shape, ends_block
from twinny_lsp.completion.text import first_filled, follow, width

_COMMENT_BEGIN = re.compile(r"/\*+|//+|#+|--+|<!--")
"""Lines with which every comment begins, so that one is not the other."""

_TELLING = 3
"""Letters and digits without which a line within brackets is equal by chance."""


@dataclass(frozen=True, slots=True)
class End:
    """The block is `text[:at]`; `why` is for people."""

    at: int
    why: str


@dataclass(frozen=True, slots=True)
class _Scope:
    """Lines indented by at least `floor` belong to the block; `closer` is where its closing line stands."""

    floor: int
    closer: int


def block_end(text: str, around: Around, shape: Shape, *, final: bool) -> End | None:
    """Where the block in `text` (line ends `\\n`) ends, or None while that cannot be told yet.

    `final`: nothing more will come, so that the last line is whole. Then there is always an end.
    """
    lines = text.split("\n")
    scope = _scope(lines, around)
    at, kept, filled, blanks = 0, 0, 0, 0
    open_brackets: list[str] = []
    for index, line in enumerate(lines):
        whole = final or index < len(lines) - 1
        if not line.strip():
            if whole and not (index == 0 and not around.blank):
                blanks += 1
            if blanks > 1 and filled:
                return End(kept, "two blank lines")
        else:
            if index or around.blank:
                begun = _Line(line, index, whole, blanks, filled > 0, len(open_brackets))
                end = _ends_at(begun, around, shape, scope)
                if end is not None:
                    return End(at + len(line), end) if end == _CLOSED else End(kept, end)
            if whole:
                filled, blanks, kept = filled + 1, 0, at + len(line)
                if filled >= shape.max_lines:
                    return End(kept, f"{filled} lines")
            follow(open_brackets, line, around.language)
        at += len(line) + 1
    return End(kept if filled else 0, "the model ended") if final else None


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    index: int
    whole: bool
    blanks: int
    follows: bool
    depth: int


_CLOSED = "the block was closed"


def _scope(lines: list[str], around: Around) -> _Scope:
    if not around.blank:
        own = width(around.before)
        return _Scope(own + 1, own)
    first = first_filled(lines)
    floor = width(around.before) if around.before else width(first or "")
    outer = next((width(line) for line in reversed(around.above) if line.strip() and width(line) < floor), 0)
    return _Scope(floor, outer)


def _ends_at(line: _Line, around: Around, shape: Shape, scope: _Scope) -> str | None:
    """Why the block ends before this line (or after it: _CLOSED); None when it goes on."""
    text = around.before + line.text if line.index == 0 else line.text
    if line.whole and _is_next(text, line.depth, around):
        return "the next line of the document"
    indent = width(text)
    if indent >= scope.floor:
        paragraph = line.blanks and not shape.opened and indent == scope.floor and not line.depth
        return "a blank line" if paragraph and line.follows else None
    if line.depth:
        return None
    if not line.whole and _may_close(line.text, around.language):
        return None
    if ends_block(line.text, around.language) and indent == scope.closer and _closer_wanted(around, scope):
        return _CLOSED
    return "less indentation"


def _is_next(text: str, depth: int, around: Around) -> bool:
    """Whether the model has come to what stands below already, here at `depth` brackets of its own."""
    if text.rstrip() != around.next_line.rstrip() or _COMMENT_BEGIN.fullmatch(text.strip()):
        return False
    # Equal with its indentation, within a bracket of the text's own: what stands below goes on inside of it.
    # A closer alone tells nothing there, it is the text's own.
    return not depth or (sum(map(str.isalnum, text)) >= _TELLING and not ends_block(text, around.language))


def _may_close(line: str, language: str) -> bool:
    start = line.lstrip()[:1]
    return start in set(")]}") or (language in END_WORDS and start.isalpha())


def _closer_wanted(around: Around, scope: _Scope) -> bool:
    """Whether the block's closing line is missing from the document."""
    below = around.next_line
    if not below:
        return True
    return width(below) < scope.floor and not (
        width(below) == scope.closer and ends_block(below, around.language)
    )
