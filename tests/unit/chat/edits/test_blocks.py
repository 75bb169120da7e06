"""Enclosing rows and instructions in comments, as data in tests/golden/blocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.edits.check import Case, cases
from twinny_lsp.chat.edits.changes import edits
from twinny_lsp.chat.edits.decide import Replacement, decide
from twinny_lsp.chat.edits.enclosing import enclosing
from twinny_lsp.chat.edits.instruct import instruction_at, instructions
from twinny_lsp.chat.edits.passage import applied
from twinny_lsp.documents.text import split_lines
from twinny_lsp.languages import LANGUAGES

FOLDER = Path(__file__).parents[3] / "golden" / "blocks"
ENCLOSING = dict(cases(FOLDER / "enclosing.txt"))
INSTRUCTIONS = dict(cases(FOLDER / "instructions.txt"))


def read(case: Case) -> tuple[list[str], str, int, tuple[int, int] | None]:
    """The document, its language, the cursor's row, the first and last row of what is marked."""
    (language,), text = case.parts["document"]
    bare = text.replace("⟦", "").replace("⟧", "")
    row = bare[: bare.index("█")].count("\n")
    marked = None
    if "⟦" in text:
        marked = text[: text.index("⟦")].count("\n"), text[: text.index("⟧")].count("\n")
    return split_lines(bare.replace("█", "")), language, row, marked


@pytest.mark.parametrize("name", ENCLOSING)
def test_enclosing(name: str) -> None:
    lines, language, row, marked = read(ENCLOSING[name])
    assert enclosing(lines, row, language) == marked


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_instruction(name: str) -> None:
    case = INSTRUCTIONS[name]
    lines, language, row, marked = read(case)
    found = instruction_at(lines, row, language)
    if marked is None:
        assert found is None
        assert instructions(lines, language) == ()
        return
    assert found is not None
    assert found.text == case.parts["text"][1].strip()
    assert (found.passage.span.start[0], found.passage.span.end[0]) == marked
    assert found.asked.original == case.parts["asked"][1].removesuffix("\n")
    assert instructions(lines, language) == (found,)


def test_the_comment_goes_with_the_edit() -> None:
    lines = split_lines("import time\n\n# ai: make it async\ndef f(n):\n    return n\n\nx = 1\n")
    found = instruction_at(lines, 2, "python")
    assert found is not None
    made = decide("```python\nasync def f(n):\n    return n\n```", found.asked)
    assert isinstance(made, Replacement)
    after = applied(lines, edits(found.passage, made.text))
    assert after == "import time\n\nasync def f(n):\n    return n\n\nx = 1\n"


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda each: each.id)
def test_every_language_with_comments_has_instructions(language: object) -> None:
    row = language
    forms = [f"{row.line} ai: do it"] if row.line else []  # type: ignore[attr-defined]
    if row.block:  # type: ignore[attr-defined]
        forms.append(f"{row.block[0]} ai: do it {row.block[1]}")  # type: ignore[attr-defined]
    for form in forms:
        found = instruction_at([f"{form}\n", "x = 1\n", ""], 0, row.id)  # type: ignore[attr-defined]
        assert found is not None, form
        assert found.text == "do it"
        assert found.asked.original == "x = 1"


def test_nothing_in_a_row_that_is_not_there() -> None:
    assert instruction_at(["# ai: x\n"], 5, "python") is None
    assert enclosing(["x\n"], 5, "python") is None
    assert enclosing([""], 0, "python") is None
