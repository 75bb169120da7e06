"""Reads a stream and says when enough has come: the stream is then closed, not drained.

In order: line ends made `\\n`, stop words and special tokens cut (also when split over pieces), fences
taken off, an echo taken off the begin, indentation made the document's, then the shape's own end. What a
filter can do as well later is not done here; this is about not paying for tokens nobody will see, and about
answering at the first moment possible. A piece costs what the piece is long, not what the text is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twinny_lsp.completion.around import Around
from twinny_lsp.completion.echoes import echoed
from twinny_lsp.completion.ending import Ending, Whole
from twinny_lsp.completion.loops import Loops
from twinny_lsp.completion.reindent import Repair, repair
from twinny_lsp.completion.shape import Shape
from twinny_lsp.completion.special import LONGEST, special_token
from twinny_lsp.completion.unfence import Unfence, without_end

_LONGEST = 32_000
"""Characters that are read, thoughts and blanks among them; no shape needs more, and a server that ignores
max_tokens is not followed for ever."""


class StopWords:
    """Cuts a stream at the first stop word, also when it is split over pieces."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self._words = tuple(word for word in dict.fromkeys(words) if word)
        self._first = frozenset(word[0] for word in self._words)
        self._longest = max(map(len, self._words), default=0)
        self._held = ""
        self.found = ""

    def feed(self, text: str, *, final: bool = False) -> str:
        """The text that is certainly before any stop word; "" for ever once one was found."""
        if self.found:
            return ""
        held = self._held + text
        if self._first.isdisjoint(held):
            self._held = ""
            return held
        hits = [(at, word) for word in self._words if (at := held.find(word)) >= 0]
        if hits:
            at, self.found = min(hits, key=lambda hit: (hit[0], -len(hit[1])))
            return held[:at]
        keep = 0 if final else self._overlap(held)
        self._held = held[len(held) - keep :]
        return held[: len(held) - keep]

    def _overlap(self, text: str) -> int:
        """How many characters at the end of the text may be the beginning of a word."""
        for at in range(max(0, len(text) - self._longest + 1), len(text)):
            if text[at] in self._first and any(word.startswith(text[at:]) for word in self._words):
                return len(text) - at
        return 0


@dataclass(frozen=True, slots=True)
class Reading:
    """How a model's answer is to be read: see `seams.Prompted`."""

    ends: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()
    restore: Callable[[str], str] | None = None
    chat: bool = False


