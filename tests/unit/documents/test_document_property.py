"""The document against the slow reference: whatever is edited, both have the same text and positions."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.documents.reference import ENCODINGS, LINE_ENDS, PIECES, Maker, Reference, lines_of
from twinny_lsp.documents.document import Document
from twinny_lsp.documents.encoding import Encoding

SEEDS = 12
EDITS = 40
NUMBERS = st.one_of(st.integers(-2, 14), st.sampled_from((-(2**31), 2**31 - 1)))
TEXTS = st.lists(st.sampled_from((*PIECES, "\n", "\r", "\r\n", "\n", "\r")), max_size=12).map("".join)
EDIT = st.tuples(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), TEXTS)


def check(document: Document, reference: Reference, place: tuple[int, int]) -> None:
    """Everything a document tells, compared at one place."""
    assert document.text == reference.text
    assert document.lines == tuple(lines_of(reference.text))
    assert document.char_count == len(reference.text)
    assert document.byte_count == reference.byte_count()
    snapshot = document.snapshot(*place)
    row, column = snapshot.row, snapshot.column
    assert (row, column) == reference.row_and_column(*place)
    assert document.position(row, column) == reference.position(row, column)
    offset = reference.offset(*place)
    assert snapshot.prefix(10_000) == reference.text[:offset]
    assert snapshot.suffix(10_000) == reference.text[offset:]


@pytest.mark.parametrize(("encoding", "style"), [*itertools.product(ENCODINGS, LINE_ENDS)])
def test_random_edits_leave_the_document_like_the_reference(encoding: str, style: str) -> None:
    for seed in range(SEEDS):
        maker = Maker(seed, style)
        start = maker.text(10)
        document = Document("file:///a", "python", 1, start, Encoding(encoding))
        reference = Reference(start, encoding)
        for _ in range(EDITS):
            span, new = maker.edit(len(document.lines))
            document.apply_incremental(span, new)
            reference.apply(span, new)
            check(document, reference, maker.place(len(document.lines)))


@settings(max_examples=300, derandomize=True, database=None)
@given(
    encoding=st.sampled_from(ENCODINGS),
    start=TEXTS,
    edits=st.lists(EDIT, max_size=8),
    line=NUMBERS,
    at=NUMBERS,
)
def test_any_edits_leave_the_document_like_the_reference(
    encoding: str, start: str, edits: list[tuple[tuple[int, int, int, int], str]], line: int, at: int
) -> None:
    document = Document("file:///a", "python", 1, start, Encoding(encoding))
    reference = Reference(start, encoding)
    for span, new in edits:
        document.apply_incremental(span, new)
        reference.apply(span, new)
    check(document, reference, (line, at))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_text_of_any_range_is_that_of_the_reference(encoding: str) -> None:
    maker = Maker(7, "mixed")
    start = maker.text(60)
    document = Document("file:///a", "python", 1, start, Encoding(encoding))
    reference = Reference(start, encoding)
    for _ in range(200):
        span, _ = maker.edit(len(document.lines))
        first, last = sorted((reference.offset(*span[:2]), reference.offset(*span[2:])))
        assert document.text_in(span) == reference.text[first:last]


def test_a_wrong_document_does_not_pass_the_comparison() -> None:
    document = Document("file:///a", "python", 1, "a\fb\n", Encoding.UTF16)
    with pytest.raises(AssertionError):
        check(document, Reference("a\nb\n", "utf-16"), (0, 0))
