"""Which white space around tags disappears: Handlebars' own rules, on a parse tree.

`~` eats all white space on its side. A block's tag or a comment alone on its line takes the line with it
(indentation before, line break after). pybars has rules of its own that differ (it also looks across
tags and joins lines), so the guard applies these before anything is rendered, and what the
author of a template sees in Handlebars is what comes out here.

Not for parsing and not for user's code: only a template's own text is ever changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# JavaScript's \s, which is neither Python's nor str.isspace()'s.
_SPACE = (
    "\t\n\v\f\r \u00a0\u1680"
    + "".join(map(chr, range(0x2000, 0x200B)))
    + "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_LEADING = re.compile(rf"[{_SPACE}]+")
_LINE_AFTER = re.compile(r"[ \t]*\r?\n?")
_NEXT_IS_BREAK = re.compile(rf"[{_SPACE}]*?\r?\n")
_NEXT_IS_BREAK_OR_END = re.compile(rf"[{_SPACE}]*?(?:\r?\n|\Z)")


@dataclass(slots=True)
class Content:
    """Text between tags; `original` is what was written, `value` what is left of it."""

    original: str
    value: str
    right_stripped: bool = False
    left_stripped: bool = False


@dataclass(slots=True)
class Strip:
    """The `~` of one tag: `left` eats the white space before it, `right` that after it."""

    left: bool
    right: bool


@dataclass(slots=True)
class Tag:
    """`{{{name}}}`, or a comment (`name` is then None)."""

    name: str | None
    strip: Strip
    line: int


@dataclass(slots=True)
class Block:
    """`{{#kind argument}} body {{else}} inverse {{/kind}}`; `inverse` is None without an else."""

    kind: str
    argument: str
    line: int
    opened: Strip
    body: list[Part] = field(default_factory=list)
    inverse: list[Part] | None = None
    middle: Strip | None = None
    closed: Strip = field(default_factory=lambda: Strip(False, False))


Part = Content | Tag | Block


def strip_whitespace(parts: list[Part], root: bool = True) -> None:
    """Apply the rules to `parts` and to all blocks inside, in place."""
    for index, part in enumerate(parts):
        if isinstance(part, Content):
            continue
        opens = closes = alone = False
        if isinstance(part, Block):
            opens, closes = _strip_block(part)
            left, right = part.opened.left, part.closed.right
        else:
            alone = part.name is None
            left, right = part.strip.left, part.strip.right
        before = _ends_line_before(parts, index, root)
        after = _begins_line_after(parts, index, root)
        if right:
            _omit_right(parts, index + 1, everything=True)
        if left:
            _omit_left(parts, index - 1, everything=True)
        if alone and before and after:
            _omit_right(parts, index + 1)
            _omit_left(parts, index - 1)
        if isinstance(part, Block):
            if opens and before:
                _omit_right(part.body, 0)
                _omit_left(parts, index - 1)
            if closes and after:
                _omit_right(parts, index + 1)
                last = part.body if part.inverse is None else part.inverse
                _omit_left(last, len(last) - 1)


def _strip_block(block: Block) -> tuple[bool, bool]:
    """Strip inside `block`; whether its first and its last tag may stand alone, seen from inside."""
    strip_whitespace(block.body, root=False)
    if block.inverse is not None:
        strip_whitespace(block.inverse, root=False)
    last = block.body if block.inverse is None else block.inverse
    opens = _begins_line_after(block.body, -1, root=False)
    closes = _ends_line_before(last, len(last), root=False)
    if block.opened.right:
        _omit_right(block.body, 0, everything=True)
    if block.inverse is not None and block.middle is not None:
        if block.middle.left:
            _omit_left(block.body, len(block.body) - 1, everything=True)
        if block.middle.right:
            _omit_right(block.inverse, 0, everything=True)
        if block.closed.left:
            _omit_left(block.inverse, len(block.inverse) - 1, everything=True)
        end_of_body = _ends_line_before(block.body, len(block.body), root=False)
        if end_of_body and _begins_line_after(block.inverse, -1, root=False):
            _omit_left(block.body, len(block.body) - 1)
            _omit_right(block.inverse, 0)
    elif block.closed.left:
        _omit_left(block.body, len(block.body) - 1, everything=True)
    return opens, closes


def _ends_line_before(parts: list[Part], index: int, root: bool) -> bool:
    """Whether only white space stands between the line's begin and part `index`."""
    if index < 1:
        return root
    part = parts[index - 1]
    if not isinstance(part, Content):
        return False
    tail = part.original[len(part.original.rstrip(_SPACE)) :]
    return "\n" in tail or (root and index == 1 and tail == part.original)


def _begins_line_after(parts: list[Part], index: int, root: bool) -> bool:
    """Whether only white space stands between part `index` and its line's end."""
    if index + 1 >= len(parts):
        return root
    part = parts[index + 1]
    if not isinstance(part, Content):
        return False
    last = root and index + 2 >= len(parts)
    return (_NEXT_IS_BREAK_OR_END if last else _NEXT_IS_BREAK).match(part.original) is not None


def _omit_right(parts: list[Part], index: int, *, everything: bool = False) -> None:
    part = parts[index] if 0 <= index < len(parts) else None
    if not isinstance(part, Content) or (not everything and part.right_stripped):
        return
    found = (_LEADING if everything else _LINE_AFTER).match(part.value)
    value = part.value[found.end() :] if found else part.value
    part.right_stripped = value != part.value
    part.value = value


def _omit_left(parts: list[Part], index: int, *, everything: bool = False) -> None:
    part = parts[index] if 0 <= index < len(parts) else None
    if not isinstance(part, Content) or (not everything and part.left_stripped):
        return
    value = part.value.rstrip(_SPACE if everything else " \t")
    part.left_stripped = value != part.value
    part.value = value
