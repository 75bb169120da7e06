"""A part of the code in the place of that part, where the model wrote only what it changed.

Only where it is certain which part it is: whole functions by their names, or lines whose first and last one
stand in the code once. Everything else is a clear no.
"""

from __future__ import annotations

from collections.abc import Sequence

from twinny_lsp.chat.edits.choose import members, names, own_names
from twinny_lsp.chat.edits.enclosing import extent, with_head
from twinny_lsp.chat.edits.fit import fitted
from twinny_lsp.chat.edits.passage import Passage, rows
from twinny_lsp.completion.text import without_terminator

_TELLING = 3
"""Letters and digits without which a line is no anchor."""


def missing(lines: Sequence[str], passage: Passage) -> tuple[str, ...]:
    """The functions and types of the passage that are not in the lines, so that these are only a part of it.

    Nothing where the lines define something new in their place: that was a new name.
    """
    own = own_names(passage)
    written = names(lines, passage.language, member=own.member)
    inner = members(passage.code, passage.language)
    lost = tuple(name for name in own.rows if name not in written)
    new = [name for name in written if name not in own.rows and name not in inner]
    return () if len(new) >= len(lost) else lost


def renamed(lines: Sequence[str], passage: Passage) -> bool:
    """Whether the lines define functions or types, and none of those that the passage defines."""
    own = own_names(passage)
    written = names(lines, passage.language, member=own.member)
    return bool(written) and {*own.rows, *members(passage.code, passage.language)}.isdisjoint(written)


def unwrapped(lines: Sequence[str], passage: Passage) -> list[str] | None:
    """What the passage defines, taken out of the type that it stands in, where the model wrote that, too.

    None where it is not so: the type must be one of the document's.
    """
    own = own_names(passage)
    written = names(lines, passage.language)
    inner = members(lines, passage.language)
    document = names([without_terminator(line) for line in passage.lines], passage.language)
    if not (own.member and written) or not own.rows.keys() <= inner.keys():
        return None
    if not written.keys() <= document.keys() - own.rows.keys():
        return None
    first = min(with_head(lines, inner[name], passage.language) for name in own.rows)
    last = max(extent(lines, inner[name], passage.language) for name in own.rows)
    return list(lines[first : last + 1])


def spliced(lines: Sequence[str], passage: Passage) -> list[str] | None:
    """The passage's lines with the part in its place; None where it is not certain which that is."""
    return _by_names(lines, passage) or _by_edges(lines, passage)


def _by_names(lines: Sequence[str], passage: Passage) -> list[str] | None:
    """With each function that was written in the place of the one that has its name.

    Each with the decorators and comments above it, if it was written with any.
    """
    language = passage.language
    own = own_names(passage)
    here = {**members(passage.code, language), **own.rows}
    # A method by itself looks like one only where it is read as one.
    written = names(lines, language, member=own.member or not names(lines, language))
    if not written or not written.keys() <= here.keys():
        return None
    parts = {
        name: (with_head(lines, row, language), extent(lines, row, language)) for name, row in written.items()
    }
    taken = {row for first, last in parts.values() for row in range(first, last + 1)}
    if any(line.strip() for row, line in enumerate(lines) if row not in taken):
        return None
    made = list(passage.code)
    for name in sorted(parts, key=lambda each: -here[each]):
        first, last = parts[name]
        begin = with_head(passage.code, here[name], language) if first < written[name] else here[name]
        end = extent(passage.code, here[name], language)
        made[begin : end + 1] = _in_place(made, (begin, end), lines[first : last + 1], language)
    return made


def _by_edges(lines: Sequence[str], passage: Passage) -> list[str] | None:
    """With the lines in the place of those between the two that the part begins and ends with."""
    filled = [line.strip() for line in lines if line.strip()]
    code = [line.strip() for line in passage.code]
    if len(filled) < 2 or any(code.count(edge) != 1 for edge in (filled[0], filled[-1])):
        return None
    if any(sum(map(str.isalnum, edge)) < _TELLING for edge in (filled[0], filled[-1])):
        return None
    first, last = code.index(filled[0]), code.index(filled[-1])
    if first >= last:
        return None
    made = list(passage.code)
    made[first : last + 1] = _in_place(made, (first, last), lines, passage.language)
    return made


def _in_place(code: Sequence[str], place: tuple[int, int], part: Sequence[str], language: str) -> list[str]:
    document = [f"{line}\n" for line in code]
    return fitted(part, rows(document, *place, language))
