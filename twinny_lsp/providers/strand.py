"""One choice's text as it comes: surrogate halves that were cut apart are joined, thinking is taken apart.

Not for where a choice ends, or how many there are (answer.py).
"""

from __future__ import annotations

from dataclasses import replace

from twinny_lsp.exchange import Piece

_OPEN, _CLOSE = "<think>", "</think>"


class Strand:
    """Feed it what a server sends for one choice. `chat`: text that begins with `<think>` is thinking."""

    def __init__(self, choice: int = 0, *, chat: bool = False) -> None:
        self._choice = choice
        self._think = Thinking() if chat else None
        self._half = ""

    def feed(self, piece: Piece) -> list[Piece]:
        """The text and the thinking that are sure now."""
        text = self._whole(piece.text)
        if self._think is None and text is piece.text and not piece.thinking and piece.finish is None:
            return [piece] if text else []  # the most common case by far
        made = self._think.feed(text) if self._think and text else [Piece(text)] if text else []
        if piece.thinking:
            made.insert(0, Piece(thinking=piece.thinking))
        return self._labelled(made)

    def close(self) -> list[Piece]:
        """What was held back when the choice ended."""
        made: list[Piece] = []
        if self._half:
            made.append(Piece("\ufffd"))
            self._half = ""
        if self._think:
            made += self._think.close()
        return self._labelled(made)

    def _labelled(self, pieces: list[Piece]) -> list[Piece]:
        return [replace(piece, choice=self._choice) for piece in pieces] if self._choice else pieces

    def _whole(self, text: str) -> str:
        """Join surrogate halves: a lone one could never be sent to an editor."""
        if not self._half and (text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)):
            return text
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class Thinking:
    """Takes `<think>…</think>` at the start of a chat's text apart from the answer."""

    def __init__(self) -> None:
        self._held = ""
        self._state = "start"

    def feed(self, text: str) -> list[Piece]:
        """What of `text` is surely thinking and surely answer; the tags themselves are dropped."""
        if self._state == "text":
            return [Piece(text)]
        self._held += text
        if self._state == "start":
            begun = self._held.lstrip()
            if begun.startswith(_OPEN):
                self._held, self._state = begun[len(_OPEN) :], "thinking"
            elif _OPEN.startswith(begun):
                return []
            else:
                return self._as_text(self._held)
        if self._state == "after":
            rest = self._held.lstrip()
            return self._as_text(rest) if rest else []
        thought, closed, rest = self._held.partition(_CLOSE)
        if closed:
            self._held, self._state = "", "after"
            return ([Piece(thinking=thought)] if thought else []) + self.feed(rest)
        keep = next(
            (n for n in range(min(len(_CLOSE), len(thought)), 0, -1) if _CLOSE.startswith(thought[-n:])), 0
        )
        sure, self._held = thought[: len(thought) - keep], thought[len(thought) - keep :]
        return [Piece(thinking=sure)] if sure else []

    def close(self) -> list[Piece]:
        """What was held back when the stream ended."""
        held, self._held = self._held, ""
        if not held or self._state == "after":
            return []
        return [Piece(thinking=held) if self._state == "thinking" else Piece(held)]

    def _as_text(self, text: str) -> list[Piece]:
        self._held, self._state = "", "text"
        return [Piece(text)] if text else []
