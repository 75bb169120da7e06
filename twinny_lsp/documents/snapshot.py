"""An immutable view of one document with a cursor in it: what every layer below LSP works on.

Not for editing (see text.py) and not for positions in a client's units (see encoding.py).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`lines` keep their terminators (`\\n`, `\\r\\n`, `\\r`); `row`/`column` are 0-based code points."""

    uri: str
    language: str
    version: int
    lines: tuple[str, ...]
    row: int
    column: int

    @property
    def line_before(self) -> str:
        """The cursor's line left of the cursor."""
        return self.lines[self.row][: self.column] if self.row < len(self.lines) else ""

    @property
    def line_after(self) -> str:
        """The cursor's line right of the cursor, without its terminator."""
        rest = self.lines[self.row][self.column :] if self.row < len(self.lines) else ""
        return rest.rstrip("\r\n")

    def prefix(self, max_chars: int) -> str:
        """At most `max_chars` code points before the cursor, whole lines where that is possible."""
        parts = [self.line_before[-max_chars:] if max_chars > 0 else ""]
        left = max_chars - len(parts[0])
        for line in reversed(self.lines[: self.row]):
            left -= len(line)
            if left < 0:
                break
            parts.append(line)
        return "".join(reversed(parts))

    def suffix(self, max_chars: int) -> str:
        """At most `max_chars` code points after the cursor, whole lines where that is possible."""
        if self.row >= len(self.lines):
            return ""
        parts = [self.lines[self.row][self.column :][:max_chars]]
        left = max_chars - len(parts[0])
        for line in self.lines[self.row + 1 :]:
            left -= len(line)
            if left < 0:
                break
            parts.append(line)
        return "".join(parts)
