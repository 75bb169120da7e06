"""Functions of this program's own sources, a call in each renamed, answered in the ways of models."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from twinny_lsp.chat.edits.changes import edits
from twinny_lsp.chat.edits.decide import Replacement, decide
from twinny_lsp.chat.edits.enclosing import enclosing, extent, with_head
from twinny_lsp.chat.edits.passage import Passage, applied, rows
from twinny_lsp.context.outline import Kind, definitions
from twinny_lsp.documents.text import split_lines

PACKAGE = Path(__file__).parents[4] / "twinny_lsp"
FILES = sorted(PACKAGE.rglob("*.py"))[::6]
FENCE = "~~~~"
_CALL = re.compile(r"(?<=[.= (])([a-z]\w{2,})\(")


def functions(path: Path) -> Iterator[tuple[Passage, str]]:
    """Each function of a file, and its code with one call renamed."""
    lines = split_lines(path.read_text(encoding="utf-8"))
    bare = [line.rstrip("\n") for line in lines]
    for one in definitions(bare, "python"):
        if one.kind is not Kind.FUNCTION:
            continue
        first, last = with_head(bare, one.row, "python"), extent(bare, one.row, "python")
        of = rows(lines, first, last, "python")
        body = len("\n".join(of.code).split(":\n", 1)[0])
        code = "\n".join(of.code)
        found = _CALL.search(code, body)
        if found is not None and len(of.code) > 2:
            yield of, f"{code[: found.end(1)]}_x{code[found.end(1) :]}"


def answers(of: Passage, new: str) -> dict[str, str]:
    bare = textwrap.dedent(new)
    whole = applied(of.lines, edits(of, new))
    return {
        "fenced": f"{FENCE}python\n{new}\n{FENCE}\n",
        "in words, dedented": f"Sure! Here it is:\n\n{FENCE}\n{bare}\n{FENCE}\n\nIt calls another one now.",
        "first line dedented": f"{FENCE}python\n{new.lstrip()}\n{FENCE}",
        "not closed": f"{FENCE}python\n{new}",
        "the whole file": f"{FENCE}python\n{whole}\n{FENCE}",
        "CRLF": f"{FENCE}python\n{new}\n{FENCE}\n".replace("\n", "\r\n"),
        "bare": new,
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_way_of_answering_comes_to_the_same(path: Path) -> None:
    for of, new in functions(path):
        expected = applied(of.lines, edits(of, new))
        for way, answer in answers(of, new).items():
            made = decide(answer, of)
            name = of.code[0].strip()
            assert isinstance(made, Replacement), f"{way}, {name}: {made.message}"
            assert applied(of.lines, edits(of, made.text)) == expected, f"{way}, {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_function_around_its_rows_is_found(path: Path) -> None:
    for of, _ in functions(path):
        first, last = of.span.start[0], of.span.end[0]
        for row in (first, (first + last) // 2, last):
            assert enclosing(of.lines, row, "python") == (first, last)
