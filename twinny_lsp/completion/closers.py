"""Closing brackets, quotes and tags: which of a text's are one too many for what stands around it.

Editors put a closer right of the cursor when its opener is typed. A model that writes it once more either
ends there, or goes on behind it; then that closer may be replaced, and nothing else ever is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from twinny_lsp.completion.around import Around
from twinny_lsp.completion.blocks import opens_block
from twinny_lsp.completion.text import PAIRS, QUOTES, brackets, lead, unmatched_closers, width
from twinny_lsp.languages import language as row_of

_COMPLETE = (";", "}", ":", ">", "*/")
"""Ends of lines with which nothing goes on."""

_ONLY_CLOSERS = re.compile(r"[\s)\]}\"'`]*|\s*</[\w.:-]*>\s*")

_ANGLE = re.compile(r"[-=]>|[<>]=|<(?=\s)|(?<=\s)>|([<>])")
"""Arrows and comparisons, which open and close nothing; else a `<` or a `>`."""


@dataclass(frozen=True, slots=True)
class Bracket:
    """`width`: how far its line is indented, or None for a closer that does not begin its line."""

    char: str
    width: int | None


@dataclass(frozen=True, slots=True)
class Surplus:
    """`at`: where the first closer stands that is one too many. `chars`: all of them, in order."""

    at: int
    chars: str


def only_closers(after: str) -> bool:
    """Whether what stands right of the cursor is closers an editor may have put there, and nothing else."""
    return bool(after.strip()) and _ONLY_CLOSERS.fullmatch(after) is not None


@lru_cache(maxsize=8)
def awaited(lines: tuple[str, ...], language: str) -> tuple[Bracket, ...]:
    """What the open brackets wait for at the end of the lines, innermost last, with their openers' lines."""
    stack: list[Bracket] = []
    for line in _code(lines, language):
        at = width(line)
        for _, char in brackets(line, language):
            if char in PAIRS:
                stack.append(Bracket(PAIRS[char], at))
            else:
                _pop(stack, char)
    return tuple(stack)


def head_width(above: tuple[str, ...], line: str, language: str) -> int:
    """How far the statement is indented that ends with the line: of a wrapped head, its first line.

    That is where the line's closers find their openers, and farther up where a line less indented opens no
    block itself and is not complete.
    """
    stack = list(awaited(above, language))
    found = width(line)
    for _, char in unmatched_closers(line, language):
        if not stack or stack[-1].char != char:
            break
        found = min(found, stack.pop().width or 0)
    for each in reversed(above):
        if not each.strip() or width(each) >= found:
            continue
        inner = stack and stack[-1].width is not None and stack[-1].width >= width(each)
        if inner or each.rstrip().endswith(_COMPLETE) or opens_block(each, language):
            break
        found = width(each)
    return found


@lru_cache(maxsize=8)
def closing(lines: tuple[str, ...], language: str) -> tuple[Bracket, ...]:
    """The closers in the lines that close nothing in them, in order."""
    found: list[Bracket] = []
    stack: list[str] = []
    for line in _code(lines, language):
        start = len(lead(line))
        for index, char in brackets(line, language):
            if char in PAIRS:
                stack.append(PAIRS[char])
            elif stack and stack[-1] == char:
                stack.pop()
            elif stack:
                return tuple(found)  # what is no code (text, a comment) is counted no further
            else:
                found.append(Bracket(char, width(line) if index == start else None))
    return tuple(found)


def _code(lines: Sequence[str], language: str) -> Iterable[str]:
    comment = row_of(language).line
    return (line for line in lines if not (comment and line.lstrip().startswith(comment)))


def _pop(stack: list[Bracket], char: str) -> None:
    for index in range(len(stack) - 1, -1, -1):
        if stack[index].char == char:
            del stack[index:]
            return


def surplus(text: str, around: Around) -> Surplus | None:
    """The closers of the text that are one too many between what stands before and after the cursor."""
    quoted = _quote(text, around) or _angle(text, around)
    walk = _walk(text, around, quoted.at if quoted else 0)
    if walk is None or not walk.missing or len(walk.outer) < len(walk.missing):
        return quoted
    chosen = walk.outer[len(walk.outer) - len(walk.missing) :]
    if "".join(text[index] for index in chosen) != walk.missing:
        return quoted
    if quoted is None:
        return Surplus(chosen[0], walk.missing)
    return Surplus(quoted.at, quoted.chars + walk.missing)


