"""Indentation that is not the document's: blanks for tabs, tabs for blanks, lines counted from the cursor.

A model may write the later lines as if the cursor stood at the margin. What is done is decided once, by the
first later line that tells, so that it can be done while the text comes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from twinny_lsp.completion.around import Around
from twinny_lsp.completion.blocks import PROSE, ends_block, opens_block
from twinny_lsp.completion.text import TAB, lead, unmatched_closers, width

_FEW = 2
"""Indented lines that a document must have to show its style."""

_NEAR_ABOVE, _NEAR_BELOW = 30, 15
"""Lines that are looked at for the style."""

_DEFINITION = re.compile(
    r"(async |export |pub |public |static )*(def|class|func|fn|function|import|from)\b|[@#]"
)


@dataclass(frozen=True, slots=True)
class Repair:
    """What is done to the lines of a text: `prefix` is put before each, blanks in steps of `unit` become
    tabs, tabs become `step`. `first`: the text's first line is rewritten, too. `note` says what it is.
    """

    note: str
    first: bool = False
    prefix: str = ""
    unit: int = 0
    step: str = ""

    def apply(self, text: str) -> str:
        """The text as it should be indented."""
        head, newline, rest = text.partition("\n")
        lines = [self._line(each) if each.strip() else each for each in rest.split("\n")]
        return (self._line(head) if self.first else head) + newline + ("\n".join(lines) if newline else "")

    def _line(self, line: str) -> str:
        blanks = lead(line)
        if self.unit and blanks and "\t" not in blanks:
            tabs, left = divmod(len(blanks), self.unit)
            return "\t" * tabs + " " * left + line[len(blanks) :]
        if self.step:
            return blanks.replace("\t", self.step) + line[len(blanks) :]
        return self.prefix + line


def repair(text: str, around: Around, *, chat: bool, final: bool) -> Repair | bool | None:
    """What must be done to the text; None for nothing, False while its lines do not tell yet."""
    if around.language in PROSE:
        return None  # lists and quotations stand as deep as they like
    if "\n" not in text and around.before:
        return None if final else False
    lines = text.split("\n")
    last = len(lines) - (0 if final else 1)
    told = False
    for index, line in enumerate(lines):
        if not line.strip() or (index == 0 and around.before):
            continue
        if index and not told and around.blank and around.before:
            if chat and index == last and not lead(line):
                return False  # its first word is needed
            told = True
            if _counted_from_cursor(line, lines[0], around, chat=chat):
                return Repair("moved lines to the cursor's indentation", prefix=around.before)
        if lead(line) not in ("", " "):  # one blank is that of a comment's next line
            return _converted(lead(line), lines[0], around)
    return None if final else False


def _converted(blanks: str, first: str, around: Around) -> Repair | None:
    """What must be done to lines that are indented by these blanks."""
    style = _style(around)
    if style == "\t" and len(blanks) > 1 and not blanks.strip(" "):
        return Repair("made blanks tabs", first=not around.before, unit=_unit(blanks, first, around))
    if style.strip("\t") and blanks[0] == "\t":
        return Repair("made tabs blanks", first=not around.before, step=style)
    return None


def _style(around: Around) -> str:
    """A tab, or the blanks of one step; "" where the document does not tell."""
    tabs, steps = 0, []
    for line in (*around.above[-_NEAR_ABOVE:], around.before, *around.below[:_NEAR_BELOW]):
        blanks = lead(line)
        if blanks.startswith("\t"):
            tabs += 1
        elif len(blanks) > 1:
            steps.append(len(blanks))
    if tabs >= _FEW and not steps:
        return "\t"
    return " " * min(steps) if len(steps) >= _FEW and not tabs else ""


def _unit(blanks: str, first: str, around: Around) -> int:
    """How many blanks stand for one tab, by how deep this line should be."""
    depth = lead(around.before).count("\t") + opens_block(around.before + first, around.language)
    unit, left = divmod(len(blanks), depth) if depth else (0, 1)
    return unit if not left and unit in (2, 3, 4, 8) else min(len(blanks), TAB)


def _counted_from_cursor(line: str, first: str, around: Around, *, chat: bool) -> bool:
    """Whether the second line is indented as if the first one stood at the margin."""
    own, at = width(around.before), width(line)
    mixed = ("\t" in lead(line)) != ("\t" in around.before) and at > 0
    if lead(first) or at >= own or mixed or ends_block(line, around.language):
        return False
    if at > 0:
        # What closes a bracket from above ends a statement whose later lines are aligned, as the cursor's is.
        return opens_block(first, around.language) and not unmatched_closers(first, around.language)
    return chat and not _DEFINITION.match(line)
