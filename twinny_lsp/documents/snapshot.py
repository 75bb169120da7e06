"""An immutable view of one document with a cursor in it: what every layer below LSP works on.

Not for editing (see text.py), not for positions in a client's units (see encoding.py), and not for
the windows that go into a prompt (see windows.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from twinny_lsp.documents.text import content_length, split_lines


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`lines` keep their terminators (`\\n`, `\\r\\n`, `\\r`); `row`/`column` are 0-based code points.

    `byte_count` is the whole text's size in UTF-8 where it is known without counting.
    """

    uri: str
    language: str
    version: int
    lines: tuple[str, ...]
    row: int
    column: int
    byte_count: int | None = None

    @property
    def line(self) -> str:
        """The cursor's line with its terminator."""
        return self.lines[self.row] if self.row < len(self.lines) else ""

    @property
    def line_before(self) -> str:
        """The cursor's line left of the cursor."""
        return self.line[: self.column]

    @property
    def line_after(self) -> str:
        """The cursor's line right of the cursor, without its terminator."""
        line = self.line
        return line[self.column : content_length(line)]

    def accepted(self, text: str, replaces: int = 0) -> Snapshot:
        """The document as it would be with `text` in the place of `replaces` code points right of the
        cursor."""
        line = self.line
        rest = line[self.column + replaces :]
        new = split_lines(line[: self.column] + text)
        lines = (*self.lines[: self.row], *new[:-1], new[-1] + rest, *self.lines[self.row + 1 :])
        return replace(self, lines=lines, row=self.row + len(new) - 1, column=len(new[-1]), byte_count=None)

    def prefix(self, max_chars: int) -> str:
        """At most `max_chars` code points before the cursor, whole lines where that is possible."""
        if max_chars <= 0:
            return ""
        line = self.line
        column = min(self.column, len(line))
        parts = [line[max(0, column - max_chars) : column]]
        left = max_chars - len(parts[0])
        for row in range(min(self.row, len(self.lines)) - 1, -1, -1):
            left -= len(self.lines[row])
            if left < 0:
                break
            parts.append(self.lines[row])
        return "".join(reversed(parts))

    def suffix(self, max_chars: int) -> str:
        """At most `max_chars` code points after the cursor, whole lines where that is possible."""
        if max_chars <= 0:
            return ""
        rest = self.line[self.column : self.column + max_chars + 1]
        if len(rest) > max_chars:
            # Half a terminator would be another line end than the document's.
            return rest[: max_chars - 1] if rest.endswith("\r\n") else rest[:max_chars]
        parts = [rest]
        left = max_chars - len(rest)
        for row in range(self.row + 1, len(self.lines)):
            left -= len(self.lines[row])
            if left < 0:
                break
            parts.append(self.lines[row])
        return "".join(parts)
