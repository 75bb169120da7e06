"""A model's lines, indented as the document is and with its line ends.

Tabs for blanks and blanks for tabs by the same rules as for completion; then the lines that the model left
as they were tell how far its indentation is off. Not for what the lines say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from twinny_lsp.chat.edits.alignment import aligned
from twinny_lsp.chat.edits.passage import Passage
from twinny_lsp.completion.around import Around
from twinny_lsp.completion.blocks import opens_block
from twinny_lsp.completion.reindent import Repair, repair
from twinny_lsp.completion.text import lead, unclosed
from twinny_lsp.documents.text import split_lines

_NEAR = 60
_STEPS = (2, 3, 4, 8)


def fitted(lines: Sequence[str], passage: Passage) -> list[str]:
    """The lines as they should stand in the passage's place, blank lines around them as they were."""
    body = [line if line.strip() else "" for line in _stripped(lines)]
    if passage.inline:
        return _inline(body, passage)
    if passage.empty:
        base = _base_of_empty(passage)
        return [base + line if line else "" for line in _kinds(_dedented(body), passage)]
    made = _placed(_kinds(_dedented(body), passage), _kinds(body, passage), passage)
    before, after = _blanks(passage.code), _blanks(passage.code[::-1])
    return [*passage.code[:before], *made, *passage.code[len(passage.code) - after :]]


def with_line_ends(lines: Sequence[str], passage: Passage) -> str:
    """The lines as text, with the document's line ends; lines that stay keep their own."""
    eol = passage.eol
    old = split_lines(passage.original)
    ends = {line[len(line.rstrip("\r\n")) :] for line in old[:-1]}
    if ends <= {eol}:
        return eol.join(lines)
    made = [line + eol for line in lines[:-1]] + [lines[-1]]
    bare = [line.rstrip("\r\n") for line in old]
    for a, b, size in aligned(bare, lines):
        for step in range(size):
            if a + step < len(old) - 1 and b + step < len(made) - 1:
                made[b + step] = old[a + step]
    return "".join(made)


def _stripped(lines: Sequence[str]) -> Sequence[str]:
    """Without the blank lines at both ends."""
    return lines[_blanks(lines) : len(lines) - _blanks(lines[::-1])]


def _blanks(lines: Sequence[str]) -> int:
    return next((at for at, line in enumerate(lines) if line.strip()), len(lines))


def _common(lines: Sequence[str]) -> str:
    """The blanks that all lines begin with that are not blank."""
    leads = [lead(line) for line in lines if line.strip()]
    first, last = min(leads, default=""), max(leads, default="")
    return next((first[:at] for at, char in enumerate(first) if last[at : at + 1] != char), first)


def _dedented(lines: Sequence[str]) -> list[str]:
    size = len(_common(lines))
    return [line[size:] for line in lines]


def _kinds(lines: Sequence[str], passage: Passage) -> list[str]:
    """With tabs for blanks or blanks for tabs, as the document has them."""
    # The code itself counts twice: one indented line of its own is enough to tell what it is indented with.
    above: tuple[str, ...] = (*passage.code, *passage.code)
    below: tuple[str, ...] = ()
    if not any(lead(line) not in ("", " ") for line in passage.code):
        above, below = passage.above(_NEAR), passage.below(_NEAR)
    around = Around(passage.language, above, "", "", below)
    text = "\n".join(lines)
    fix = repair(text, around, chat=True, final=True)
    return fix.apply(text).split("\n") if isinstance(fix, Repair) else list(lines)


def _placed(lines: list[str], written: list[str], passage: Passage) -> list[str]:
    """The dedented lines at their place: of what models do to indentation, what the known lines confirm.

    `written`: the same, indented as the model wrote them: one line at the margin does not move the others.
    """
    base = _common(passage.code)
    # Deeper than the base where a string in the code has lines at the margin.
    first = next((lead(line) for line in passage.code if line.strip()), "")
    plain = [base + line if line else "" for line in lines]
    ways = [plain]
    scaled = _scaled(lines, passage)
    if scaled is not None:
        ways.insert(0, [base + line if line else "" for line in scaled])
    if first and len(lines) > 1:
        first_only = [first + lines[0], *lines[1:]]
        ways.insert(0 if _lost_in_first(lines, passage, first) else len(ways), first_only)
        if lines[0].startswith(first):
            ways.append([lines[0], *plain[1:]])
    ways.append(written)
    known = _known(lines, passage)
    made = max(ways, key=lambda way: sum(lead(way[at]) == lead(line) for at, line in known if line.strip()))
    for at, line in known:
        if not line.strip():
            made[at] = line  # blanks on a blank line stay
    return made


