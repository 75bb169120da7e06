"""Keeping a thinking model's `<think>…</think>` out of the text while it streams.

Servers that send thinking in a field of its own need none of this. A block counts only at the very
start of an answer: later on the words may be what the user asked about.
"""

from __future__ import annotations

OPEN, CLOSE = "<think>", "</think>"


class ThinkingSplitter:
    """Feed pieces of text; get (text, thinking) for each. `flush` at the end gives what was held back."""

    def __init__(self) -> None:
        self._held = ""
        self._state = "start"  # start: may still open; thinking: inside; after: blank lines go; text

    def feed(self, piece: str) -> tuple[str, str]:
        """Split one piece; up to a tag's length is held back while it may be one."""
        if self._state == "text":
            return piece, ""
        if self._state == "after":
            text = piece.lstrip("\n")
            self._state = "text" if text else "after"
            return text, ""
        self._held += piece
        if self._state == "start":
            stripped = self._held.lstrip()
            if OPEN.startswith(stripped[: len(OPEN)]) and len(stripped) < len(OPEN):
                return "", ""
            if not stripped.startswith(OPEN):
                self._state = "text"
                return self._take(), ""
            self._held = stripped[len(OPEN) :]
            self._state = "thinking"
        thought, closed, rest = self._held.partition(CLOSE)
        if closed:
            self._state, self._held = "after", ""
            return self.feed(rest)[0], thought
        keep = next((n for n in range(len(CLOSE) - 1, 0, -1) if self._held.endswith(CLOSE[:n])), 0)
        out = self._held[: len(self._held) - keep]
        self._held = self._held[len(self._held) - keep :]
        return "", out

    def flush(self) -> tuple[str, str]:
        """Give back what is still held: text if no block was open, else thinking."""
        held = self._take()
        return ("", held) if self._state == "thinking" else (held, "")

    def _take(self) -> str:
        held, self._held = self._held, ""
        return held
