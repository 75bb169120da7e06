"""One answer as it comes out of a stream: what of it may be shown now, and what is left after what was typed.

A stream brings one, or several to choose from. Not for the stream itself (flight.py).
"""

from __future__ import annotations

from twinny_lsp.completion.cutter import Cutter, Reading
from twinny_lsp.completion.filters import Cleaned, FilterInput, clean
from twinny_lsp.exchange import Finish


class Reply:
    """Fed piece by piece. `over`: nothing that comes later changes it."""

    def __init__(self, given: FilterInput, reading: Reading) -> None:
        self._given = given
        self.cutter = Cutter(given.around, given.shape, reading)
        self.finish: Finish | None = None
        self._cut = False
        self._closed = False
        self._cleaned: tuple[str, Cleaned] | None = None

    @property
    def over(self) -> bool:
        """Whether its shape is complete, or it has ended by itself."""
        return self._cut or self._closed

    def feed(self, text: str) -> None:
        """The next piece."""
        if not self.over:
            self.cutter.feed(text)
            self._cut = self.cutter.done

    def close(self, finish: Finish | None) -> None:
        """The stream has ended, or this answer in it; `finish` as the server says, None if it did not."""
        if not self.over:
            self.finish = finish
            self._closed = True
            self.cutter.finish(finish is Finish.STOP)

    @property
    def broke_off(self) -> bool:
        """Whether it ended without its shape's end and without the server saying that it was done."""
        return self._closed and self.finish in (None, Finish.INCOMPLETE)

    @property
    def text(self) -> str:
        """What may be shown of the text: all of it, or its whole lines where it did not end well (yet)."""
        text = self.cutter.text
        if self._cut or self.cutter.certain or (self._closed and self.finish is Finish.STOP):
            return text
        lines, newline, _ = text.rpartition("\n")
        if self._closed and self.finish is Finish.LENGTH and not newline:
            return text
        return lines

    def cleaned(self) -> Cleaned:
        """The text that may be shown, after the filters."""
        text = self.text
        if self._cleaned is None or self._cleaned[0] != text:
            self._cleaned = (text, clean(text, self._given))
        return self._cleaned[1]

    def rest(self, typed: str) -> str:
        """What may be shown of the text after what was typed since; "" for nothing."""
        shown = self.cleaned().text or ""
        rest = shown[len(typed) :] if shown.startswith(typed) else ""
        return rest if rest.strip() else ""

    def agrees(self, typed: str) -> bool:
        """Whether what was typed since and what has come can still be the beginning of one text."""
        if not typed:
            return True
        raw = self.cutter.text
        if self.rest(typed) or (not self.over and raw.startswith(typed)):
            return True
        beyond = not self._given.shape.several and "\n" in typed.lstrip("\n")
        return not self.over and typed.startswith(raw) and not beyond
