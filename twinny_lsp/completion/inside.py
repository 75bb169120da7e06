"""Whether a place stands inside a comment or string of several lines, and with what that ends.

Read from the document's begin, by the marks of comments and strings alone: the language table says what
begins a comment, and a few lines here what begins a string that may have several lines. Strings of one line
are skipped, so that what looks like a mark in them is none. Not for code within a string (`${...}`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from twinny_lsp.completion.text import ESCAPED, LIFETIMES, normalised, words
from twinny_lsp.documents.snapshot import Snapshot
from twinny_lsp.languages import language as row_of

FARTHEST = 4096
"""Rows; farther down nothing is told: to read so much takes 5 ms, and to begin in the middle may be wrong."""

_BLOCK = 256
"""Rows that are read and remembered together."""

_TRIPLE = words(
    "python cython starlark mojo gdscript java kotlin scala swift csharp groovy julia elixir dart nim toml"
)
_TRIPLE_SINGLE = words("python cython starlark mojo gdscript groovy dart toml")
_BACKTICK = words("javascript javascriptreact typescript typescriptreact go vue svelte astro")
_HEREDOC = words("ruby crystal shellscript perl")
_STRINGS: dict[str, tuple[str, str]] = {
    "csharp": (r'@\$?"|\$@"', '"'),
    "rust": (r'\bb?r(#*)"', r'"\1'),
    "cpp": (r'\bR"(\w*)\(', r')\1"'),
    "lua": (r"\[(=*)\[", r"]\1]"),
    "php": (r"<<<\s*(?P<q>[\"']?)([A-Za-z_]\w*)(?P=q)", r"\n\2"),
    **dict.fromkeys(_HEREDOC, (r"<<[~-]?(?P<q>[\"']?)([A-Z_]\w*)(?P=q)", r"\n\2")),
}
"""Other strings: how one begins, and how what it has begun ends. A newline there: blanks may follow it."""

_LINE_STRING = ESCAPED + r"\"(?:\\.|[^\"\\\n])*+\"|'(?:\\.|[^'\\\n])*+'"
_LINE_STRING_OR_CHAR = ESCAPED + r"\"(?:\\.|[^\"\\\n])*+\"|'(?:\\.|[^'\\\n])'"


@dataclass(frozen=True, slots=True)
class Inside:
    """`closer` is what ends it; `comment`: it is a comment, else a string."""

    closer: str
    comment: bool


def inside(snapshot: Snapshot, selected: str = "") -> Inside | None:
    """What the cursor stands in, None for code. `selected` counts as typed."""
    language, row = snapshot.language, snapshot.row
    if row > FARTHEST or _marks(language) is None:
        return None
    state: Inside | None = None
    for start in range(0, row, _BLOCK):
        state = _after_rows(language, snapshot.lines[start : min(start + _BLOCK, row)], state)
    return after(language, normalised(snapshot.line_before + selected), state)


def closes_below(inside: Inside, below: tuple[str, ...], language: str) -> bool:
    """Whether what the cursor stands in is closed in the lines below it, and nothing else begun there."""
    closer, block = inside.closer.strip("\n"), row_of(language).block
    for line in map(str.strip, below):
        if inside.comment and block and block[0] in line:
            return False
        if closer in line:
            return inside.comment or _closes(line, closer)
    return False


def _closes(line: str, closer: str) -> bool:
    """Whether the mark ends a string in this line: alone, or behind text that begins none."""
    bare = line.rstrip(");, ")
    text = line[: line.index(closer)].rstrip()
    return bare == closer or (bare == text + closer and bool(text) and text[-1] not in "=(,:[{+")


@lru_cache(maxsize=128)
def _after_rows(language: str, lines: tuple[str, ...], state: Inside | None) -> Inside | None:
    return after(language, normalised("".join(lines)), state)


def after(language: str, text: str, state: Inside | None) -> Inside | None:
    """What the end of the text (line ends `\\n`) stands in, if its begin stands in `state`."""
    marks = _marks(language)
    at = 0
    while marks is not None:
        if state is not None:
            end = _end(state.closer, raw=language == "go").search(text, at)
            if end is None:
                return state
            at, state = end.end(), None
        found = marks.search(text, at)
        if found is None:
            return None
        at = found.end()
        state = _begun(language, found)
    return None


@lru_cache(maxsize=64)
def _marks(language: str) -> re.Pattern[str] | None:
    """What begins something that is no code; what the named groups begin may have several lines. None where
    nothing may.
    """
    row, parts = row_of(language), []
    if row.block:
        parts.append(f"(?P<comment>{re.escape(row.block[0])})")
    quotes = (language in _TRIPLE) * ['"""'] + (language in _TRIPLE_SINGLE) * ["'''"]
    quotes += (language in _BACKTICK) * ["`"]
    if quotes:
        parts.append(f"(?P<quote>{'|'.join(quotes)})")
    if language in _STRINGS:
        parts.append(f"(?P<string>{_STRINGS[language][0]})")
    if not parts:
        return None
    if row.line:
        parts.append(rf"{re.escape(row.line)}[^\n]*")
    parts.append(_LINE_STRING_OR_CHAR if language in LIFETIMES else _LINE_STRING)
    return re.compile("|".join(parts))


def _begun(language: str, found: re.Match[str]) -> Inside | None:
    kind = found.lastgroup
    if kind == "comment":
        block = row_of(language).block
        return Inside(block[1] if block else "", comment=True)
    if kind == "quote":
        return Inside(found.group(), comment=False)
    if kind == "string":
        begin, end = _STRINGS[language]
        match = re.match(begin, found.group())
        return Inside(match.expand(end), comment=False) if match else None
    return None


@lru_cache(maxsize=64)
def _end(closer: str, *, raw: bool) -> re.Pattern[str]:
    """What ends it. `raw`: a backslash does not take the mark its meaning."""
    if closer.startswith("\n"):
        return re.compile(rf"(?:\A|\n)[ \t]*{re.escape(closer[1:])}\b")
    escaped = not raw and closer in ('"""', "'''", "`")
    return re.compile((r"(?<!\\)" if escaped else "") + re.escape(closer))
