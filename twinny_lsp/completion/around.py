"""What stands around the cursor, cut out of the document once per request: the input of every decision.

Lines here have no terminators. Not the prompt (see prompting.py) and not the whole document.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from twinny_lsp.completion.inside import Inside, inside
from twinny_lsp.completion.text import newline_style, normalised, without_terminator
from twinny_lsp.documents.snapshot import Snapshot

LINES_ABOVE = 60
LINES_BELOW = 40
"""How many lines the decisions look at; echoes and overlaps longer than that do not occur."""

LONGEST_PART = 2_000
"""Characters of a line that the decisions look at: its begin and its end. Nobody writes longer ones."""

_BEGUN = re.compile(r"[ \t]*[^\w\s]{0,2}(?:\w+|(?<![(\[{]))")


@dataclass(frozen=True)
class Around:
    """`before`/`after` are the cursor's line left and right of it; `above`/`below` the lines next to it.

    Of a very long line only what is near the cursor, or its begin and end, is there. `bottom`: `below`
    reaches the document's end. `inside`: the comment or string of several lines that the cursor stands in.
    Text that the editor would put in first (a menu's selected item) counts as typed already.
    """

    language: str
    above: tuple[str, ...]
    before: str
    after: str
    below: tuple[str, ...]
    eol: str = "\n"
    bottom: bool = True
    inside: Inside | None = None

    @cached_property
    def blank(self) -> bool:
        """Whether there is nothing but blanks left of the cursor."""
        return not self.before.strip()

    @cached_property
    def own_line(self) -> bool:
        """Whether a statement begins here: left of the cursor nothing but blanks and a begun word, or a quote
        or the like before it. An opening bracket at the end opens a block instead.
        """
        return self.blank or (_BEGUN.fullmatch(self.before) is not None and not self.after.strip())

    @cached_property
    def next_line(self) -> str:
        """The next line below that is not blank, "" if there is none near."""
        return next((line for line in self.below if line.strip()), "")

    @cached_property
    def last_line(self) -> str:
        """The nearest line above that is not blank, "" if there is none near."""
        return next((line for line in reversed(self.above) if line.strip()), "")

    @cached_property
    def prefix(self) -> str:
        """What stands before the cursor, as far as it was cut out."""
        return "\n".join((*self.above, self.before))

    @cached_property
    def suffix(self) -> str:
        """What a model would write that goes on into what stands after the cursor.

        Blanks that merely end the cursor's line are left out: no model repeats them.
        """
        return "\n".join((self.after if self.after.strip() else "", *self.below))


def look_around(snapshot: Snapshot, selected: str = "") -> Around:
    """Cut out what is near the cursor; cost does not grow with the document, nor with its lines."""
    row = snapshot.row
    above = [_ends_of(without_terminator(line)) for line in snapshot.lines[max(0, row - LINES_ABOVE) : row]]
    *more, before = (_ends_of(snapshot.line_before) + normalised(selected)).split("\n")
    below = snapshot.lines[row + 1 : row + 1 + LINES_BELOW]
    return Around(
        language=snapshot.language,
        above=(*above, *more),
        before=before,
        after=snapshot.line_after[:LONGEST_PART],
        below=tuple(_ends_of(without_terminator(line)) for line in below),
        eol=newline_style(snapshot.lines[:2]),
        bottom=row + 1 + LINES_BELOW >= len(snapshot.lines),
        inside=inside(snapshot, selected),
    )


def _ends_of(line: str) -> str:
    """The line; of one that is very long its begin and its end."""
    return line if len(line) <= LONGEST_PART else line[: LONGEST_PART // 2] + line[-LONGEST_PART // 2 :]
