"""A text kept as a list of lines and edited in place, so that a keystroke costs one line and not one file.

Lines end where the Language Server Protocol says ("Text Documents" of LSP 3.17): at `\\n`, `\\r\\n` and
`\\r`, and nowhere else. Form feeds, vertical tabs, \\x1c to \\x1e, NEL, U+2028 and U+2029 are ordinary
characters inside a line, which is why `str.splitlines` is not used here.

Positions are (row, column) in code points. Not for positions in a client's units: see encoding.py.
"""

from __future__ import annotations

import io
import re

Position = tuple[int, int]

_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def split_lines(text: str) -> list[str]:
    """Cut `text` into lines that keep their terminators; the last one has none and may be ""."""
    # newline="" finds the three LSP line ends, changes none of them, and works at the speed of C.
    lines = io.StringIO(text, newline="").readlines()
    if not lines or lines[-1][-1] in "\r\n":
        lines.append("")
    return lines


def content_length(line: str) -> int:
    """The number of code points in `line` before its terminator."""
    if line.endswith("\n"):
        return len(line) - (2 if line.endswith("\r\n") else 1)
    return len(line) - 1 if line.endswith("\r") else len(line)


def byte_length(text: str) -> int:
    """The size of `text` in UTF-8; a lone surrogate, which UTF-8 cannot hold, counts as 3 bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def join_surrogates(text: str) -> str:
    """Make one character of each pair of surrogate halves; a half without its partner stays.

    A client that counts in UTF-16 may send the halves in two edits.
    """
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _PAIR.sub(lambda pair: _join(*pair.group()), text)
    return text


def _join(high: str, low: str) -> str:
    return (high + low).encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _halves(left: str, right: str) -> bool:
    """Whether the end of `left` and the start of `right` are the two halves of one character."""
    return "\ud800" <= left[-1:] <= "\udbff" and "\udc00" <= right[:1] <= "\udfff"


class Text:
    """A text as `lines`, with its size in code points and in UTF-8 bytes kept up to date.

    `lines` is to be read only: it always has at least one element, each but the last ends in its
    terminator, and no `\\r` ever stands at the end of one line with its `\\n` at the start of the next.
    """

    __slots__ = ("byte_count", "char_count", "lines")

    def __init__(self, text: str = "") -> None:
        text = join_surrogates(text)
        self.lines = split_lines(text)
        self.char_count = len(text)
        self.byte_count = byte_length(text)

    @property
    def text(self) -> str:
        """The whole text, put together anew at each call."""
        return "".join(self.lines)

    @property
    def end(self) -> Position:
        """The position after the last character."""
        return len(self.lines) - 1, len(self.lines[-1])

    def slice(self, start: Position, end: Position) -> str:
        """The text between two positions, terminators included; the order of the two does not matter."""
        (row, column), (last, stop) = self._ordered(start, end)
        if row == last:
            return self.lines[row][column:stop]
        return "".join((self.lines[row][column:], *self.lines[row + 1 : last], self.lines[last][:stop]))

    def replace(self, start: Position, end: Position, new: str) -> str:
        """Put `new` in the place of what is between two positions and return what was there.

        Columns count code points and may lie inside a terminator. Positions outside the text are
        brought to its nearest end, and reversed ones are swapped. Touches the lines between the
        two positions (and the one above when a `\\r` and a `\\n` meet), no others.
        """
        start, end = self._ordered(start, end)
        new = join_surrogates(new)
        removed = self.slice(start, end)
        self.char_count += len(new) - len(removed)
        self.byte_count += byte_length(new) - byte_length(removed)
        (row, column), (last, stop) = start, end
        first = self.lines[row]
        head, tail = first[:column], self.lines[last][stop:]
        if not head.isascii() or not tail.isascii() or not new.isascii():
            head, new, tail = self._join_at_seams(head, new, tail)
        content = content_length(first)
        if row == last and column <= content and "\n" not in new and "\r" not in new:
            line = f"{head}{new}{tail}"
            if not (line.startswith("\n") and self._ends_in_cr(row - 1)):
                self.lines[row] = line
                return removed
        # Whatever can take part in a line end is split again; the long rest of the lines is not.
        if column > content:
            head, new = head[:content], head[content:] + new
        at_terminator = tail[:1] in ("\n", "\r") and tail != ""
        pieces = split_lines(new + tail if at_terminator else new)
        pieces[0] = head + pieces[0]
        if at_terminator:
            pieces.pop()  # the "" after the terminator: the next line is there already
        else:
            pieces[-1] += tail
        if pieces[0] == "\n" and self._ends_in_cr(row - 1):
            self.lines[row - 1] += "\n"
            del pieces[0]
        self.lines[row : last + 1] = pieces
        return removed

    def _ends_in_cr(self, row: int) -> bool:
        return row >= 0 and self.lines[row].endswith("\r")

    def _join_at_seams(self, head: str, new: str, tail: str) -> tuple[str, str, str]:
        """Join surrogate halves that come to stand beside each other through an edit."""
        if _halves(head, new or tail):
            rest = new or tail
            joined = _join(head[-1], rest[0]) + rest[1:]
            head = head[:-1]
            new, tail = (joined, tail) if new else ("", joined)
            self._count_join()
        if _halves(new, tail):
            new, tail = new[:-1] + _join(new[-1], tail[0]), tail[1:]
            self._count_join()
        return head, new, tail

    def _count_join(self) -> None:
        self.char_count -= 1
        self.byte_count -= 2  # two halves of 3 bytes became one character of 4

    def _ordered(self, start: Position, end: Position) -> tuple[Position, Position]:
        start, end = self._clamp(start), self._clamp(end)
        return (start, end) if start <= end else (end, start)

    def _clamp(self, position: Position) -> Position:
        """Bring a position into the text; the place after a terminator is the start of the next line."""
        row, column = position
        if row < 0:
            return 0, 0
        if row >= len(self.lines):
            return self.end
        length = len(self.lines[row])
        if column < length:
            return row, max(column, 0)
        return (row + 1, 0) if row + 1 < len(self.lines) else (row, length)
