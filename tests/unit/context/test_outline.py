"""Definitions by language: cases as data in tests/golden/context/outlines.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinny_lsp.context.outline import MOST, definitions, text_of
from twinny_lsp.documents.text import split_lines

CASES = tomllib.loads(
    (Path(__file__).parents[2] / "golden/context/outlines.toml").read_text(encoding="utf-8")
)["case"]


def shown(text: str, language: str) -> str:
    """All definitions as they are shown, without those that stand in their class already."""
    lines = split_lines(text)
    there: set[int] = set()
    parts = []
    for one in definitions(lines, language):
        if one.row not in there:
            parts.append(text_of(lines, one, language))
        there.update(one.rows)
    return "\n".join(parts)


@pytest.mark.parametrize("case", CASES, ids=[case["language"] for case in CASES])
def test_golden(case: dict[str, str]) -> None:
    assert shown(case["text"], case["language"]) == case["shown"].strip("\n")


def test_members_know_their_owner_and_names() -> None:
    lines = split_lines(CASES[0]["text"])
    found = definitions(lines, "python")
    owners = {one.name: lines[one.owner].strip() for one in found if one.owner >= 0}
    assert owners == {
        "moved": "class Point:",
        "norm": "class Point:",
        "__init__": "class Store(Base):",
        "Inner": "class Store(Base):",
    }


def test_a_file_of_nothing_but_definitions_is_bounded() -> None:
    assert len(definitions(["def f(): ...\n"] * 2000, "python")) == MOST


HOSTILE = ("a *b ", "a.b::", "pub ", "impl<", "x:y ", "f(a) ", "<a", "@a(b) ", "(a) ", "fn <a<b> ")


@pytest.mark.parametrize("part", HOSTILE)
def test_hostile_lines_come_to_an_end(part: str) -> None:
    lines = [part * (390 // len(part)) + "\n", "impl " + part * 70 + "\n"]
    for language in ("c", "rust", "typescript", "python"):
        definitions(lines, language)


@given(
    st.text(alphabet="def class(){}[]<>:=,;#\"'/ \n\tfnx*&@", max_size=300),
    st.sampled_from(["python", "c", "rust", "typescript"]),
)
def test_whatever_comes_the_rows_are_the_files(text: str, language: str) -> None:
    lines = split_lines(text)
    for one in definitions(lines, language):
        assert one.row in one.rows
        assert all(0 <= row < len(lines) for row in one.rows)
        assert one.owner < one.row
        text_of(lines, one, language)
