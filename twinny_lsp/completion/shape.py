"""How much is wanted: nothing, the rest of a line, one line, or a block. Decided from the text before asking.

No grammar and no language's node names: indentation, brackets, what stands right of the cursor, whether that
is inside a comment or string, and a few words that open blocks.

An automatic request gets nothing where text other than closers stands right of the cursor: a suggestion there
is wrong more often than it is right, and cannot be shown without rewriting what is there. An explicit request
always gets something, and `whole`: what belongs there may go over blank lines and end in the middle of a line
further down, so it is read until the model stops or comes to what stands after the cursor.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from twinny_lsp.completion.around import Around
from twinny_lsp.completion.blocks import opens_block
from twinny_lsp.completion.inside import Inside
from twinny_lsp.completion.text import unclosed, width
from twinny_lsp.config.resolved import Multiline

MAX_LINES = 40
"""A block longer than this is not read by anyone; the stream is closed there."""


class Kind(StrEnum):
    """NOTHING: not asked. REST: within a line, up to what stands right of the cursor. LINE: one line, or the
    lines below it where it is complete. BLOCK: several lines.
    """

    NOTHING = "nothing"
    REST = "rest of the line"
    LINE = "line"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Shape:
    """`opened`: the block was opened just before the cursor, so that it ends where the block closes;
    else it is a paragraph, which ends at a blank line. `why` is for people.

    `whole`: `kind` is only how much is taken where the text itself does not tell its end (see whole.py).
    """

    kind: Kind
    why: str
    opened: bool = False
    max_lines: int = MAX_LINES
    whole: bool = False

    @property
    def several(self) -> bool:
        """Whether the text may well have several lines."""
        return self.whole or self.kind is Kind.BLOCK


_CLOSERS_RIGHT = re.compile(r"(?:</[\w.:-]*>|[\s)\]}>\"'`])*+[:{;,]?\s*")
"""Right of an automatic request: closers (also of tags), then at most one of `: { ; ,`."""


def decide(around: Around, multiline: Multiline, *, invoked: bool = False) -> Shape:
    """The shape for this place. `multiline` is the user's setting; `invoked`: a person asked for it."""
    rest = around.after.strip()
    real = bool(rest) and _CLOSERS_RIGHT.fullmatch(around.after) is None
    if real and not invoked:
        return Shape(Kind.NOTHING, "text stands right of the cursor: only asked for on request")
    shape = Shape(Kind.REST, "text stands right of the cursor") if real else _by_line(around, multiline)
    if multiline is Multiline.NEVER:
        return replace(shape, max_lines=1)
    return replace(shape, whole=invoked)


def _by_line(around: Around, multiline: Multiline) -> Shape:
    if multiline is Multiline.NEVER:
        return Shape(Kind.LINE, "settings: one line only")
    if around.after.strip():
        return Shape(Kind.LINE, "within brackets")
    if around.inside is not None:
        return _inside(around, around.inside, multiline)
    if around.own_line:
        opened = _opened_above(around)
        why = "an opened block" if opened else "a blank line" if around.blank else "a statement just begun"
        return Shape(Kind.BLOCK, why, opened)
    opened = opens_block(around.before, around.language, around.above)
    if opened and not (around.before.rstrip().endswith(("->", "=>")) and unclosed(around.before)):
        return Shape(Kind.BLOCK, "an opened block", opened=True)
    if multiline is Multiline.ALWAYS:
        return Shape(Kind.BLOCK, "settings: always several lines")
    return Shape(Kind.LINE, "a begun line")


def _inside(around: Around, inside: Inside, multiline: Multiline) -> Shape:
    """Within a comment or string no line opens a block, whatever it looks like."""
    several = around.own_line or multiline is Multiline.ALWAYS
    why = f"within a {'comment' if inside.comment else 'string'} of several lines"
    return Shape(Kind.BLOCK if several else Kind.LINE, why)


def _opened_above(around: Around) -> bool:
    """Whether the nearest line above opens the block that the cursor stands in."""
    above = around.last_line
    deeper = bool(above) and width(around.before) > width(above)
    return deeper or opens_block(above, around.language, around.above)
