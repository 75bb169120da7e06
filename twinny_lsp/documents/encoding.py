"""Positions between a client's units (UTF-8, UTF-16 or UTF-32) and code points.

A position is a pair of plain numbers here, never an LSP object, and nothing that is passed in is changed.
The rules are those of LSP 3.17, "Position", and where it is silent the choice that loses no text:

* past the end of a line: before its terminator; past the last line: the end of the document
* inside a surrogate pair or a UTF-8 sequence: the start of that character
* negative: the start of the line or of the document; a reversed range: swapped
* a lone surrogate (JSON can bring one) is one character of 1 UTF-16 unit or 3 UTF-8 bytes

Not for editing (see text.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from twinny_lsp.documents.text import Position, byte_length, content_length

Range = tuple[int, int, int, int]
"""(start line, start character, end line, end character) in a client's units."""


class Encoding(StrEnum):
    """What a client counts characters in; the values are those of LSP's PositionEncodingKind."""

    UTF8 = "utf-8"
    UTF16 = "utf-16"
    UTF32 = "utf-32"


def units(text: str, encoding: Encoding) -> int:
    """How many of the client's units `text` is long."""
    if encoding is Encoding.UTF32 or text.isascii():
        return len(text)
    if encoding is Encoding.UTF8:
        return byte_length(text)
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def column_from_units(line: str, character: int, encoding: Encoding) -> int:
    """The code-point column of `character` on `line`, which may have its terminator; always on the line.

    Reads no more of the line than stands before the position.
    """
    if character <= 0:
        return 0
    length = content_length(line)
    if encoding is Encoding.UTF32 or line.isascii():
        return min(character, length)
    if encoding is Encoding.UTF8:
        return min(characters_in_bytes(line, character), length)
    return min(_column_from_utf16(line, character), length)


def characters_in_bytes(text: str, size: int) -> int:
    """How many whole characters from the start of `text` fit into `size` bytes of UTF-8."""
    before = text[: max(size, 0)]  # a character is at least one byte: never longer than needed
    if before.isascii():
        return len(before)
    data = before.encode("utf-8", "surrogatepass")
    end = min(size, len(data))
    while end < len(data) and data[end] & 0xC0 == 0x80:
        end -= 1
    return len(data[:end].decode("utf-8", "surrogatepass"))


def _column_from_utf16(line: str, wanted: int) -> int:
    """Take as many characters as units, then give back those that are too many.

    What is given back at once is at most half as many characters as there are units over, since a
    character has one or two; only the last one can be a pair that `wanted` cuts in two.
    """
    before = line[:wanted]
    column = len(before)
    over = units(before, Encoding.UTF16) - wanted
    while over > 0:
        step = max(1, over // 2)
        over -= units(before[column - step : column], Encoding.UTF16)
        column -= step
    return column


def units_from_column(line: str, column: int, encoding: Encoding) -> int:
    """The client's character number of a code-point column, clamped to before the line's terminator."""
    column = max(0, min(column, content_length(line)))
    if encoding is Encoding.UTF32 or line.isascii():
        return column
    return units(line[:column], encoding)


def position_from_client(lines: Sequence[str], line: int, character: int, encoding: Encoding) -> Position:
    """A client's position as (row, column) in code points; always inside `lines`, which is not empty."""
    if line < 0:
        return 0, 0
    if line >= len(lines):
        return len(lines) - 1, content_length(lines[-1])
    return line, column_from_units(lines[line], character, encoding)


def position_to_client(lines: Sequence[str], row: int, column: int, encoding: Encoding) -> tuple[int, int]:
    """(row, column) in code points as a client's (line, character); clamped into `lines`."""
    if row < 0:
        return 0, 0
    if row >= len(lines):
        row, column = len(lines) - 1, len(lines[-1])
    return row, units_from_column(lines[row], column, encoding)


def range_from_client(lines: Sequence[str], span: Range, encoding: Encoding) -> tuple[Position, Position]:
    """A client's range as two positions in code points, the lower one first."""
    start = position_from_client(lines, span[0], span[1], encoding)
    if span[:2] == span[2:]:
        return start, start
    end = position_from_client(lines, span[2], span[3], encoding)
    return (start, end) if start <= end else (end, start)
