"""How much is wanted: the rest of a line, one line, or a block. Decided from the text before asking.

No grammar and no language's node names: indentation, brackets, and a few words that open blocks. A finer
decision (a syntax tree on a window) can replace `decide` without its callers noticing.

Automatic requests are not asked at all where text other than closers stands right of the cursor: a
suggestion there is wrong more often than it is right, and cannot be shown without rewriting what is there.
An explicit request always gets one, up to the end of the line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from twinny_lsp.completion.around import Around
from twinny_lsp.completion.text import unclosed
from twinny_lsp.config.resolved import Multiline

MAX_LINES = 40
"""A block longer than this is not read by anyone; the stream is closed there."""


class Kind(StrEnum):
    """REST: within a line, up to what stands right of the cursor. LINE: one line. BLOCK: several lines."""

    REST = "rest of the line"
    LINE = "line"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Shape:
    """`opened`: the block was opened just before the cursor, so that it ends where the block closes;
    else it is a paragraph, which ends at a blank line. `why` is for people.
    """

    kind: Kind
    why: str
    opened: bool = False
    max_lines: int = MAX_LINES


_CLOSERS_RIGHT = re.compile(r"(?:</[\w.:-]*>|[\s)\]}>\"'`])*[:{;,]?\s*")
"""Right of an automatic request: closers (also of tags), then at most one of `: { ; ,`."""

_COLON = frozenset(
    [
        "python",
        "cython",
        "starlark",
        "bazel",
        "gdscript",
        "nim",
        "mojo",
        "coffeescript",
        "pug",
        "sass",
        "haml",
        "jinja",
        "yaml",
        "snakemake",
    ]
)
"""Languages where a colon at the end of a line opens an indented block."""

_COLON_WORD = re.compile(
    r"\s*(async|class|case|def|elif|else|except|finally|for|if|match|match\b.*|try|while|with|func|proc|when)\b"
)
_END = re.compile(r"\s*(end|done|fi|esac|endif|endfunction|endwhile|endfor|endfunc|until)\b")
END_WORDS = frozenset(
    [
        "ruby",
        "crystal",
        "lua",
        "julia",
        "elixir",
        "shellscript",
        "bash",
        "zsh",
        "vim",
        "viml",
        "fortran",
        "matlab",
        "octave",
    ]
)
"""Languages whose blocks are closed by a word."""

_WORD_OPENERS: dict[str, re.Pattern[str]] = {
    "shell": re.compile(r"(\b(then|do|else)|\bin|\{)\s*$"),
    "ruby": re.compile(
        r"^\s*(def|class|module|if|unless|while|until|case|begin|for|else|elsif|when|rescue|ensure)\b"
        r"|\bdo(\s*\|[^|]*\|)?\s*$"
    ),
    "lua": re.compile(r"\b(then|do|else|repeat)\s*$|\bfunction\b[^()]*\([^()]*\)\s*$"),
    "elixir": re.compile(r"\b(do|else|rescue|after|fn.*->)\s*$"),
    "julia": re.compile(
        r"^\s*(function|if|for|while|struct|mutable|module|begin|let|try|else|elseif|catch)\b"
    ),
}
_FAMILY = {"shellscript": "shell", "bash": "shell", "zsh": "shell", "sh": "shell", "crystal": "ruby"}


def right_allows_automatic(around: Around) -> bool:
    """Whether what stands right of the cursor lets an automatic request be asked."""
    return _CLOSERS_RIGHT.fullmatch(around.after) is not None


def opens_block(line: str, language: str) -> bool:
    """Whether the text of this line opens a block whose body comes on the next lines."""
    code = line.rstrip()
    if not code.strip():
        return False
    if code.endswith(("{", "(", "[", "=>", "->")):
        return True
    if code.endswith(":") and language in _COLON:
        return language == "yaml" or _COLON_WORD.match(code) is not None
    words = _WORD_OPENERS.get(_FAMILY.get(language, language))
    if words is None or words.search(code) is None:
        return False
    return re.search(r"\bend\s*$", code) is None


def ends_block(line: str, language: str) -> bool:
    """Whether the line begins by closing a block: a closing bracket or a word such as `end`."""
    start = line.lstrip()
    return start[:1] in set(")]}") or (language in END_WORDS and _END.match(line) is not None)


def decide(around: Around, multiline: Multiline) -> Shape:
    """The shape for this place. `multiline` is the user's setting."""
    rest = around.after.strip()
    if rest and not right_allows_automatic(around):
        return Shape(Kind.REST, "text stands right of the cursor")
    if multiline is Multiline.NEVER:
        return Shape(Kind.LINE, "settings: one line only")
    if rest:
        return Shape(Kind.LINE, "within brackets")
    if around.blank:
        opened = opens_block(around.last_line, around.language)
        return Shape(Kind.BLOCK, "an opened block" if opened else "a blank line", opened)
    opened = opens_block(around.before, around.language)
    if opened and not (around.before.rstrip().endswith(("->", "=>")) and unclosed(around.before)):
        return Shape(Kind.BLOCK, "an opened block", opened=True)
    if multiline is Multiline.ALWAYS:
        return Shape(Kind.BLOCK, "settings: always several lines")
    return Shape(Kind.LINE, "a begun line")
