"""The part of a document that an edit may change, and edits to it.

What is selected is widened once, before the model is asked: a selection over several lines means those lines,
one within a line that has nothing else means the line. After that nothing outside of it is ever touched.
Positions are (row, column) in code points. Not for finding the part (enclosing.py, instruct.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from twinny_lsp.completion.text import newline_style, normalised, without_terminator
from twinny_lsp.documents.text import Position, Text, content_length


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` up to, not including, `end`."""

    start: Position
    end: Position


@dataclass(frozen=True, slots=True)
class Edit:
    """`text` in the place of what is between `start` and `end`, of the document as it was."""

    start: Position
    end: Position
    text: str


@dataclass(frozen=True)
class Passage:
    """`lines` is the whole document, with terminators; `span` is what may change, made by `passage`.

    It is either whole lines, without the last one's terminator, or a part of one line (`inline`).
    """

    language: str
    lines: tuple[str, ...]
    span: Span

    @cached_property
    def original(self) -> str:
        """What stands there, with the document's line ends."""
        (row, column), (last, stop) = self.span.start, self.span.end
        if row == last:
            return self.lines[row][column:stop]
        return "".join((self.lines[row][column:], *self.lines[row + 1 : last], self.lines[last][:stop]))

    @cached_property
    def code(self) -> tuple[str, ...]:
        """Its lines without terminators."""
        return tuple(normalised(self.original).split("\n"))

    @cached_property
    def head(self) -> str:
        """What stands left of it in its first line."""
        row, column = self.span.start
        return self.lines[row][:column]

    @cached_property
    def tail(self) -> str:
        """What stands right of it in its last line."""
        row, column = self.span.end
        return without_terminator(self.lines[row][column:])

    @property
    def inline(self) -> bool:
        """Whether it is a part of one line."""
        return bool(self.head.strip() or self.tail.strip())

    @property
    def empty(self) -> bool:
        """Whether nothing stands there: what is made is put in."""
        return not self.original.strip()

    @cached_property
    def eol(self) -> str:
        """The document's line end."""
        return newline_style(self.lines[:2])

    def above(self, count: int) -> tuple[str, ...]:
        """The lines above, at most `count`, without terminators."""
        row = self.span.start[0]
        return tuple(without_terminator(line) for line in self.lines[max(0, row - count) : row])

    def below(self, count: int) -> tuple[str, ...]:
        """The lines below, at most `count`, without terminators."""
        row = self.span.end[0] + 1
        return tuple(without_terminator(line) for line in self.lines[row : row + count])


def passage(lines: Sequence[str], span: Span, language: str) -> Passage:
    """The passage that a selection means; any span will do, also a reversed one or one beyond the end."""
    lines = tuple(lines) or ("",)
    start, end = sorted(_clamped(lines, each) for each in (span.start, span.end))
    if end[0] > start[0] and end[1] == 0:
        end = (end[0] - 1, content_length(lines[end[0] - 1]))  # a line is selected with its end
    head, tail = lines[start[0]][: start[1]], lines[end[0]][end[1] :]
    if start[0] < end[0] or not (head.strip() or tail.strip()):
        start, end = (start[0], 0), (end[0], content_length(lines[end[0]]))
    return Passage(language, lines, Span(start, end))


def rows(lines: Sequence[str], first: int, last: int, language: str) -> Passage:
    """The passage of the rows `first` to `last`, both included."""
    return passage(lines, Span((first, 0), (last, len(lines[last]))), language)


def applied(lines: Sequence[str], edits: Sequence[Edit]) -> str:
    """The document's text with the edits, which do not overlap and are in order."""
    text = Text("".join(lines))
    for edit in reversed(edits):
        text.replace(edit.start, edit.end, edit.text)
    return text.text


def _clamped(lines: Sequence[str], position: Position) -> Position:
    row, column = position
    if row >= len(lines):
        return len(lines) - 1, content_length(lines[-1])
    return (row, min(max(column, 0), content_length(lines[row]))) if row >= 0 else (0, 0)