class Cutter:
    """The text so far and whether it is enough.

    `text` has line ends `\n` and only what is certain (no half stop word). `why` is set once the text is
    complete: nothing fed later changes anything. `certain`: its end was found, its last line is whole.
    """

    def __init__(self, around: Around, shape: Shape, reading: Reading = Reading()) -> None:
        self._around = around
        self._reading = reading
        self._stops = StopWords(reading.ends)
        self._unfence = Unfence(around, chat=reading.chat, patient=shape.whole)
        self._opens = reading.opens
        self._shape = shape
        self._carriage = self._begun = ""
        self._raw = self._unrestored = ""
        self._token = ""
        self._read = 0
        self._begin()
        self.text = ""
        self.why = ""
        self.certain = False

    def _begin(self) -> None:
        """Nothing is known yet of the text's begin, nor of its end."""
        around, shape = self._around, self._shape
        self._ending = Whole(around, shape) if shape.whole else Ending(around, shape)
        self._loops = Loops(around.before)
        self._looked = 0
        self._echo: tuple[int, str] | None = None
        self._repair: Repair | bool | None = False

    @property
    def done(self) -> bool:
        """Whether the text is complete."""
        return bool(self.why)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done on the way, for `why`, by the names of the filters that would have done it later."""
        stop = self._stops.found or self._token
        acts = {
            "leaks": f"cut at {stop.strip()}" if stop else "",
            "prose": f"took off {self._unfence.acted}" if self._unfence.acted else "",
            "echo": self._echo[1] if self._echo else "",
            "style": self._repair.note if isinstance(self._repair, Repair) else "",
        }
        return tuple(f"{name}: {note}" for name, note in acts.items() if note)

    def feed(self, piece: str) -> None:
        """Take the next piece of the stream."""
        if self.done:
            return
        room = _LONGEST - self._read
        self._read += len(piece)
        self._take(piece[:room], final=False, stopped=False)
        if self._read >= _LONGEST and not self.done:
            self._take("", final=True, stopped=False)
            self.why = self.why or "too long"

    def finish(self, stopped: bool = True) -> None:
        """The stream has ended: what was held back is text after all.

        `stopped`: the model did that by itself; else it was cut off (by its limit of tokens, by a broken
        connection), and the last line may be half.
        """
        if not self.done:
            self._take("", final=True, stopped=stopped)
            self.why = self.why or "the model ended"

    def _take(self, piece: str, *, final: bool, stopped: bool) -> None:
        raw = self._carriage + piece
        self._carriage = "\r" if raw.endswith("\r") and not final else ""
        if "\r" in raw:
            raw = raw[: len(raw) - len(self._carriage)].replace("\r\n", "\n").replace("\r", "\n")
        raw = self._without_opening(raw, final=final)
        fresh = self._unfence.feed(self._stops.feed(raw, final=final), final=final or bool(self._stops.found))
        ended = final or bool(self._stops.found) or self._unfence.done
        more = self._restored(fresh, final=ended)
        if self._unfence.loose and not self._token:
            if more and not self._cut_at_token():
                self._judge(final=False, stopped=False)
            self._raw = without_end(self._raw)
        if (more or ended) and not self.done:
            ended = self._cut_at_token() or ended
            self._judge(final=ended, stopped=stopped or not final)

    def _restored(self, fresh: str, *, final: bool) -> bool:
        """Add to the raw text, the user's own special tokens made whole; whether there is more of it now."""
        if self._reading.restore is None:
            self._raw += fresh
            return bool(fresh)
        self._unrestored += fresh
        whole = self._reading.restore(self._unrestored)
        whole = whole if final else whole[: max(len(self._raw), len(whole) - LONGEST)]
        more = len(whole) > len(self._raw)
        self._raw = whole
        return more

    def _without_opening(self, raw: str, *, final: bool) -> str:
        """Take off a token that the model repeats at the begin; hold back what may become one."""
        if not self._opens:
            return raw
        self._begun += raw
        if not final and any(each != self._begun and each.startswith(self._begun) for each in self._opens):
            return ""
        opening = next((each for each in self._opens if self._begun.startswith(each)), "")
        self._begun = self._begun[len(opening) :]
        self._opens = ()
        return self._begun

    def _cut_at_token(self) -> bool:
        """Cut the raw text at a special token that is no stop word of this model."""
        if self._reading.restore is not None:
            return False
        token = special_token(self._raw, self._around, max(0, self._looked - LONGEST))
        self._looked = len(self._raw)
        if token is None:
            return False
        self._token = token.text
        if token.opens:
            self._raw = self._raw[token.end :]
            self._begin()
            return self._cut_at_token()
        self._raw = self._raw[: token.at]
        return True

    def _judge(self, *, final: bool, stopped: bool) -> None:
        text = self._own(final)
        if text is None:
            return
        self.text = text
        if isinstance(self._ending, Whole):
            end = self._ending.feed(text, final=final, stopped=stopped)
        else:
            # Where a stream was cut off, the last line may be half: no end is to be seen in it.
            end = self._ending.feed(text, final=final and stopped)
        if end is not None:
            self.text, self.why, self.certain = text[: end.at], end.why, True
        if (loop := self._loops.at(self.text)) is not None:
            self.text, self.why, self.certain = self.text[:loop], "the model repeats itself", True
        if not final or (end is not None and end.why != "the model ended"):
            return
        if self._stops.found or self._token:
            self.why = "a stop word"
        elif self._unfence.done:
            self.why = "the fence was closed"

    def _own(self, final: bool) -> str | None:
        """The model's own text: without an echo at its begin, indented like the document. None: held back."""
        if self._echo is None:
            self._echo = echoed(self._raw, self._around, final=final)
            if self._echo is None:
                return None
        text = self._raw[self._echo[0] :] if self._echo[0] else self._raw
        if self._repair is False:
            chat = self._reading.chat or self._unfence.opened
            self._repair = repair(text, self._around, chat=chat, final=final)
            if self._repair is False and chat and "\n" in text:
                return text[: text.rfind("\n") + 1]  # how the next line is meant is not known yet
        return self._repair.apply(text) if isinstance(self._repair, Repair) else text