def _known(lines: Sequence[str], passage: Passage) -> list[tuple[int, str]]:
    """The lines that stand in the passage already: their index, and how they stand there."""
    old, new = [line.strip() for line in passage.code], [line.strip() for line in lines]
    found: list[tuple[int, str]] = []
    for a, b, size in aligned(old, new):
        found += [(b + step, passage.code[a + step]) for step in range(size)]
    return found


def _lost_in_first(lines: Sequence[str], passage: Passage, first: str) -> bool:
    """Whether only the first line lost its indentation: its body, or the line after it, is too deep by it."""
    second = next((line for line in lines[1:] if line), "")
    if not opens_block(lines[0], passage.language):
        below = passage.code[_blanks(passage.code) + 1 :]
        even = lead(next((line for line in below if line.strip()), "")) == first
        return even and lead(second) == first and not unclosed(lines[0], passage.language)
    step = _unit([*passage.above(_NEAR), *passage.code, *passage.below(_NEAR)])
    wanted = "\t" if first.startswith("\t") else " " * step
    return bool(wanted) and lead(second) == first + wanted


def _scaled(lines: Sequence[str], passage: Passage) -> list[str] | None:
    """With steps of 4 for steps of 2, or the other way, where the document has these; None if they agree."""
    own = _unit(_dedented(passage.code)) or _unit([*passage.above(_NEAR), *passage.below(_NEAR)])
    theirs = _unit(lines)
    if (theirs, own) == (2, 4):
        return [lead(line) * 2 + line.lstrip(" ") for line in lines]
    second = next((line for line in lines[1:] if line), "")
    if (theirs, own) == (4, 2) and opens_block(lines[0], passage.language) and len(lead(second)) == 4:
        return [" " * (len(lead(line)) // 2) + line.lstrip(" ") for line in lines]
    return None


def _unit(lines: Sequence[str]) -> int:
    """The blanks of one step, 0 where the lines have tabs, or not all leads are multiples of the least."""
    leads = {lead(line) for line in lines if line.strip()} - {""}
    if any("\t" in each for each in leads):
        return 0
    sizes = [len(each) for each in leads]
    unit = math.gcd(*sizes)
    return unit if unit in _STEPS and unit == min(sizes) else 0


def _base_of_empty(passage: Passage) -> str:
    """The indentation of a place with nothing in it: its own, else as the line above asks for."""
    own = lead(passage.code[0])
    above = next((line for line in reversed(passage.above(_NEAR)) if line.strip()), "")
    if own or not above:
        return own
    if not opens_block(above, passage.language):
        return lead(above)
    step = _unit(passage.above(_NEAR)) or 4
    return lead(above) + ("\t" if lead(above).startswith("\t") else " " * step)


def _inline(lines: Sequence[str], passage: Passage) -> list[str]:
    """For a part of a line: without the rest of that line, where the model wrote it, too."""
    head, tail, original = passage.head.strip(), passage.tail.strip(), passage.original
    text = "\n".join(lines).strip()
    if head and text.startswith(head):
        text = text[len(head) :].lstrip()
    if tail and text.endswith(tail) and not original.rstrip().endswith(tail):
        text = text[: len(text) - len(tail)].rstrip()
    first, *rest = text.split("\n")
    if not rest:
        before = original[: len(original) - len(original.lstrip())]
        return [before + first + original[len(original.rstrip()) :]]
    outer = lead(passage.head)
    if len(_common(rest)) < len(outer):
        rest = [outer + line if line else "" for line in rest]
    return [first, *rest]
