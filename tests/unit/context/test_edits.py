"""Places of edits: joined where they are near, moved by what happens above, read as they are now."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from twinny_lsp.context.edits import PLACES_KEPT, EditPlace, moved, pieces, record
from twinny_lsp.context.pieces import Source
from twinny_lsp.documents.document import EDIT_CHARS_KEPT, Document, Edit
from twinny_lsp.documents.encoding import Encoding


def recorded(*edits: Edit) -> list[tuple[int, int]]:
    places: tuple[EditPlace, ...] = ()
    for edit in edits:
        places = record(places, edit)
    return [(place.first, place.last) for place in places]


def typed(row: int, text: str = "x", removed: str = "", at: float = 0.0) -> Edit:
    return Edit(row, 0, removed, text, at)


def test_keys_of_one_place_are_one_place() -> None:
    assert recorded(typed(5), typed(5), typed(6), typed(4, "\n")) == [(4, 7)]


def test_the_newest_is_last_and_few_are_kept() -> None:
    assert recorded(typed(5), typed(50), typed(5)) == [(50, 50), (5, 5)]
    many = recorded(*(typed(20 * n) for n in range(20)))
    assert many == [(20 * n, 20 * n) for n in range(20 - PLACES_KEPT, 20)]


def test_places_move_with_the_text() -> None:
    assert recorded(typed(50), typed(5, "a\nb\nc")) == [(52, 52), (5, 7)]
    assert recorded(typed(50), typed(5, "", "a\nb\n")) == [(48, 48), (5, 5)]
    assert recorded(typed(50), typed(90, "\n")) == [(50, 50), (90, 91)]
    # What is deleted with the place leaves the place of the deletion.
    assert recorded(typed(50), typed(45, "", "\n" * 20)) == [(45, 45)]


def test_a_paste_that_the_history_cuts_off_loses_what_is_below() -> None:
    big = "y\n" * (EDIT_CHARS_KEPT // 2)
    assert recorded(typed(50), typed(5), typed(20, big)) == [(5, 5), (20, 20)]


EDITS = st.tuples(st.integers(0, 30), st.integers(0, 3), st.integers(0, 3))


@given(st.lists(EDITS, max_size=12), st.integers(0, 30))
def test_a_row_moves_as_its_line_does(edits: list[tuple[int, int, int]], row: int) -> None:
    lines = [f"line {n}\n" for n in range(31)]
    document = Document("u", "python", 1, "".join(lines) + "end", Encoding.UTF32)
    mark = lines[row]
    for first, gone, come in edits:
        last = min(first + gone, len(document.lines) - 1)
        first = min(first, last)
        if document.lines[first : last + 1].count(mark) and first != last:
            continue
        document.apply_incremental((first, 0, last, 0), "new\n" * come, 0.0)
        row = moved(row, document.edits[-1])
    if mark in document.lines:
        assert document.lines[row] == mark


def test_how_a_place_reads_now() -> None:
    lines = [f"line_{n}\n" for n in range(100)]
    lines[10:14] = ["\n", "\n", "edited\r\n", "\n"]
    places = [EditPlace(12, 12, 1.0), EditPlace(50, 90, 2.0), EditPlace(200, 201, 3.0)]
    one, two = pieces("a.py", lines, places)
    assert (one.source, one.text, one.score) == (Source.EDITS, "edited\n\nline_14", 1.0)
    assert (two.rows[0], len(two.rows)) == (48, 12)
