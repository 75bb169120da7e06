"""Positions in a client's units and in code points."""

from __future__ import annotations

import pytest

from tests.unit.documents.reference import ENCODINGS, PIECES, units_of
from twinny_lsp.documents.encoding import (
    Encoding,
    characters_in_bytes,
    column_from_units,
    position_from_client,
    position_to_client,
    range_from_client,
    units,
    units_from_column,
)

LINES = ("ab\r\n", "x😀é漢\n", "\r", "é")


@pytest.mark.parametrize("encoding", Encoding)
def test_every_column_goes_to_the_client_and_back(encoding: Encoding) -> None:
    line = "".join(PIECES).replace("\ud83d", "") * 3 + "\ud83d\r\n"
    for column in range(len(line) - 1):
        character = units_from_column(line, column, encoding)
        assert character == sum(units_of(char, encoding.value) for char in line[:column])
        assert column_from_units(line, character, encoding) == column


@pytest.mark.parametrize(
    ("encoding", "columns"),
    [
        (Encoding.UTF8, [0, 1, 1, 1, 1, 2, 2, 3, 3, 3, 4, 4]),
        (Encoding.UTF16, [0, 1, 1, 2, 3, 4, 4]),
        (Encoding.UTF32, [0, 1, 2, 3, 4, 4]),
    ],
)
def test_a_position_inside_a_character_is_its_start(encoding: Encoding, columns: list[int]) -> None:
    assert [column_from_units(LINES[1], at, encoding) for at in range(len(columns))] == columns


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("line", LINES)
def test_past_the_end_of_a_line_is_before_its_terminator(line: str, encoding: Encoding) -> None:
    end = len(line.rstrip("\r\n"))
    for character in (units(line, encoding), 99, 2**31 - 1):
        assert column_from_units(line, character, encoding) == end
    assert units_from_column(line, 99, encoding) == units(line[:end], encoding)


@pytest.mark.parametrize("encoding", Encoding)
def test_outside_the_document_is_its_start_or_end(encoding: Encoding) -> None:
    assert position_from_client(LINES, 4, 0, encoding) == (3, 1)
    assert position_from_client(LINES, 2**31 - 1, 2**31 - 1, encoding) == (3, 1)
    assert position_from_client(LINES, -1, 5, encoding) == (0, 0)
    assert position_from_client(LINES, 1, -5, encoding) == (1, 0)
    assert position_from_client(("a\n", ""), 1, 7, encoding) == (1, 0)
    assert position_to_client(LINES, 9, 0, encoding) == (3, units("é", encoding))
    assert position_to_client(LINES, -1, 3, encoding) == (0, 0)
    assert position_to_client(LINES, 0, -3, encoding) == (0, 0)


def test_a_reversed_range_is_swapped() -> None:
    assert range_from_client(LINES, (1, 3, 0, 1), Encoding.UTF16) == ((0, 1), (1, 2))


@pytest.mark.parametrize(("encoding", "size"), [("utf-8", 3), ("utf-16", 1), ("utf-32", 1)])
def test_a_lone_surrogate_has_the_size_of_one_unit(encoding: str, size: int) -> None:
    for half in ("\ud83d", "\ude00"):
        assert units(half, Encoding(encoding)) == size
        assert column_from_units(f"{half}b\n", size, Encoding(encoding)) == 1
        assert column_from_units(f"{half}b\n", size + 1, Encoding(encoding)) == 2


def test_two_halves_that_were_never_joined_are_still_two_characters() -> None:
    line = "\ud83d\ude00b"
    assert [column_from_units(line, at, Encoding.UTF16) for at in range(4)] == [0, 1, 2, 3]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_long_line_gives_the_same_columns_as_walking_it(encoding: str) -> None:
    line = "".join(piece * 7 for piece in PIECES) * 3
    walked = 0
    for column, char in enumerate(line):
        assert column_from_units(line, walked, Encoding(encoding)) == column
        walked += units_of(char, encoding)


class Counted(str):
    """A line that tells how much of it was looked at."""

    __slots__ = ("seen",)
    seen: int

    def __getitem__(self, key: object) -> str:
        part = super().__getitem__(key)  # type: ignore[index]
        self.seen = max(getattr(self, "seen", 0), len(part))
        return part

    def encode(self, *_: object) -> bytes:
        raise AssertionError("the whole line was encoded")


@pytest.mark.parametrize("encoding", Encoding)
def test_only_what_stands_before_the_position_is_read(encoding: Encoding) -> None:
    line = Counted("é😀" * 1000)
    column_from_units(line, 10, encoding)
    units_from_column(line, 5, encoding)
    assert getattr(line, "seen", 0) <= 10


@pytest.mark.parametrize(
    ("size", "characters"),
    [(-1, 0), (0, 0), (1, 1), (4, 1), (5, 2), (6, 2), (7, 3), (9, 3), (10, 4), (99, 4)],
)
def test_only_whole_characters_fit_into_bytes(size: int, characters: int) -> None:
    assert characters_in_bytes("x😀é漢", size) == characters