def missing(text: str, around: Around) -> int:
    """How many closers after the cursor would find no opener any more."""
    walk = _walk(text, around, 0)
    return len(walk.missing) if walk is not None else 0


def _quote(text: str, around: Around) -> Surplus | None:
    """The end of a string that the quote right of the cursor ends already."""
    quote = around.after[:1]
    if not quote or quote not in QUOTES or around.before.count(quote) % 2 == 0:
        return None
    ends = [match.start() for match in re.finditer(rf"(?<!\\){re.escape(quote)}", text)]
    if len(ends) % 2 == 0 or "\n" in text[: ends[0]]:
        return None  # where another string begins, the quote right of the cursor ends that one
    if "\n" in text and not only_closers(around.after) and text.rpartition("\n")[2].count(quote) % 2 == 0:
        return None  # nor where it begins one itself, on another line
    return Surplus(ends[0], quote)


def _angle(text: str, around: Around) -> Surplus | None:
    """The end of a tag or of type arguments that the `>` right of the cursor ends already."""
    right = len(around.after) - len(around.after.lstrip(">"))
    opened = _angles(around.before)[0] if right else 0
    if not opened:
        return None
    left, outer = _angles(text, opened)
    missing = right - left
    if not 0 < missing <= len(outer):
        return None
    return Surplus(outer[len(outer) - missing], ">" * missing)


def _angles(text: str, opened: int = 0) -> tuple[int, list[int]]:
    """How many `<` are open after the text, and where it closes those `opened` before it."""
    own, outer = 0, list[int]()
    for match in _ANGLE.finditer(text):
        if match.group(1) == "<":
            own += 1
        elif match.group(1) == ">" and own:
            own -= 1
        elif match.group(1) == ">" and opened:
            opened -= 1
            outer.append(match.start())
    return opened + own, outer


@dataclass(frozen=True, slots=True)
class _Walk:
    """`missing`: the closers after the cursor without an opener. `outer`: where the text closes brackets of
    others.
    """

    missing: str
    outer: list[int]


def _walk(text: str, around: Around, start: int) -> _Walk | None:
    """Over the text from `start` on, then over what follows; None where the text makes no sense as code."""
    language = around.language
    before = len(around.before)
    stack = list(awaited(around.above, language))
    outer: list[int] = []
    closed: set[int] = set()
    right = ""
    joined = around.before + text + around.after
    for index, char in brackets(joined, language):
        if index >= before + len(text):
            right += char
        elif char in PAIRS:
            stack.append(Bracket(PAIRS[char], width(around.before) if index < before else None))
        elif stack and stack[-1].char == char:
            opened_at = stack.pop().width
            if opened_at is None or index < before:
                continue
            if _begins(joined, index) not in (None, opened_at):
                return None  # its opener is another one, out of sight
            if index >= before + start:
                outer.append(index - before)
                closed.add(opened_at)
        elif index >= before:
            return None
        else:
            _pop(stack, char)
    return _Walk(_missing(stack, right, closed, around), outer)


def _begins(text: str, index: int) -> int | None:
    """How far the line is indented that the character there begins; None if it begins none."""
    line = text[text.rfind("\n", 0, index) + 1 : index]
    return width(line) if not line.strip() else None


def _missing(stack: list[Bracket], right: str, closed: set[int], around: Around) -> str:
    """The closers after the cursor that find no opener any more.

    `closed`: how far the lines are indented whose brackets the text has closed.
    """
    inner: list[str] = []
    missing = ""
    for char in right:
        if char in PAIRS:
            inner.append(PAIRS[char])
        elif inner:
            inner.pop()
        elif stack and stack[-1].char == char:
            stack.pop()
        else:
            missing += char
    if missing or inner:
        return missing
    for closer in closing(around.below, around.language):
        opener = stack.pop() if stack else None
        if opener is None or opener.char != closer.char:
            # Out of sight, or something that is no code. A bracket of the same indentation was this one's.
            return closer.char if closer.width in closed else ""
        if closer.width is not None and opener.width is not None and closer.width > opener.width:
            return closer.char  # its own opener was closed in the text already
    return ""
