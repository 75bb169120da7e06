"""Takes code out of an answer that is written like chat: prose around it, a fence of back-ticks.

Works on a stream (`Unfence`) and on a whole text (`unfenced`) with the same code. Text that is not
fenced passes through unchanged, and so does everything in languages whose own text has fences.
"""

from __future__ import annotations

import re
from enum import Enum, auto

FENCED_LANGUAGES = frozenset(
    [
        "markdown",
        "mdx",
        "quarto",
        "rmd",
        "asciidoc",
        "restructuredtext",
        "rst",
        "typst",
        "latex",
        "plaintext",
        "org",
    ]
)
"""Languages in which a line of back-ticks may be meant."""

_FENCE = "```"
_THINK, _THOUGHT = "<think>", "</think>"
_LONGEST_PREAMBLE = 600
"""Characters of prose before a fence; an answer that has none by then is taken as it is."""

_PHRASES = (
    *(f"{word}{mark}" for word in ("sure", "certainly", "of course", "okay", "ok", "yes") for mark in ",!.:"),
    *(f"here{verb} " for verb in ("'s", " is", " are", " you")),
    *(f"the {word} " for word in ("missing", "complete", "completed", "following", "code")),
    *("below is ", "to complete ", "this code ", "i have ", "i will ", "i would ", "i'm ", "i can", "i am "),
    *("you can ", "let's ", "let me ", "based on ", "as an ai "),
)
"""How answers begin that talk before they write code."""

_CLOSING = re.compile(r"(?:^|\n)[ \t]*```")


class _State(Enum):
    START = auto()
    CODE = auto()
    DONE = auto()


class Unfence:
    """Feed pieces, get code. `done` once the closing fence was seen; `acted` says what was taken off.

    `prose`: the answer may begin with words for people, so wait for a fence where it looks like that.
    """

    def __init__(self, language: str, *, prose: bool = True) -> None:
        self._state = _State.START
        self._held = ""
        self._line_start = True
        self._prose = prose
        self._passive = language in FENCED_LANGUAGES
        self.acted = ""

    @property
    def done(self) -> bool:
        """Whether the fenced code has ended."""
        return self._state is _State.DONE

    def feed(self, text: str, *, final: bool = False) -> str:
        """The code in what has come so far, beyond what was given out before."""
        if self._passive or self.done:
            return text if self._passive else ""
        self._held += text
        if self._state is _State.START and not self._begin(final):
            return ""
        return self._code(final)

    def _begin(self, final: bool) -> bool:
        """Decide how the answer begins; False while that is open."""
        start = self._held.lstrip()
        if start.startswith(_THINK):
            thought = start.find(_THOUGHT)
            if thought < 0 and not final:
                return False
            self.acted = "thinking"
            start = start[thought + len(_THOUGHT) :] if thought >= 0 else ""
            self._held = start = start.lstrip("\n")
        blanks = self._held[: len(self._held) - len(start)]
        if "\n" in blanks and not self._prose and not self.acted:
            self._state = _State.CODE  # the begun line has ended: a fence in the next one is not waited for
            return True
        if not final and not start:
            return False
        if not final and (_FENCE.startswith(start) or _THINK.startswith(start)):
            return False
        talk = start.lower()
        if self._prose and any(talk.startswith(phrase) for phrase in _PHRASES):
            fence = start.find("\n" + _FENCE)
            if fence >= 0:
                self.acted = "prose before the code"
                start = start[fence + 1 :]
            elif len(start) < _LONGEST_PREAMBLE and not final:
                return False
        elif self._prose and not final and any(phrase.startswith(talk) for phrase in _PHRASES):
            return False
        if self.acted == "thinking":
            self._held = start
        if start.startswith(_FENCE):
            head, newline, rest = start.partition("\n")
            if not newline and not final:
                return False
            if " " not in head.strip(" `"):
                self.acted = self.acted or "a fence"
                self._held = rest
        self._state = _State.CODE
        return True

    def _code(self, final: bool) -> str:
        """Give out what cannot be the beginning of a closing fence any more."""
        text = self._held if self._line_start else "\0" + self._held
        end = _CLOSING.search(text)
        if end is not None:
            self._state, self._held = _State.DONE, ""
            self.acted = self.acted or "a closing fence"
            return text[: end.start()].lstrip("\0")
        keep = 0 if final else _may_become_fence(text)
        out, self._held = text[: len(text) - keep].lstrip("\0"), text[len(text) - keep :]
        last_line = out.rpartition("\n")[2]
        self._line_start = not last_line.strip() and (self._line_start or "\n" in out)
        return out


_TAIL = re.compile(r"(?:^|\n)[ \t]*(`{1,2})$")


def _may_become_fence(text: str) -> int:
    """How many characters at the end may still be the start of a closing fence."""
    match = _TAIL.search(text)
    return len(text) - match.start(1) if match else 0


def unfenced(text: str, language: str, *, prose: bool) -> tuple[str, str]:
    """The code in a whole answer and what was taken off ("" when nothing was)."""
    unfence = Unfence(language, prose=prose)
    return unfence.feed(text, final=True), unfence.acted
