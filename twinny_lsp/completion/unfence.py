"""Takes code out of an answer that is written like chat: thoughts and sentences around it, a fence.

Works on a stream (`Unfence`) and on a whole text (`unfenced`) with the same code. What is in the fence comes
out as it is, to the character. Text that is not fenced passes through unchanged, and so does everything in
languages and documents whose own text has fences.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from twinny_lsp.completion.around import Around
from twinny_lsp.completion.blocks import PROSE
from twinny_lsp.completion.text import QUOTES, words

_FENCED = words("markdown mdx quarto rmd asciidoc typst org git-commit")
"""Languages of running text whose own text has fences."""

_LONGEST_PREAMBLE = 600
"""Characters of prose before a fence; an answer that has none by then is taken as it is."""

_THINK = re.compile(r"<(think|thinking|thought|reasoning)>")
_THINKS = ("<think>", "<thinking>", "<thought>", "<reasoning>")
_FENCE = re.compile(r"(`{3,}|~{3,})[^`\n]*(?:\n|$)")
_FENCE_LINE = re.compile(r"(?:^|\n)[ \t]*((`{3,}|~{3,})[^`\n]*)(?=\n)")
_INLINE = re.compile(r"(`{3,})([^`\n]+)\1[ \t]*(?:\n|$)")
_TAGS = ("<code>", "[PYTHON]", "[CODE]")
_WRAPPED = re.compile(r"(?:<code>|\[(PYTHON|CODE)\])(?:[ \t]*\n)?")
_BEGUN_WRAPPED = re.compile(r"(?:<code>|\[(?:PYTHON|CODE)\])[ \t]*")

_OPENINGS = {
    "": "Below is |You can |You should |Let's |Let me |Based on |As an |We can |We need |Looking at ",
    "%,|%!|%.|%:": "Sure|Certainly|Of course|Okay|OK|Yes",
    "Here% ": "'s| is| are| you",
    "The % ": "missing|complete|completed|following|code",
    "To % ": "complete|fill|finish|implement|make",
    "This % ": "is|code|completes|should|will|fills",
    "I% ": " have| will| would|'m| can| can't| cannot| am|'ve|'ll",
}
PHRASES = tuple(
    form.replace("%", word) if form else word
    for forms, words in _OPENINGS.items()
    for form in forms.split("|")
    for word in words.split("|")
)
"""How answers begin that talk before they write code, also where a sentence of the user's is to go on."""

_START = r"(?:[A-Z][a-z'’][\w'’]*|[AI])[,.!:]?"
_SENTENCE = re.compile(_START + r"(?: +[\w'’\"`*(][\w'’\"`*(),./:;!?-]*)*(?<=[.:!,*])|\*\*[A-Z][^*]+\*\*:?")
_BEGUN_SENTENCE = re.compile(
    _START + r"(?: +(?:[\w'’\"`*(][\w'’\"`*(),./:;!?-]*)?)*|[A-Z][a-z'’]*|\*\*?|\*\*[A-Z][^*=;]*\*{0,2}:?"
)
_COMMENT = re.compile(r"#|//|--|/\*|^\s*\*")


class _State(Enum):
    START = auto()
    CODE = auto()
    DONE = auto()


