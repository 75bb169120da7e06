"""Marks beside a plain reference: a sign in the text itself, which is moved by nothing but the edits."""

from __future__ import annotations

import random

import pytest

from twinny_lsp.documents.document import Change, Document
from twinny_lsp.documents.encoding import Encoding
from twinny_lsp.documents.marks import advanced, moved, narrowed
from twinny_lsp.documents.text import Position

LETTERS = "ab\n \r😀"


def document(text: str) -> Document:
    return Document("file:///a", "markdown", 1, text, Encoding.UTF32)


def random_text(dice: random.Random, longest: int) -> str:
    return "".join(dice.choices(LETTERS, k=dice.randint(0, longest))).replace("\r", "\r\n")


@pytest.mark.parametrize("seed", range(5))
def test_a_mark_stays_at_its_place(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(400):
        text = random_text(dice, 40)
        places = [i for i in range(len(text) + 1) if text[i - 1 : i + 1] != "\r\n"]
        first, last = sorted(dice.choices(places, k=2))
        at, new = dice.choice(places), random_text(dice, 6)
        made = document(text)
        start, end, mark = (made.position_at(offset) for offset in (first, last, at))
        change = made.apply_incremental((*start, *end), new)
        want = at if at <= first else None if at < last else at + len(new) - (last - first)
        if made.text != text[:first] + new + text[last:] or "\r" in new:
            continue  # a line end was joined or cut in two: places are other ones then
        found = moved(mark, change)
        assert (None if found is None else made.offset_of(found)) == want, (text, first, last, new, at)


@pytest.mark.parametrize(
    ("start", "text", "end"),
    [((2, 3), "", (2, 3)), ((2, 3), "ab", (2, 5)), ((2, 3), "a\nb", (3, 1)), ((0, 0), "a\r\n", (1, 0))],
)
def test_where_a_text_ends(start: Position, text: str, end: Position) -> None:
    assert advanced(start, text) == end


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ("one\ntwo\n", "one\ntwx\n", Change((1, 2), (1, 3), "o", "x")),
        ("one\n", "one\n", Change((1, 0), (1, 0), "", "")),
        ("aa", "aaa", Change((0, 2), (0, 2), "", "a")),
        ("a\nb\nc", "a\nc", Change((1, 0), (2, 0), "b\n", "")),
        ("", "x", Change((0, 0), (0, 0), "", "x")),
    ],
)
def test_whole_texts_are_narrowed_to_what_differs(before: str, after: str, change: Change) -> None:
    assert narrowed(document(before).replace_all(after)) == change


def test_offsets_and_positions() -> None:
    made = document("ab\n\n😀c")
    for offset, position in enumerate([(0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (2, 1), (2, 2)]):
        assert made.offset_of(position) == offset
        assert made.position_at(offset) == position
