"""Which of an answer's blocks is the code that was asked for.

A model may show the code as it was, two ways to do it, a step at a time, how to run it. Chosen is what is
certain; what is not is told. Not for cutting a block to size (boundaries.py, splice.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from twinny_lsp.chat.edits.answers import Block, tag_language
from twinny_lsp.chat.edits.passage import Passage
from twinny_lsp.completion.text import without_terminator, words
from twinny_lsp.context.outline import Kind, definitions

_TALK = words("plaintext output console terminal shell-session error traceback stdout")
_SHELLS = words("shellscript fish bat powershell nushell")
_WITH_COMMANDS = _SHELLS | words("dockerfile makefile yaml just")
_WORD = re.compile(r"[^\W\d]\w*")
_COMMON = words(
    "def return if else for in while class function self this const let var import from async await new true "
    "false none null fn func fun end do then public private static void int str string float bool print and "
    "or not is as with try except catch finally elif pass lambda type struct enum impl pub mut"
)
_FEW = 3
"""Words of its own without which nothing can be told of what an answer has of them."""
_CONTAINS = 0.9
"""Of a block's lines, so many are in the one that is all of it."""
_CLEAR, _RIVAL = 0.4, 0.7
"""How much of the code's words the best block has at least, and the next best at most, compared with it."""


def candidates(blocks: Sequence[Block], passage: Passage) -> list[Block]:
    """The blocks that may be code of the passage: not commands and their output, and not empty."""
    filled = [block for block in blocks if block.text.strip()]
    return [block for block in filled if not _is_foreign(tag_language(block.tag), passage.language)]


def chosen(blocks: Sequence[Block], passage: Passage) -> Block | None:
    """The one block that is meant, made of several where each is a part; None when it is not certain."""
    blocks = _once(blocks)
    if len(blocks) > 1:
        blocks = [block for block in blocks if not same(block.text, passage.original)] or blocks[:1]
    if len(blocks) <= 1:
        return blocks[0] if blocks else None
    return _covering(blocks) or _by_names(blocks, passage) or _by_words(blocks, passage)


def _once(blocks: Sequence[Block]) -> list[Block]:
    """Each block once: weak models repeat themselves until they are cut off, in the middle of one."""
    kept: list[Block] = []
    for block in blocks:
        begun = "" if block.closed else block.text.strip()
        repeats = any(same(block.text, other.text) for other in kept)
        if not repeats and not (begun and any(other.text.strip().startswith(begun) for other in kept)):
            kept.append(block)
    return kept


def same(text: str, other: str) -> bool:
    """Whether two texts differ in blanks at the ends of lines and blank lines around, at most."""
    return _bare(text) == _bare(other)


@dataclass(frozen=True, slots=True)
class Names:
    """The functions and types that a passage defines itself, with their rows in it.

    `member`: it stands within a type, so that these are methods, which look different in some languages.
    """

    rows: Mapping[str, int]
    member: bool


@lru_cache(maxsize=2)
def own_names(passage: Passage) -> Names:
    """What the passage defines, read in its document."""
    first, last = passage.span.start[0], passage.span.end[0]
    found = definitions([without_terminator(line) for line in passage.lines], passage.language)
    here = [one for one in found if first <= one.row <= last and one.kind is not Kind.VALUE]
    outer = [one for one in here if not first <= one.owner <= last]
    return Names({one.name: one.row - first for one in outer}, any(one.owner >= 0 for one in outer))


def names(lines: Sequence[str], language: str, *, member: bool = False) -> dict[str, int]:
    """The functions and types that the lines define at their margin, with their rows.

    `member`: they are read as if they stood in a type.
    """
    if member:
        lines = ["class Outer {", *(f"\t{line}" for line in lines), "}"]
    found = definitions(lines, language)
    owner = 0 if member else -1
    return {one.name: one.row - member for one in found if one.owner == owner and one.kind is not Kind.VALUE}


def members(lines: Sequence[str], language: str) -> dict[str, int]:
    """Those that it defines inside of types; a name that occurs twice is left out."""
    found = [one for one in definitions(lines, language) if one.owner >= 0 and one.kind is not Kind.VALUE]
    counts = Counter(one.name for one in found)
    return {one.name: one.row for one in found if counts[one.name] == 1}


def coverage(text: str, passage: Passage) -> float:
    """How much of the passage's own words is in the text: 0 to 1; 1 where it has next to none."""
    own = _words(passage.original)
    return len(own & _words(text)) / len(own) if len(own) >= _FEW else 1.0


def _words(text: str) -> set[str]:
    """The names in a text, without the words that every program has."""
    return set(_WORD.findall(text.casefold())) - _COMMON


def _is_foreign(tag: str, language: str) -> bool:
    if not tag or tag == language:
        return False
    return tag in _TALK or (tag in _SHELLS and language not in _WITH_COMMANDS)


def _bare(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return "\n".join(lines).strip("\n").split("\n")


def _covering(blocks: Sequence[Block]) -> Block | None:
    """The block that has all of the others in it; the last of such, as a model ends with the whole."""
    lines = [_filled(block) for block in blocks]
    for at in range(len(blocks) - 1, -1, -1):
        others = [each for index, each in enumerate(lines) if index != at]
        if all(len(each & lines[at]) >= _CONTAINS * len(each) for each in others):
            return blocks[at]
    return None


def _filled(block: Block) -> set[str]:
    return {line.strip() for line in block.text.split("\n") if line.strip()}


def _by_names(blocks: Sequence[Block], passage: Passage) -> Block | None:
    """The only block that defines what the passage defines, or all of them, each a part of it."""
    own = own_names(passage)
    wanted = own.rows
    if not wanted:
        return None
    defined = [
        names(block.text.split("\n"), passage.language, member=own.member).keys() & wanted.keys()
        for block in blocks
    ]
    having = [(block, each) for block, each in zip(blocks, defined, strict=True) if each]
    if len(having) == 1 and having[0][1] == set(wanted):
        return having[0][0]
    if sum(len(each) for _, each in having) != len(wanted) or len(having) < 2:
        return None
    order = list(wanted)
    having.sort(key=lambda pair: min(order.index(name) for name in pair[1]))
    gap = "\n" * (3 if passage.language == "python" else 2)
    parts = [block.text.strip("\n") for block, _ in having]
    return Block(having[0][0].tag, gap.join(parts), all(block.closed for block, _ in having))


def _by_words(blocks: Sequence[Block], passage: Passage) -> Block | None:
    ranked = sorted(((coverage(block.text, passage), block) for block in blocks), key=lambda each: -each[0])
    (best, block), (next_best, _) = ranked[:2]
    return block if best >= _CLEAR and next_best <= _RIVAL * best else None
