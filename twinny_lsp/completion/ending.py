"""Where the text of a shape ends, as it comes: a line at its newline, a block at its end, a whole answer
where the model stops or comes to what stands after the cursor.

Not for what is wrong within the text: that is the filters' business.
"""

from __future__ import annotations

import re

from twinny_lsp.completion.around import Around
from twinny_lsp.completion.blocks import ends_block, may_end, opens_block
from twinny_lsp.completion.closers import awaited, only_closers, surplus
from twinny_lsp.completion.returning import Return, returns
from twinny_lsp.completion.scope import Block, End
from twinny_lsp.completion.shape import Kind, Shape
from twinny_lsp.completion.text import width

_LEAST = 3
"""Letters and digits without which a part that comes back tells nothing."""

_FUNCTION = re.compile(
    r"^\s*(?:[\w.:<>,&*@\[\]()]+\s+)*(?:defp?|func|function|fn|fun|sub|proc|procedure|method|init|constructor)\b"
    r"|^(?!\s*(?:\} )?(?:if|else|for|foreach|while|switch|match|catch|do|try|using|lock|with)\b)"
    r".*(?:\)[^;(){}]*\{|=>\s*\{?)\s*$"
)
"""The head of a function, roughly: what it is taken for only says where a text has gone too far."""

_DEFINITION = re.compile(
    r"\s*(?:@|(?:async |export |pub |public |static )*(?:def|class|func|fn|function|import)\b)"
)


class Ending:
    """The end of one line, the rest of one, or a block."""

    def __init__(self, around: Around, shape: Shape) -> None:
        self._around = around
        self._shape = shape
        self._block = Block(around, shape) if shape.kind is Kind.BLOCK else None
        self._seen = 0

    def feed(self, text: str, *, final: bool) -> End | None:
        """The end in all of the text so far, None while it has not come. `final`: no more will come."""
        if self._block is not None:
            return self._block.feed(text, final=final)
        blank = self._around.blank
        start = len(text) - len(text.lstrip(" \t\n")) if blank else self._seen
        newline = text.find("\n", start)
        self._seen = len(text)
        if newline < 0:
            return End(len(text), "the model ended") if final else None
        self._block = self._below(text[:newline])
        if self._block is not None:
            return self._block.feed(text, final=final)
        return End(newline, "the line is complete")

    def _below(self, line: str) -> Block | None:
        """The block that goes on below the line that has ended here, if one may."""
        around, shape = self._around, self._shape
        if shape.kind is not Kind.LINE or shape.max_lines == 1:
            return None
        if not around.after.strip():
            if line.strip():
                return None
            complete = around.inside is not None or _complete(around)
            return Block(around, shape, below=True, deeper=not complete)
        if not only_closers(around.after) or not opens_block(around.before + line, around.language):
            return None
        over = surplus(line, around)
        if over is None or len(over.chars) < len(around.after.strip()):
            return None
        return Block(around, Shape(Kind.BLOCK, shape.why, opened=True))


def _complete(around: Around) -> bool:
    """Whether the cursor's line can be complete as it is."""
    if may_end(around.before, around.language):
        return True
    return any(each.char in ")]" for each in awaited((*around.above, around.before), around.language))


class Whole:
    """The end of an answer that a person asked for: the model's own, or where what stands below comes back.

    A model that does neither is stopped where it has left the function, and then as much is taken as would
    be of an automatic one. What comes back only in part counts if the text was cut off there.
    """

    def __init__(self, around: Around, shape: Shape) -> None:
        self._around = around
        self._shape = shape
        self._return = Return(around)
        self._floor = _function_width(around) + 1
        self._start = self._lines = 0
        self._left: int | None = None
        self._full: int | None = None
        self._after_end = False

    def feed(self, text: str, *, final: bool, stopped: bool = True) -> End | None:
        """Like Ending's. `stopped`: the model has ended the text by itself."""
        at = self._return.at(text)
        if at is not None:
            return End(at, "what stands after the cursor came back")
        self._read(text)
        if self._left is not None and not self._may_return(text, self._left):
            return self._taken(text, self._left)
        if self._full is not None:
            return self._taken(text, self._full)
        if final and not stopped:
            newline = text.rfind("\n")
            return self._taken(text, newline if newline >= 0 else len(text))
        return End(len(text), "the model ended") if final else None

    def _read(self, text: str) -> None:
        """Look at each new whole line: has the text left the function?"""
        while (newline := text.find("\n", self._start)) >= 0:
            line = text[self._start : newline]
            if self._start and line.strip():
                self._lines += 1
                if self._lines == self._shape.max_lines:
                    self._full = newline
                if width(line) < self._floor and self._left is None and self._leaves(line):
                    self._left = self._start
            self._after_end = not line.strip() or ends_block(line, self._around.language)
            self._start = newline + 1

    def _leaves(self, line: str) -> bool:
        """Whether a line at the margin is code after the function; text within strings stands there, too."""
        if ends_block(line, self._around.language) or line.startswith(("#", "\\")):
            return False
        return self._after_end or _DEFINITION.match(line) is not None

    def _may_return(self, text: str, at: int) -> bool:
        """Whether all of the text from there on, and something before it, may be what stands below."""
        first = next(returns(text, self._around.suffix), None)
        return first is not None and first <= at

    def _taken(self, text: str, limit: int) -> End:
        """As much of `text[:limit]` as an automatic request would take; or all of the text before what stands
        after the cursor, where that has begun to come back.
        """
        back = next((at for at in returns(text, self._around.suffix) if _tells(text[at:])), None)
        if back is not None:
            return End(back, "what stands after the cursor came back")
        end = Ending(self._around, self._shape).feed(text[:limit], final=True)
        return end or End(limit, "the model ended")


def _tells(part: str) -> bool:
    return sum(map(str.isalnum, part)) >= _LEAST


def _function_width(around: Around) -> int:
    """How far the outermost function around the cursor is indented; -1 where it is not seen whole."""
    lines = [line for line in (*around.above, around.before) if line.strip() and not line.startswith("#")]
    found, inner = -1, width(lines[-1]) if lines else 0
    for line in reversed(lines[:-1] if not around.blank else lines):
        at = width(line)
        if at < inner or (at == inner and around.blank and opens_block(line, around.language)):
            inner = at
            if _FUNCTION.search(line) is not None:
                found = at
    return found if inner == 0 else -1
