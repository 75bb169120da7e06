"""The views of a snapshot."""

from __future__ import annotations

import pytest

from twinny_lsp.documents.snapshot import Snapshot
from twinny_lsp.documents.text import split_lines


def at(text: str, row: int, column: int) -> Snapshot:
    return Snapshot("file:///a", "python", 1, tuple(split_lines(text)), row, column)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_line_is_cut_at_the_cursor_without_its_terminator(end: str) -> None:
    snapshot = at(f"one{end}two{end}", 1, 1)
    assert (snapshot.line, snapshot.line_before, snapshot.line_after) == (f"two{end}", "t", "wo")


def test_separators_inside_a_line_are_part_of_what_comes_after() -> None:
    assert at("ab\x85\u2028\n", 0, 1).line_after == "b\x85\u2028"


@pytest.mark.parametrize(
    ("size", "prefix"),
    [(-1, ""), (0, ""), (1, "h"), (2, "gh"), (4, "gh"), (5, "ef\ngh"), (9, "cd\r\nef\ngh")],
)
def test_a_prefix_has_whole_lines_where_that_is_possible(size: int, prefix: str) -> None:
    assert at("ab\ncd\r\nef\nghij\n", 3, 2).prefix(size) == prefix


@pytest.mark.parametrize(
    ("size", "suffix"),
    [
        (-1, ""),
        (0, ""),
        (1, "b"),
        (2, "b"),
        (3, "b\r\n"),
        (5, "b\r\n"),
        (6, "b\r\ncd\n"),
        (99, "b\r\ncd\nef"),
    ],
)
def test_a_suffix_has_whole_lines_where_that_is_possible(size: int, suffix: str) -> None:
    assert at("ab\r\ncd\nef", 0, 1).suffix(size) == suffix


def test_a_row_behind_the_last_line_has_everything_before_it() -> None:
    snapshot = at("a\nb", 5, 3)
    assert (snapshot.line_before, snapshot.line_after, snapshot.suffix(9)) == ("", "", "")
    assert snapshot.prefix(9) == "a\nb"


class NoCopy(tuple[str, ...]):
    """Lines that may be looked at one by one, but not be copied in bulk."""

    def __getitem__(self, key: object) -> str:  # type: ignore[override]
        assert isinstance(key, int)
        return super().__getitem__(key)

    def __iter__(self) -> None:  # type: ignore[override]
        raise AssertionError("all lines were walked")


def test_a_long_list_of_lines_is_not_copied() -> None:
    snapshot = Snapshot("file:///a", "python", 1, NoCopy(["a\n"] * 30_000), 15_000, 1)
    assert snapshot.prefix(5) == "a\na\na"
    assert snapshot.suffix(5) == "\na\na\n"
