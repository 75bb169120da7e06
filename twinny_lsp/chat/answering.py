"""What is written into a chat document while an answer comes: the heading, what was sent, the text, notes.

Pure: pieces go in, text to append comes out. A line of the model's that would begin the user's next message
is escaped, a code fence it leaves open is closed, and blank lines are held back until something follows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from twinny_lsp.chat.document import BLOCK_END, NOTE, SENT, THINKING, YOU, YOU_LINE
from twinny_lsp.chat.fences import Fences
from twinny_lsp.exchange import Finish

_COULD_BE_YOU = re.compile(r"#{1,2}$|##[ \t]+(?:y(?:ou?)?)?$|##[ \t]+you(?:[ \t(#].*)?$", re.IGNORECASE)
_HEADING_SIGNS = re.compile(r"[\r\n#]+")
_UNWRITABLE = re.compile(r"[\r\0]")


def opening(model: str, sent: Sequence[str], summary: str, before: str = "") -> str:
    """What stands between the user's message and the answer's first character.

    `summary` "": nothing was sent. `before`: a fence to close.
    """
    name = " ".join(_HEADING_SIGNS.sub(" ", model).split()) or "model"
    items = "".join(f"- {line}\n" for line in sent)
    close = f"\n{before}" if before else ""
    block = f"{SENT} {summary}</summary>\n\n{items}\n{BLOCK_END}\n\n" if summary else ""
    return f"{close}\n\n## {name} ##\n\n{block}"


def closing() -> str:
    """What stands below the answer, so that the user can write on."""
    return f"\n\n{YOU}\n"


def note(text: str) -> str:
    """A line for the reader that no model is given."""
    return f"{NOTE} {' '.join(text.split())}"


def ending(finish: Finish | None, max_tokens: int, *, text: bool, thinking: bool) -> str:
    """The note at an answer's end, "" where there is nothing to say."""
    if finish is Finish.LENGTH:
        return f"The answer reached its limit of {max_tokens:,} tokens (`chat.maxTokens`, or the window)."
    if finish is Finish.INCOMPLETE:
        return "The connection broke off before the answer's end."
    if not text and thinking:
        return "The model only thought, and said nothing."
    return "" if text else "The model answered with nothing."


class AnswerText:
    """Makes the text of one answer. `show_thinking`: thinking goes into a folded block before it."""

    def __init__(self, *, show_thinking: bool) -> None:
        self._shows = show_thinking
        self._thinking = False
        self._fences = Fences()
        self._held = ""
        self._line = ""
        self._plain = False
        """The current line has been begun, or cannot be the user's heading any more."""
        self.written = False
        """Whether anything of the answer itself was."""

    def feed(self, text: str, thinking: str = "") -> str:
        """What to append for one piece."""
        made = ""
        if thinking and self._shows and not self.written:
            made += "" if self._thinking else f"{THINKING}</summary>\n\n"
            self._thinking = True
            made += _UNWRITABLE.sub("", thinking).replace(BLOCK_END, "&lt;/details>")
        text = _UNWRITABLE.sub("", text)
        if not self.written:
            text = (self._held + text).lstrip()
            self._held = ""
        if not text:
            return made
        if self._thinking:
            made += f"\n\n{BLOCK_END}\n\n"
            self._thinking = False
        self.written = True
        return made + self._append(text)

    def finish(self, said: str = "") -> str:
        """What to append at the end: what was held back, a fence that is open, and a note."""
        made = f"\n\n{BLOCK_END}" if self._thinking else ""
        self._thinking = False
        held = self._held.rstrip()
        made += self._escaped(held) if held else ""
        self._fences.feed(self._line + held)
        if self._fences.opened:
            made += f"\n{self._fences.opened}"
        if said:
            made += ("\n\n" if self.written or made else "") + note(said)
        self._held = ""
        return made

    def _append(self, text: str) -> str:
        buffer, self._held = self._held + text, ""
        ready = buffer.rstrip("\n")
        tail = buffer[len(ready) :]
        *lines, last = ready.split("\n")
        made = ""
        for line in lines:
            made += self._escaped(line) + "\n"
            self._fences.feed(self._line + line)
            self._line, self._plain = "", False
        if tail or self._plain or not _COULD_BE_YOU.match(last):
            made += self._escaped(last)
            self._line, self._plain = self._line + last, self._plain or bool(last)
            self._held = tail
        else:
            self._held = last
        return made

    def _escaped(self, line: str) -> str:
        return f"\\{line}" if not self._plain and not self._fences.opened and YOU_LINE.match(line) else line