class Unfence:
    """Feed pieces, get code. `done` once the closing fence was seen; `acted` says what was taken off.

    `patient`: a newline before the fence is no reason to take it for code. `opened`: the code began with a
    fence. `loose`: there was none, and the last line end that was given out belongs to the closing one.
    """

    def __init__(self, around: Around, *, chat: bool = False, patient: bool = False) -> None:
        self._state = _State.START
        self._held = ""
        self._line_start = True
        self._chat = chat
        self._patient = chat or patient or around.blank
        self._within = around.language in PROSE or (_within_text(around.before) and not chat)
        own = any(line.lstrip().startswith("```") for line in (*around.above, *around.below))
        self._passive = around.language in _FENCED or own
        self._close_with("```", opened=False)
        self.acted = ""
        self.loose = False

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
        thinking = _THINK.match(start)
        if thinking:
            word = f"</{thinking.group(1)}>"
            thought = start.find(word)
            if thought < 0 and not final:
                return False
            self.acted = "thinking"
            self._held = start = start[thought + len(word) :].lstrip("\n") if thought >= 0 else ""
            start = start.lstrip()
        blanks = self._held[: len(self._held) - len(start)]
        if "\n" in blanks and not (self._patient or self.acted):
            return self._go()  # the begun line has ended: what stands in the next one is not waited for
        if not start:
            return final
        begun = any(word.startswith(start) for word in ("```", "~~~", *_TAGS, *_THINKS))
        if not final and (begun or _BEGUN_WRAPPED.fullmatch(start)):
            return False
        if (waits := self._talk(start, final)) is not None:
            if waits:
                return False
            start = self._held
        return self._open(start, final)

    def _open(self, start: str, final: bool) -> bool:
        if self.acted == "thinking":
            self._held = start
        inline = _INLINE.match(start)
        if inline and (inline.group().endswith("\n") or final):
            self.acted = self.acted or "a fence"
            self._held = inline.group(2) + "\n" + inline.group(1)
            return self._go()
        fence = _FENCE.match(start)
        if fence:
            if not fence.group().endswith("\n") and not final:
                return False
            self.acted = self.acted or "a fence"
            self._held = start[fence.end() :]
            self._close_with(start[0] * 3, opened=True)
        elif start.startswith("```") and not final and "\n" not in start:
            return False
        elif (wrapped := _WRAPPED.match(start)) and (self._chat or wrapped.group(1)):
            self.acted = self.acted or "tags around the code"
            self._held = start[wrapped.end() :]
            name = wrapped.group(1)
            self._close_with(f"[/{name}]" if name else "</code>", opened=True)
        return self._go()

    def _go(self) -> bool:
        self._state = _State.CODE
        return True

    def _talk(self, start: str, final: bool) -> bool | None:
        """Whether to wait for a fence after words for people: None when they are none.

        False when the fence is there; then the words are taken off.
        """
        fence = _FENCE_LINE.search(start)
        if fence and fence.start():
            if all(_talks(line, self._within) for line in start[: fence.start()].split("\n") if line.strip()):
                self.acted = "prose before the code"
                self._held = start[fence.start(1) :]
                return False
            return None
        if final or len(start) > _LONGEST_PREAMBLE:
            return None
        *whole, last = start.split("\n")
        filled = [line for line in whole if line.strip()]
        if not all(_talks(line, self._within) for line in filled):
            return None
        fenced = last.lstrip()[:3] in ("```"[: len(last.strip())], "~~~"[: len(last.strip())])
        begun = not last.strip() or fenced or _may_talk(last, self._within)
        return True if begun else None

    def _code(self, final: bool) -> str:
        """Give out what cannot be the beginning of the closing mark any more."""
        text = self._held if self._line_start else "\0" + self._held
        end = self._closing.search(text)
        if end is not None:
            self._state, self._held = _State.DONE, ""
            self.acted = self.acted or "a closing fence"
            out = text[: end.start()].lstrip("\0")
            # Before a lone closing mark the line end is given out, as it is when it comes before the mark.
            self.loose = not self.opened
            return out + "\n" if self.loose and end.group().startswith("\n") else out
        keep = 0 if final else _may_become(text, self._mark, opened=self.opened)
        out, self._held = text[: len(text) - keep].lstrip("\0"), text[len(text) - keep :].lstrip("\0")
        if out:
            last_line = out.rpartition("\n")[2]
            self._line_start = not last_line.strip() and (self._line_start or "\n" in out)
        # A fence that was not closed: the last line end was to come before it.
        return out.removesuffix("\n") if final and self.opened else out

    def _close_with(self, mark: str, *, opened: bool) -> None:
        self._mark, self.opened = mark, opened
        line = rf"(?:^|\n)[ \t]*{re.escape(mark)}"
        self._closing = re.compile(line + (f"|{re.escape(mark)}" if opened else ""))


def _may_become(text: str, mark: str, *, opened: bool) -> int:
    """How many characters at the end may still be the start of what closes the code.

    A line end before it belongs to it, but is only waited for where a fence was opened.
    """
    size = next(size for size in range(len(mark) - 1, -1, -1) if text.endswith(mark[:size]))
    body = text[: len(text) - size].rstrip(" \t")
    if body.endswith("\n") or not body:
        return len(text) - len(body) + (1 if body and opened else 0) if opened or size else 0
    return size if opened else 0


def _talks(line: str, within: bool) -> bool:
    """Whether a whole line is words for people. `within`: the cursor stands where sentences are meant."""
    text = line.strip()
    return text.startswith(PHRASES) or (not within and _SENTENCE.fullmatch(text) is not None)


def _may_talk(begun: str, within: bool) -> bool:
    text = begun.lstrip()
    if text.startswith(PHRASES) or any(phrase.startswith(text) for phrase in PHRASES):
        return True
    return not within and _BEGUN_SENTENCE.fullmatch(text) is not None


def _within_text(before: str) -> bool:
    """Whether the cursor stands in a string or a comment, where sentences are meant."""
    return any(before.count(quote) % 2 for quote in QUOTES) or _COMMENT.search(before) is not None


def without_end(text: str) -> str:
    """The text without its last line end and the blanks after it."""
    return text.rstrip(" \t").removesuffix("\n")


def unfenced(text: str, around: Around, *, chat: bool, patient: bool) -> tuple[str, str]:
    """The code in a whole answer and what was taken off ("" when nothing was)."""
    unfence = Unfence(around, chat=chat, patient=patient)
    code = unfence.feed(text, final=True)
    return without_end(code) if unfence.loose else code, unfence.acted
