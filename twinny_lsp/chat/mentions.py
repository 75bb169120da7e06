"""`@file:src/a.py` and its like in a user's message: where they stand, and how they are completed. Pure.

What they stand for is attachments.py's. In code, a mention is code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from twinny_lsp.chat.fences import Fences


class Kind(StrEnum):
    """What can be mentioned; the values are the words after the `@`."""

    FILE = "file"
    SELECTION = "selection"
    OPEN = "open"
    DIAGNOSTICS = "diagnostics"
    DIFF = "diff"
    SYMBOL = "symbol"
    WORKSPACE = "workspace"


TOLD = {
    Kind.FILE: "a file, or some of its lines: @file:src/a.py:10-20",
    Kind.SELECTION: "what was selected last",
    Kind.OPEN: "the open files",
    Kind.DIAGNOSTICS: "errors and warnings the editor has told of",
    Kind.DIFF: "what was changed since the last commit",
    Kind.SYMBOL: "a definition by its name: @symbol:parse",
    Kind.WORKSPACE: "the places in this project that fit the question after it",
}
LASTING = frozenset({Kind.FILE, Kind.SYMBOL})
"""They name something: looked up again with every message. The others mean what was at that moment."""
_TAKES_NAME = LASTING

_MENTION = re.compile(
    rf"(?<![\w@/.`])@(?P<kind>{'|'.join(Kind)})\b(?![\w/-])(?::(?:\"(?P<quoted>[^\"\n]+)\"|(?P<bare>[^\s\"`]+))"
    r"(?P<after>:\d+(?:-\d+)?)?)?"
)
_ROWS = re.compile(r":(?P<first>\d+)(?:-(?P<last>\d+))?$")
_BEGUN = re.compile(r"(?:^|(?<![\w@/.`]))@(?P<word>[a-z]*)(?::(?P<name>\"?[^\s\"`]*))?$")


@dataclass(frozen=True, slots=True)
class Mention:
    """`text` is as it was written. `name`: a path, a symbol, or the question; `rows`, from 0: of files."""

    kind: Kind
    name: str
    text: str
    rows: range | None = None


def find(text: str) -> tuple[Mention, ...]:
    """The mentions in a message, in order, each once."""
    return tuple(dict.fromkeys(_all(text)))


def _all(text: str) -> Iterator[Mention]:
    fences = Fences()
    for line in text.split("\n"):
        if fences.feed(line):
            continue
        for match in _MENTION.finditer(line):
            if line.count("`", 0, match.start()) % 2:
                continue
            kind = Kind(match["kind"])
            if kind is Kind.WORKSPACE:
                yield Mention(kind, line[match.end() :].strip(), match[0])
            elif kind in _TAKES_NAME:
                if found := _named(kind, match):
                    yield found
            else:
                yield Mention(kind, "", f"@{kind}")


def _named(kind: Kind, match: re.Match[str]) -> Mention | None:
    """A mention with its name; the sentence's own marks after it are no part of it."""
    text = match[0] if match["quoted"] else match[0].rstrip(".,;:!?)]}'*_>")
    name = match["quoted"] or text.partition(":")[2]
    rows = None
    if kind is Kind.FILE:
        tail = match["after"] if match["quoted"] else name
        numbers = _ROWS.search(tail or "")
        if numbers:
            name = name if match["quoted"] else name[: numbers.start()]
            first = int(numbers["first"])
            rows = range(max(first - 1, 0), max(int(numbers["last"] or first), first, 1))
    return Mention(kind, name.removeprefix("./"), text, rows) if name else None


def file_mention(path: str, rows: range | None = None) -> str:
    """How a file, or some rows of it, is mentioned."""
    name = f'"{path}"' if re.search(r"[\s\"`]|[.,;:!?)\]}'*_>]$", path) else path
    lines = "" if rows is None else f":{rows.start + 1}-{rows.stop}"
    return f"@{Kind.FILE}:{name}{lines}"


@dataclass(frozen=True, slots=True)
class Begun:
    """A mention that is being typed: it begins `length` characters before the cursor.

    `kind` None: the word itself is being typed, and `typed` is what there is of it, else of the name.
    """

    kind: Kind | None
    typed: str
    length: int


def begun(line_before: str) -> Begun | None:
    """The mention that ends at the cursor, if one is being typed there."""
    match = _BEGUN.search(line_before)
    if match is None or line_before.count("`", 0, match.start()) % 2:
        return None
    length = len(line_before) - line_before.rindex("@", 0, match.end("word"))
    if match["name"] is None:
        return Begun(None, match["word"], length)
    if match["word"] not in _TAKES_NAME:
        return None
    return Begun(Kind(match["word"]), match["name"].lstrip('"'), length)
