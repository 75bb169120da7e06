"""Where a block ends: one reader that both the stream cutter and the filters use.

It reads indentation, blank lines, brackets, the marks of strings and comments, and the line below the cursor;
it knows no grammar. Each line is looked at once, however the text comes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from twinny_lsp.completion.around import Around
from twinny_lsp.completion.blocks import END_WORDS, ends_block, labels, may_end, opens_block
from twinny_lsp.completion.closers import awaited, head_width
from twinny_lsp.completion.inside import after, closes_below
from twinny_lsp.completion.shape import Shape
from twinny_lsp.completion.text import CLOSERS, follow, width

_COMMENT_BEGIN = re.compile(r"/\*+|//+|#+|--+|<!--")
"""Lines with which every comment begins, so that one is not the other."""

_DECORATION = re.compile(r"@\w[\w.]*(?:\([^()]*\))?|#\[.*\]")
"""Lines with which many definitions begin: that of a new one says nothing of the one below."""

_TELLING = 3
"""Letters and digits without which a line within brackets is equal by chance."""

_LEADING_BLANKS = 2
"""Blank lines that may stand between a complete line and what comes below it."""

_CLOSED = "the block was closed"

_DIRECTIVES = frozenset({"c", "cpp", "cuda", "csharp", "objective-c", "objective-cpp", "glsl", "hlsl"})
"""Languages with a preprocessor."""

_UNINDENTED = frozenset({"c", "cpp", "cuda", "objective-c", "objective-cpp", "php"})
"""Languages in which what a namespace or the like encloses is often not indented."""


@dataclass(frozen=True, slots=True)
class End:
    """The text that is wanted is `text[:at]`; `why` is for people."""

    at: int
    why: str


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    whole: bool
    depth: int
    """How many brackets the text itself has open."""


class Block:
    """Reads a text (line ends `\\n`) as it grows and finds the block's end.

    `below`: the cursor's line is complete, and the block stands on the lines below it. `deeper`: it is not,
    and only what is indented deeper goes on with it.
    """

    def __init__(self, around: Around, shape: Shape, *, below: bool = False, deeper: bool = False) -> None:
        self._around = around
        self._deeper = deeper
        self._shape = shape
        self._own = around.own_line and not below
        self._below = below
        self._floor: int | None = None
        self._labelled = False
        self._closer = 0
        if not self._own and not below:
            self._closer = head_width(around.above, around.before, around.language)
            self._floor = self._closer + 1
            self._labelled = labels(around.before, around.language, whole=True)
        self._start = self._index = self._kept = self._filled = self._blanks = 0
        self._goes_on = False
        self._brackets: list[str] = []
        self._lines: list[str] = []
        self._conditions = 0
        """How many `#if` the text itself has open."""
        self._within = around.inside
        """The string or comment in which the next line begins."""

    def feed(self, text: str, *, final: bool) -> End | None:
        """The end in all of the text so far, or None while that cannot be told yet.

        `final`: nothing more will come, so that the last line is whole. Then there is always an end.
        """
        while (newline := text.find("\n", self._start)) >= 0:
            end = self._line(text[self._start : newline], whole=True)
            if end is not None:
                return end
            self._start, self._index, self._goes_on = newline + 1, self._index + 1, False
        if final or not self._goes_on:
            end = self._line(text[self._start :], whole=final)
            if end is not None:
                return end
        return End(self._kept if self._filled else 0, "the model ended") if final else None

    def _line(self, line: str, *, whole: bool) -> End | None:
        if not line.strip():
            return self._blank() if whole else None
        if self._index or self._own:
            text = self._around.before + line if self._own and not self._index else line
            end = self._ends_at(_Line(text, whole, len(self._brackets)))
            if end is not None:
                return End(self._start + len(line), end) if end == _CLOSED else End(self._kept, end)
        return self._take(line) if whole else None

    def _take(self, line: str) -> End | None:
        """A whole line that belongs to the block; the end if it is the last one."""
        closed = self._closes_inside(line)
        if closed is not None:
            return closed
        self._within = after(self._around.language, line + "\n", self._within)
        self._filled, self._blanks, self._kept = self._filled + 1, 0, self._start + len(line)
        if self._filled >= self._shape.max_lines:
            return End(self._kept, f"{self._filled} lines")
        if self._around.inside is not None:
            return None  # brackets in text may have no partner
        follow(self._brackets, line, self._around.language)
        if self._floor is not None and self._brackets == ["}"] and width(line) < self._floor:
            self._brackets.clear()  # `} else {`: what it opens is the block's own
        if self._below:
            self._enter(line)
        self._lines.append(line)
        return None

    def _enter(self, line: str) -> None:
        """Take the block for opened if the line ends a head that was begun above it."""
        around = self._around
        if not opens_block(line, around.language):
            return
        above = (*around.above, around.before, *self._lines)
        head = head_width(above, line, around.language)
        if head < width(line):
            self._closer, self._floor, self._below = head, head + 1, False
            self._shape = replace(self._shape, opened=True)
            self._brackets.clear()

    def _closes_inside(self, line: str) -> End | None:
        """The end where the line ends the comment or string that the cursor stands in."""
        inside = self._around.inside
        at = line.find(inside.closer.strip("\n")) if inside is not None else -1
        if inside is None or at < 0:
            return None
        what = f"the {'comment' if inside.comment else 'string'} ended"
        if not closes_below(inside, self._around.below, self._around.language):
            return End(self._start + len(line), what)
        return End(self._start + at if line[:at].strip() else self._kept, what)

    def _blank(self) -> End | None:
        if self._index or self._own:
            self._blanks += 1
        if self._blanks > 1 and self._filled:
            return End(self._kept, "two blank lines")
        if self._below and self._blanks > _LEADING_BLANKS:
            return End(0, "nothing but blank lines")
        return None

    def _measure(self, text: str) -> int:
        """The scope, from the first line that is not blank."""
        before = "" if self._below else self._around.before
        self._floor = floor = width(before or text)
        lines = (*self._around.above, self._around.before) if self._below else self._around.above
        outer = (width(line) for line in reversed(lines) if line.strip())
        self._closer = next((each for each in outer if each < floor), 0)
        return floor

    def _ends_at(self, line: _Line) -> str | None:
        """Why the block ends before this line (or after it: _CLOSED); None when it goes on."""
        around, text = self._around, line.text
        floor = self._measure(text) if self._floor is None else self._floor
        if line.whole and (self._is_next(line) or self._is_closed_below(line, floor)):
            return "the next line of the document"
        indent = width(text)
        if self._deeper and not self._filled and not self._continues(text):
            return "the line cannot end there"
        own_string = self._within is not None and around.inside is None
        if own_string or (self._within is not None and indent < floor and not self._blanks):
            self._goes_on = not line.whole  # indentation says nothing within a string
            return None
        if floor and text.startswith("#") and around.language in _DIRECTIVES:
            return self._directive(line)
        if indent >= floor:
            paragraph = self._blanks and not self._shape.opened and indent == floor and not line.depth
            if paragraph and self._filled:
                return "a blank line"
            self._goes_on = not line.whole
            return None
        if line.depth or self._goes_on_left(line, indent):
            self._goes_on = not line.whole
            return None
        if not line.whole and _may_close(text, around.language):
            return None
        if not ends_block(text, around.language) or indent != self._closer or not self._closer_wanted(floor):
            return "less indentation"
        if not opens_block(text, around.language):
            return _CLOSED
        return None if self._shape.opened else "less indentation"

    def _directive(self, line: _Line) -> str | None:
        """Lines of the preprocessor stand at the margin, inside of blocks as well."""
        word = line.text[1:].strip()
        if line.whole:
            if word.startswith(("else", "elif", "endif")) and not self._conditions:
                return "less indentation"
            self._conditions += word.startswith("if") - word.startswith("endif")
        return None

    def _continues(self, text: str) -> bool:
        """Whether the line goes on with the cursor's, which cannot end where it ends."""
        around = self._around
        begun = not may_end(around.last_line, around.language)
        return width(text) > width(around.before) - begun or text.lstrip().startswith("{")

    def _goes_on_left(self, line: _Line, indent: int) -> bool:
        """Whether the line is a label as far left as what opened the block."""
        if self._labelled or self._own or self._below or indent != self._closer:
            return False
        return labels(line.text, self._around.language, whole=line.whole)

    def _is_next(self, line: _Line) -> bool:
        """Whether the model has come to what stands below already."""
        text, below = line.text.rstrip(), self._around.next_line.rstrip()
        if text != below or _COMMENT_BEGIN.fullmatch(text.strip()):
            return False
        if not self._filled and _DECORATION.fullmatch(text.strip()):
            return False
        # Equal with its indentation, within a bracket of the text's own: what stands below goes on inside of
        # it. A closer alone tells nothing there, it is the text's own.
        telling = sum(map(str.isalnum, text)) >= _TELLING and not ends_block(text, self._around.language)
        return not line.depth or telling

    def _is_closed_below(self, line: _Line, floor: int) -> bool:
        """Whether this closes what the text itself has opened, with a line that stands below already.

        That line waits for its opener: it is indented like the text, and so closes nothing around it.
        """
        around, text = self._around, line.text
        if line.depth != 1 or text.rstrip() != around.next_line.rstrip() or width(text) != floor:
            return False
        if not ends_block(text, around.language) or (floor == 0 and around.language in _UNINDENTED):
            return False
        return all(each.width != floor for each in awaited(around.above, around.language))

    def _closer_wanted(self, floor: int) -> bool:
        """Whether the block's closing line is missing from the document."""
        below = self._around.next_line
        if not below:
            return True
        return width(below) < floor and not (
            width(below) == self._closer and ends_block(below, self._around.language)
        )


def _may_close(line: str, language: str) -> bool:
    start = line.lstrip()[:2]
    word = language in END_WORDS and start[:1].isalpha()
    return start[:1] in CLOSERS or "</".startswith(start) or word
