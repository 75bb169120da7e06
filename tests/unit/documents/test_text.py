"""Lines, line ends and edits in code points."""

from __future__ import annotations

import pytest

from tests.unit.documents.reference import joined, lines_of
from twinny_lsp.documents.text import Position, Text, content_length, join_surrogates, split_lines

SEPARATORS = ("\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")


def check(before: str, start: Position, end: Position, new: str, after: str) -> Text:
    text = Text(before)
    text.replace(start, end, new)
    assert text.text == after
    assert text.lines == lines_of(after)
    assert text.char_count == len(after)
    assert text.byte_count == len(after.encode("utf-8", "surrogatepass"))
    return text


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("a", ["a"]),
        ("a\n", ["a\n", ""]),
        ("\n\n", ["\n", "\n", ""]),
        ("a\r\nb\rc\nd", ["a\r\n", "b\r", "c\n", "d"]),
        ("\r\r\n\n\r", ["\r", "\r\n", "\n", "\r", ""]),
        ("\ud83d\n\x00", ["\ud83d\n", "\x00"]),
    ],
)
def test_lines_end_at_the_three_line_ends_of_lsp(text: str, lines: list[str]) -> None:
    assert split_lines(text) == lines


@pytest.mark.parametrize("separator", SEPARATORS)
def test_other_separators_stay_inside_lines(separator: str) -> None:
    text = check(f"a{separator}b\nc\n", (1, 0), (1, 0), "X", f"a{separator}b\nXc\n")
    assert text.lines == [f"a{separator}b\n", "Xc\n", ""]


@pytest.mark.parametrize(
    ("line", "length"), [("", 0), ("ab", 2), ("ab\n", 2), ("ab\r", 2), ("ab\r\n", 2), ("\f\n", 1)]
)
def test_content_ends_before_the_terminator(line: str, length: int) -> None:
    assert content_length(line) == length


def test_a_carriage_return_and_a_line_feed_from_two_edits_are_one_line_end() -> None:
    text = Text("ab")
    text.replace((0, 1), (0, 1), "\r")
    assert text.lines == ["a\r", "b"]
    text.replace((1, 0), (1, 0), "\n")
    assert text.lines == ["a\r\n", "b"]


@pytest.mark.parametrize(
    ("before", "start", "end", "new", "after"),
    [
        ("a\rX\nb", (1, 0), (1, 1), "", "a\r\nb"),  # what stood between them is deleted
        ("a\rX\n", (1, 0), (1, 1), "", "a\r\n"),
        ("a\rb\nc", (1, 0), (1, 0), "\nx", "a\r\nxb\nc"),
        ("a\rb\nc", (1, 0), (1, 0), "\n", "a\r\nb\nc"),
        ("a\rb", (1, 0), (1, 1), "\n", "a\r\n"),
        ("a\n\nb", (0, 1), (0, 1), "\r", "a\r\n\nb"),
        ("a\rX\n\nb", (1, 0), (2, 0), "\n", "a\r\n\nb"),
        ("\rX\n", (1, 0), (1, 1), "y\r", "\ry\r\n"),
    ],
)
def test_a_carriage_return_that_meets_a_line_feed_joins_it(
    before: str, start: Position, end: Position, new: str, after: str
) -> None:
    check(before, start, end, new, after)


@pytest.mark.parametrize(
    ("start", "end", "new", "after"),
    [
        ((0, 2), (0, 2), "x", "a\rx\nb"),
        ((0, 2), (0, 2), "\n", "a\r\n\nb"),
        ((0, 2), (0, 2), "\r", "a\r\r\nb"),
        ((0, 1), (0, 2), "", "a\nb"),
        ((0, 2), (1, 0), "", "a\rb"),
        ((0, 3), (0, 3), "x", "a\r\nxb"),
        ((0, 2), (1, 1), "\n", "a\r\n"),
    ],
)
def test_an_edit_inside_a_crlf_splits_it_rightly(
    start: Position, end: Position, new: str, after: str
) -> None:
    check("a\r\nb", start, end, new, after)


@pytest.mark.parametrize(
    ("start", "end", "after"),
    [
        ((1, 1), (0, 1), "aXd\n"),
        ((-5, 3), (0, 0), "Xab\ncd\n"),
        ((9, 0), (9, 9), "ab\ncd\nX"),
        ((0, -3), (0, 1), "Xb\ncd\n"),
        ((0, 99), (0, 99), "ab\nXcd\n"),
    ],
)
def test_reversed_and_outlying_positions_are_brought_into_the_text(
    start: Position, end: Position, after: str
) -> None:
    check("ab\ncd\n", start, end, "X", after)


def test_replace_returns_what_was_there() -> None:
    assert Text("ab\r\ncd\nef").replace((0, 1), (2, 1), "") == "b\r\ncd\ne"


def test_an_edit_touches_no_other_line_object() -> None:
    text = Text("".join(f"line {row}\n" for row in range(100)))
    before = list(text.lines)
    text.replace((50, 3), (50, 4), "x")
    changed = [row for row, line in enumerate(text.lines) if line is not before[row]]
    assert changed == [50]


@pytest.mark.parametrize(
    ("before", "start", "end", "new"),
    [
        ("\ud83d", (0, 1), (0, 1), "\ude00"),
        ("\ude00", (0, 0), (0, 0), "\ud83d"),
        ("\ud83dx\ude00", (0, 1), (0, 2), ""),
        ("\ud83d\n\ude00", (0, 1), (1, 0), ""),
        ("a\ud83dx\ude00b", (0, 2), (0, 3), "\ude00c\ud83d"),
        ("", (0, 0), (0, 0), "\ud83d\ude00"),
    ],
)
def test_surrogate_halves_that_meet_become_one_character(
    before: str, start: Position, end: Position, new: str
) -> None:
    lines = [line.split("\n")[0] for line in before.split("\n")]
    head, tail = lines[start[0]][: start[1]], lines[end[0]][end[1] :]
    text = check(before, start, end, new, joined(head + new + tail))
    assert "\U0001f600" in text.text


def test_a_surrogate_without_partner_stays_as_it_is() -> None:
    assert join_surrogates("a\ude00\ud83d") == "a\ude00\ud83d"
    check("a", (0, 1), (0, 1), "\ud83d", "a\ud83d")


def test_the_slice_of_a_range_has_its_terminators() -> None:
    text = Text("ab\r\ncd\ref\n")
    assert text.slice((0, 1), (2, 1)) == "b\r\ncd\re"
    assert text.slice((2, 1), (0, 1)) == "b\r\ncd\re"
    assert text.slice((0, 0), text.end) == text.text
