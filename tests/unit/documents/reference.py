"""A slow document that is right by being obvious: one string, every position found by walking from the start.

The property test and the long fuzz run compare the real document with this one. It shares no code with it.
"""

from __future__ import annotations

import random

ENCODINGS = ("utf-8", "utf-16", "utf-32")
LINE_ENDS = {"lf": ("\n",), "crlf": ("\r\n",), "cr": ("\r",), "mixed": ("\n", "\r\n", "\r")}
PIECES = (
    *(
        "a",
        "b",
        "xyz",
        " ",
        "\t",
        "def f():",
        "é",
        "ß",
        "\u0301",
        "漢",
        "字",
        "한",
        "😀",
        "👩\u200d💻",
        "𝒳",
        "\U0010ffff",
    ),
    *("\f", "\v", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\x00", "\ufeff"),
    *("\ud83d", "\ude00", "\udfff"),
)
SURROGATES = ("\ud83d", "\ude00")


def units_of(char: str, encoding: str) -> int:
    code = ord(char)
    if encoding == "utf-32":
        return 1
    if encoding == "utf-16":
        return 2 if code > 0xFFFF else 1
    return 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4


def joined(text: str) -> str:
    """Two surrogate halves beside each other are one character."""
    out: list[str] = []
    for char in text:
        if out and "\ud800" <= out[-1] <= "\udbff" and "\udc00" <= char <= "\udfff":
            out[-1] = chr(0x10000 + ((ord(out[-1]) - 0xD800) << 10) + (ord(char) - 0xDC00))
        else:
            out.append(char)
    return "".join(out)


def lines_of(text: str) -> list[str]:
    lines = [""]
    for at, char in enumerate(text):
        lines[-1] += char
        if char == "\n" or (char == "\r" and text[at + 1 : at + 2] != "\n"):
            lines.append("")
    return lines


class Reference:
    """The text as one string; positions in the client's units."""

    def __init__(self, text: str, encoding: str) -> None:
        self.text = joined(text)
        self.encoding = encoding

    def offset(self, line: int, character: int) -> int:
        if line < 0:
            return 0
        at = row = 0
        while row < line:
            if at == len(self.text):
                return at
            if self.text[at] == "\n" or (self.text[at] == "\r" and self.text[at + 1 : at + 2] != "\n"):
                row += 1
            at += 1
        passed = 0
        while at < len(self.text) and self.text[at] not in "\r\n":
            passed += units_of(self.text[at], self.encoding)
            if passed > character:
                break
            at += 1
        return at

    def apply(self, span: tuple[int, int, int, int], new: str) -> None:
        first, last = sorted((self.offset(*span[:2]), self.offset(*span[2:])))
        self.text = joined(self.text[:first] + new + self.text[last:])

    def row_and_column(self, line: int, character: int) -> tuple[int, int]:
        """Where a position falls, as the number of line ends before it and the characters since the last."""
        before = self.text[: self.offset(line, character)]
        lines = lines_of(before)
        return len(lines) - 1, len(lines[-1])

    def position(self, row: int, column: int) -> tuple[int, int]:
        line = lines_of(self.text)[row]
        return row, sum(units_of(char, self.encoding) for char in line[:column])

    def byte_count(self) -> int:
        return sum(units_of(char, "utf-8") for char in self.text)


class Maker:
    """Random documents and edits in one style of line ends.

    Each maker has an alphabet of few pieces, so that the rare meetings (of surrogate halves, of
    \\r and \\n, of equal lines) are frequent in some documents.
    """

    def __init__(self, seed: int, style: str) -> None:
        self.random = random.Random(seed)
        self.ends = LINE_ENDS[style]
        self.pieces = tuple(self.random.sample(PIECES, self.random.randint(1, 8)))
        if self.random.random() < 0.3:
            self.pieces += SURROGATES
        self.halves = ("\r", "\n") if style in ("crlf", "mixed") else ()

    def text(self, most: int) -> str:
        """At most `most` pieces; line ends are frequent, halves of \\r\\n come alone now and then."""
        parts: list[str] = []
        for _ in range(self.random.randint(0, most)):
            kind = self.random.random()
            if kind < 0.25:
                parts.append(self.random.choice(self.ends))
            elif kind < 0.35 and self.halves:
                parts.append(self.random.choice(self.halves))
            else:
                parts.append(self.random.choice(self.pieces))
        return "".join(parts)

    def edit(self, rows: int) -> tuple[tuple[int, int, int, int], str]:
        """An edit near or in a document of `rows` lines: often small, at times reversed or far outside."""
        line, character = self._line(rows), self._character()
        if self.random.random() < 0.4:
            return (line, character, line, character), self.text(3)
        if self.random.random() < 0.2:
            return (line, 0, line, self.random.randint(1, 3)), ""
        if self.random.random() < 0.5:
            return (line, character, line, self._character()), self.text(2)
        return (line, character, self._line(rows), self._character()), self.text(4)

    def place(self, rows: int) -> tuple[int, int]:
        return self._line(rows), self._character()

    def _line(self, rows: int) -> int:
        if self.random.random() < 0.02:
            return self.random.choice((-1, -(2**31), rows, rows + 1, 2**31 - 1))
        return self.random.randint(0, rows - 1)

    def _character(self) -> int:
        if self.random.random() < 0.03:
            return self.random.choice((-1, -(2**31), 1000, 2**31 - 1))
        return int(self.random.random() ** 2 * 12)
