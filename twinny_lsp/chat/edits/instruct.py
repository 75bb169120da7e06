"""Instructions to the model in a comment of the code: `# ai: make this async`.

Recognises the comment in the syntax of every language of the table and finds the block below it. It goes on
in lines of comment that are indented further, and to the end of a comment that has one. Not for asking the
model: what is found here becomes a passage and an instruction of the user's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from twinny_lsp.chat.edits.enclosing import extent, paragraph
from twinny_lsp.chat.edits.passage import Passage, rows
from twinny_lsp.completion.blocks import ends_block
from twinny_lsp.completion.text import lead, width, without_terminator
from twinny_lsp.languages import language as row_of

_FALLBACK = ("#", "//", "--", ";", "%")
_SAYS = re.compile(r"@?(?:ai|AI|Ai)\s*:\s*(?P<text>\S.*)", re.DOTALL)
_MARK = re.compile(r"\b[aA][iI]\s*:")


@dataclass(frozen=True, slots=True)
class Instruction:
    """`text` is what is wanted; the comment is in the rows `first` to `last`.

    `asked` is what the model is to edit, in the document without the comment: the block below it, the
    statement it stands behind, or an empty line where something new is wanted. What `asked` becomes goes
    in the place of `passage`, which is the comment and that block, so that the comment goes with the edit.
    """

    text: str
    first: int
    last: int
    asked: Passage
    passage: Passage


@dataclass(frozen=True, slots=True)
class _Comment:
    """`column` is where it begins in the row `first`; `alone`: no code stands before it."""

    text: str
    first: int
    last: int
    column: int
    alone: bool


def instructions(lines: Sequence[str], language: str) -> tuple[Instruction, ...]:
    """All instructions of a document, in its order."""
    found: list[Instruction] = []
    for row, line in enumerate(lines):
        if _MARK.search(line) and not (found and row <= found[-1].last):
            made = instruction_at(lines, row, language)
            if made is not None:
                found.append(made)
    return tuple(found)


def instruction_at(lines: Sequence[str], row: int, language: str) -> Instruction | None:
    """The instruction whose comment is in this row, also where the row goes on with one from above."""
    if not 0 <= row < len(lines):
        return None
    for first in range(row, max(-1, row - 20), -1):
        comment = _comment(lines, first, language)
        if comment is not None and comment.last >= row:
            return _instruction(lines, comment, language)
        if first < row and not lines[first].strip():
            break
    return None


def _instruction(lines: Sequence[str], comment: _Comment, language: str) -> Instruction:
    first, last = comment.first, comment.last
    line = without_terminator(lines[first])
    kept = line[: comment.column].rstrip() if not comment.alone else lead(line)
    without = [*lines[:first], kept + lines[last][_content(lines[last]) :], *lines[last + 1 :]]
    if comment.alone:
        block = _below(without, first, width(line), language)
    else:
        block = first, extent(without, first, language)
    if block is None:
        begin = end = first
    else:
        begin, end = block
        if comment.alone:  # the line that was the comment's goes, too
            del without[first]
            begin, end = begin - 1, end - 1
    gone = len(lines) - len(without)
    return Instruction(
        comment.text,
        first,
        last,
        rows(without, begin, end, language),
        rows(lines, first, end + gone, language),
    )


def _below(lines: Sequence[str], row: int, floor: int, language: str) -> tuple[int, int] | None:
    """The block below this row, one blank line apart at most, and not outside of what the comment is in."""
    start = row + 1
    if start < len(lines) and not lines[start].strip():
        start += 1
    if start >= len(lines) or not lines[start].strip() or width(lines[start]) < floor:
        return None
    return None if ends_block(lines[start], language) else paragraph(lines, start, language)


def _comment(lines: Sequence[str], row: int, language: str) -> _Comment | None:
    line = without_terminator(lines[row])
    marked = _MARK.search(line)
    known = row_of(language)
    blocks = [known.block] if known.block else []
    if known.id in ("javascriptreact", "typescriptreact"):
        blocks.insert(0, ("{/*", "*/}"))
    for opener, closer in blocks:
        if marked is None:  # it may come in the comment's next row
            column = len(lead(line)) if line.strip() in (opener, f"{opener}*") else -1
        else:
            column = line.rfind(opener, 0, marked.start())
        said = line[column + len(opener) : marked.start() if marked else None]
        if column >= 0 and not said.strip(" \t*!-#@"):
            return _in_block(lines, row, (column, opener, closer))
    if marked is None:
        return None
    marks = (known.line,) if known.line else () if known.block else _FALLBACK
    for mark in marks:
        column = line.lower().rfind(mark, 0, marked.start())
        if column >= 0 and not _in_string(line[:column]):
            while column > 0 and line[column - 1] == mark[0]:
                column -= 1
            made = _in_line(lines, row, (column, mark))
            if made is not None:
                return made
    return None


def _in_line(lines: Sequence[str], row: int, place: tuple[int, str]) -> _Comment | None:
    column, mark = place
    line = without_terminator(lines[row])
    says = _SAYS.fullmatch(_bare(line[column:], mark))
    if says is None:
        return None
    parts, last = [says["text"].strip()], row
    alone = not line[:column].strip()
    while alone and last + 1 < len(lines):
        text = without_terminator(lines[last + 1])
        if not text.strip().lower().startswith(mark) or lead(text) != lead(line):
            break
        more = _bare(text.strip(), mark)
        # Only what is indented further goes on with it: another comment is the code's own, and stays.
        if not more or not text.strip()[len(mark) :].startswith("  ") or _SAYS.fullmatch(more):
            break
        parts.append(more)
        last += 1
    return _Comment(" ".join(parts), row, last, column, alone)


def _in_block(lines: Sequence[str], row: int, place: tuple[int, str, str]) -> _Comment | None:
    column, opener, closer = place
    parts: list[str] = []
    for last in range(row, min(row + 20, len(lines))):
        text = without_terminator(lines[last])
        text = text[column + len(opener) :] if last == row else text
        body, end, after = text.partition(closer)
        parts.append(body.strip().lstrip("*").strip() if last > row else body.strip(" \t*"))
        if end:
            says = _SAYS.fullmatch(" ".join(part for part in parts if part))
            if says is None or after.strip():
                return None
            alone = not without_terminator(lines[row])[:column].strip()
            return _Comment(says["text"].strip(), row, last, column, alone)
    return None


def _bare(comment: str, mark: str) -> str:
    """What a comment says, without its mark, also where that is repeated (`##`, `///`)."""
    text = comment[len(mark) :]
    return text.lstrip(mark[0]).strip() if not mark.isalpha() else text.strip()


def _in_string(before: str) -> bool:
    return any(before.count(quote) % 2 for quote in "\"'`")


def _content(line: str) -> int:
    return len(without_terminator(line))
