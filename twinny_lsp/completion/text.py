"""Small questions about lines of code that shape, cutter and filters all ask.

Pure, and about text only: no positions, no documents, no languages' grammars. Lines are ended by
`\\n`, `\\r\\n` and `\\r` and by nothing else (not by form feeds or U+2028, which code may hold).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

TAB = 4
"""How many columns a tab counts when indentations are compared; any number > 1 orders them alike."""

PAIRS = {"(": ")", "[": "]", "{": "}"}
CLOSERS = frozenset(PAIRS.values())
QUOTES = "\"'`"

_TERMINATOR = re.compile(r"\r\n|\r|\n")
ESCAPED = r"\\[\\\"'`]|"
"""Begins no string. It also keeps the search for a string's end from being made anew at each of them."""
_STRING_OR_BRACKET = re.compile(
    ESCAPED + r"\"(?:\\.|[^\"\\\n])*+\"|'(?:\\.|[^'\\\n])*+'|`(?:\\.|[^`\\\n])*+`|[()\[\]{}]"
)
_CHAR_OR_BRACKET = re.compile(ESCAPED + r"\"(?:\\.|[^\"\\\n])*+\"|'(?:\\.|[^'\\\n])'|[()\[\]{}]")
LIFETIMES = frozenset({"rust", "ocaml", "haskell", "fsharp", "clojure", "lisp", "scheme", "emacs-lisp"})
"""Languages where a lone ' is not the start of a string."""


def words(text: str) -> frozenset[str]:
    """The words of a text, for tables."""
    return frozenset(text.split())


def normalised(text: str) -> str:
    """The text with every line end as `\\n`."""
    return _TERMINATOR.sub("\n", text) if "\r" in text else text


def without_terminator(line: str) -> str:
    """The line without its line end."""
    return line.rstrip("\r\n")


def newline_style(lines: Sequence[str]) -> str:
    """The line end the document uses (its first one); `\\n` where it has none."""
    for line in lines:
        bare = line.rstrip("\r\n")
        if len(bare) < len(line):
            return line[len(bare) :]
    return "\n"


def lead(line: str) -> str:
    """The blanks a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def width(line: str) -> int:
    """How far a line is indented, in columns."""
    return len(lead(line).expandtabs(TAB))


def first_filled(lines: Iterable[str]) -> str | None:
    """The first line that is not blank."""
    return next((line for line in lines if line.strip()), None)


def brackets(text: str, language: str = "") -> list[tuple[int, str]]:
    """The brackets in the text outside of string literals: (index, character), in order."""
    pattern = _CHAR_OR_BRACKET if language in LIFETIMES else _STRING_OR_BRACKET
    return [(match.start(), match.group()) for match in pattern.finditer(text) if len(match.group()) == 1]


def follow(stack: list[str], text: str, language: str = "") -> None:
    """Carry the stack of awaited closers over the text, innermost last."""
    for _, char in brackets(text, language):
        _step(stack, char)


def unclosed(text: str, language: str = "") -> list[str]:
    """The closers that the text's open brackets still wait for, innermost last."""
    stack: list[str] = []
    follow(stack, text, language)
    return stack


def unmatched_closers(text: str, language: str = "") -> list[tuple[int, str]]:
    """Closers in the text that close nothing in it: (index, character), in order."""
    stack: list[str] = []
    return [(index, char) for index, char in brackets(text, language) if not _step(stack, char)]


def _step(stack: list[str], char: str) -> bool:
    """Take one bracket; False for a closer that closes nothing."""
    if char in PAIRS:
        stack.append(PAIRS[char])
        return True
    if char not in stack:
        return False
    while stack.pop() != char:
        pass
    return True


def is_word(char: str) -> bool:
    """Whether the character is part of a word; "" is none."""
    return char.isalnum() or char == "_"
