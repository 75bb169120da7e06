"""Reads a stream and says when enough has come: the stream is then closed, not drained.

In order: line ends made `\\n`, stop words cut (also when split over pieces), fences taken off, then the
shape's own end. What a filter can do as well later is not done here; this is about not paying for
tokens nobody will see, and about answering at the first moment possible.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twinny_lsp.completion.around import Around
from twinny_lsp.completion.loops import loop_start
from twinny_lsp.completion.scope import block_end
from twinny_lsp.completion.shape import Kind, Shape
from twinny_lsp.completion.unfence import Unfence

_LONGEST = 16_000
"""Characters; no shape needs more, and a server that ignores max_tokens is not followed for ever."""

_REPEATED_RIGHT = 4
"""So many characters of what stands right of the cursor must come back for it to count as repeated."""


class StopWords:
    """Cuts a stream at the first stop word, also when it is split over pieces."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self._words = tuple(word for word in dict.fromkeys(words) if word)
        self._held = ""
        self.found = ""

    def feed(self, text: str, *, final: bool = False) -> str:
        """The text that is certainly before any stop word; "" for ever once one was found."""
        if self.found:
            return ""
        self._held += text
        hits = [(at, word) for word in self._words if (at := self._held.find(word)) >= 0]
        if hits:
            at, self.found = min(hits, key=lambda hit: (hit[0], -len(hit[1])))
            return self._held[:at]
        keep = 0 if final else max((_overlap(self._held, word) for word in self._words), default=0)
        out = self._held[: len(self._held) - keep]
        self._held = self._held[len(self._held) - keep :]
        return out


@dataclass(frozen=True, slots=True)
class Reading:
    """How a model's answer is to be read: see `seams.Prompted`."""

    ends: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()
    restore: Callable[[str], str] | None = None
    chat: bool = False


class Cutter:
    """The text so far and whether it is enough.

    `text` has line ends `\n` and only what is certain (no half stop word). `why` is set once the shape
    is complete: nothing fed later changes anything.
    """

    def __init__(self, around: Around, shape: Shape, reading: Reading = Reading()) -> None:
        self._around = around
        self._shape = shape
        self._stops = StopWords(reading.ends)
        self._unfence = Unfence(around.language, prose=reading.chat or around.blank)
        self._opens = reading.opens
        self._restore = reading.restore
        self._unrestored = ""
        self._carriage = ""
        self._begun = ""
        self.text = ""
        self.why = ""

    @property
    def done(self) -> bool:
        """Whether the shape is complete."""
        return bool(self.why)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was taken off on the way, for `why`."""
        found = f"stop word {self._stops.found}" if self._stops.found else ""
        return tuple(note for note in (found, self._unfence.acted) if note)

    def feed(self, piece: str) -> None:
        """Take the next piece of the stream."""
        if not self.done:
            self._take(piece, final=False)

    def finish(self) -> None:
        """The stream has ended by itself: what was held back is text after all."""
        if not self.done:
            self._take("", final=True)
            self.why = self.why or "the model ended"

    def _take(self, piece: str, *, final: bool) -> None:
        raw = self._carriage + piece
        self._carriage = "\r" if raw.endswith("\r") and not final else ""
        raw = raw[: len(raw) - len(self._carriage)].replace("\r\n", "\n").replace("\r", "\n")
        raw = self._without_opening(raw, final=final)
        fresh = self._unfence.feed(self._stops.feed(raw, final=final), final=final or bool(self._stops.found))
        if self._restore is None:
            self.text += fresh
        else:
            self._unrestored += fresh
            self.text = self._restore(self._unrestored)
        if fresh or self._stops.found or self._unfence.done:
            self._judge()

    def _without_opening(self, raw: str, *, final: bool) -> str:
        """Take off a token that the model repeats at the begin; hold back what may become one."""
        if not self._opens:
            return raw
        self._begun += raw
        if not final and any(each != self._begun and each.startswith(self._begun) for each in self._opens):
            return ""
        for opening in self._opens:
            self._begun = self._begun.removeprefix(opening)
        self._opens = ()
        return self._begun

    def _judge(self) -> None:
        ended = bool(self._stops.found) or self._unfence.done
        if self._shape.kind is Kind.BLOCK:
            end = block_end(self.text, self._around, self._shape, final=ended)
            if end is not None:
                self.text, self.why = self.text[: end.at], end.why
        else:
            self._judge_line()
        if not self.done and (loop := loop_start(self.text, self._around.before)) is not None:
            self.text, self.why = self.text[:loop], "the model repeats itself"
        if not self.done and ended:
            self.why = "a stop word" if self._stops.found else "the fence was closed"
        if not self.done and len(self.text) > _LONGEST:
            self.why = "too long"

    def _judge_line(self) -> None:
        """One line is complete at its newline; on a blank line, newlines before the text do not count."""
        start = len(self.text) - len(self.text.lstrip(" \t\n")) if self._around.blank else 0
        newline = self.text.find("\n", start)
        if newline >= 0:
            self.text, self.why = self.text[:newline], "the line is complete"
            return
        rest = self._around.after.strip()
        if len(rest) >= _REPEATED_RIGHT and self.text.rstrip().endswith(rest):
            self.why = "what stands right of the cursor was repeated"


def _overlap(text: str, word: str) -> int:
    """How many characters at the end of the text may be the beginning of the word."""
    for size in range(min(len(word) - 1, len(text)), 0, -1):
        if text.endswith(word[:size]):
            return size
    return 0
