"""Answers that say what to change in the form of a patch: a unified diff, or SEARCH and REPLACE.

Applied to the passage's lines where each place that is to change is found exactly once; line numbers of
models are not to be trusted and are not read. Not for diffs of git (chat/commit/diff.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from twinny_lsp.chat.edits.alignment import aligned
from twinny_lsp.completion.text import lead

_HUNK = re.compile(r"@@(?:[ \d,+-]*@@.*)?")
_HEAD = re.compile(r"(?:diff |index |--- |\+\+\+ |\\ No newline)")
_SEARCH = re.compile(r"<{5,9} ?(?:SEARCH|ORIGINAL|HEAD|OLD)\b.*")
_DIVIDER = re.compile(r"={5,9}")
_REPLACE = re.compile(r">{5,9} ?(?:REPLACE|UPDATED|NEW)?\b.*|>{5,9}")


@dataclass(frozen=True, slots=True)
class Change:
    """`new` lines in the place of the `old` ones."""

    old: tuple[str, ...]
    new: tuple[str, ...]


def changes(text: str, tag: str) -> tuple[Change, ...]:
    """The changes of a patch; none when the text is not one. `tag` is what its fence names it."""
    lines = text.split("\n")
    if any(_SEARCH.fullmatch(line.strip()) for line in lines):
        return _search_and_replace(lines)
    if tag in ("diff", "patch", "udiff") or any(_HUNK.fullmatch(line) for line in lines):
        return _unified(lines)
    return ()


def patched(made: Sequence[Change], code: Sequence[str]) -> list[str] | None:
    """The code with the changes, None when one of them does not fit in exactly one place."""
    result = list(code)
    for change in made:
        place = _place(change.old, result)
        if place is None:
            return None
        old = result[place : place + len(change.old)]
        result[place : place + len(change.old)] = _indented(change, old)
    return result


def patched_inside(
    made: Sequence[Change], above: Sequence[str], code: Sequence[str], below: Sequence[str]
) -> list[str] | None:
    """The same, for changes that show lines around the code, too; None where they change one of those."""
    whole = patched(made, [*above, *code, *below])
    if whole is None or len(whole) < len(above) + len(below):
        return None
    stop = len(whole) - len(below)
    same = whole[: len(above)] == list(above) and whole[stop:] == list(below)
    return whole[len(above) : stop] if same else None


def _unified(lines: Sequence[str]) -> tuple[Change, ...]:
    found: list[Change] = []
    hunk: list[str] = []
    for at, line in enumerate((*lines, "@@")):
        if _HUNK.fullmatch(line):
            old, new = _sides(hunk)
            if old != new:
                found.append(_trimmed(old, new))
            hunk = []
        elif not _HEAD.match(line) or (line.startswith("--- ") and not _heads(lines, at)):
            hunk.append(line)
    return tuple(found)


def _heads(lines: Sequence[str], at: int) -> bool:
    """Whether `--- x` is a head, and does not take away a line `-- x` (SQL, Lua): `+++` follows it."""
    return at + 1 < len(lines) and lines[at + 1].startswith("+++ ")


def _sides(hunk: Sequence[str]) -> tuple[list[str], list[str]]:
    """The old and the new lines of a hunk, also where its unchanged lines lack the blank before them."""
    same = [line for line in hunk if line.strip() and line[0] not in "+-"]
    blanks = [line[: len(line) - len(line.lstrip())] for line in same]
    even = all(not each.strip(" ") and len(each) % 2 == 0 for each in blanks)
    skip = 0 if even or not all(blanks) else 1
    old: list[str] = []
    new: list[str] = []
    for line in hunk:
        if line.startswith("+"):
            new.append(line[1:])
        elif line.startswith("-"):
            old.append(line[1:])
        else:
            old.append(line[skip:])
            new.append(line[skip:])
    return old, new


def _search_and_replace(lines: Sequence[str]) -> tuple[Change, ...]:
    found: list[Change] = []
    sides: tuple[list[str], list[str]] = ([], [])
    side: int | None = None
    for line in lines:
        text = line.strip()
        if _SEARCH.fullmatch(text):
            sides, side = ([], []), 0
        elif side == 0 and _DIVIDER.fullmatch(text):
            side = 1
        elif side == 1 and _REPLACE.fullmatch(text):
            found.append(_trimmed(*sides))
            side = None
        elif side is not None:
            sides[side].append(line)
    return tuple(found) if side is None else ()


def _trimmed(old: list[str], new: list[str]) -> Change:
    """Without blank lines that both sides begin and end with."""
    while old and new and not old[0].strip() and not new[0].strip():
        old, new = old[1:], new[1:]
    while old and new and not old[-1].strip() and not new[-1].strip():
        old, new = old[:-1], new[:-1]
    return Change(tuple(old), tuple(new))


def _place(old: Sequence[str], code: Sequence[str]) -> int | None:
    """The one row where the old lines stand, whatever their indentation."""
    wanted = [line.strip() for line in old]
    if not any(wanted):
        return None
    bare = [line.strip() for line in code]
    places = [row for row in range(len(bare) - len(wanted) + 1) if bare[row : row + len(wanted)] == wanted]
    return places[0] if len(places) == 1 else None


def _indented(change: Change, found: Sequence[str]) -> list[str]:
    """The new lines, moved as far as the old ones are off; those that stay are as they are in the code."""
    old, new = [line.strip() for line in change.old], [line.strip() for line in change.new]
    order = sorted(range(len(old)), key=lambda at: (old[at] in new, not old[at]))
    first = next((at for at in order if old[at]), 0)
    given, wanted = lead(change.old[first]), lead(found[first])
    made = [
        wanted + line[len(given) :] if line.strip() and lead(line).startswith(given) else line
        for line in change.new
    ]
    for a, b, size in aligned(old, new):
        made[b : b + size] = found[a : a + size]
    return made
