"""The window that goes into a prompt: within its budget, in whole lines, and steady while one types."""

from __future__ import annotations

import itertools
import random

import pytest

from tests.unit.documents.reference import Maker
from twinny_lsp.documents.document import Document
from twinny_lsp.documents.encoding import Encoding
from twinny_lsp.documents.snapshot import Snapshot
from twinny_lsp.documents.text import byte_length, split_lines
from twinny_lsp.documents.windows import FLOW_STEP, Window, estimate_tokens, window


def at(text: str, row: int, column: int) -> Snapshot:
    return Snapshot("file:///a", "python", 1, tuple(split_lines(text)), row, column)


def numbered(count: int, width: int = 30) -> str:
    return "".join(f"line {row}".ljust(width - 1, ".") + "\n" for row in range(count))


def test_a_small_document_is_taken_whole() -> None:
    text = numbered(20)
    assert window(at(text, 10, 4), 1000, 500) == Window(text[:304], text[304:], 0, 20)


def test_tokens_are_estimated_from_bytes() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("abcd") == 2
    assert estimate_tokens("漢漢") == 2
    assert estimate_tokens("abcd", 4) == 1
    assert estimate_tokens("\ud83d") == 1


def test_the_window_stays_within_its_budget_and_is_what_stands_around_the_cursor() -> None:
    dice = random.Random(5)
    for seed in range(300):
        text = Maker(seed, dice.choice(("lf", "crlf", "cr", "mixed"))).text(200)
        lines = split_lines(text)
        row = dice.randrange(len(lines))
        column = dice.randint(0, len(lines[row].rstrip("\r\n")))
        snapshot = at(text, row, column)
        before, after = dice.randint(0, 120), dice.randint(0, 80)
        got = window(snapshot, before, after)
        assert byte_length(got.prefix + got.suffix) <= (before + after) * 3
        offset = sum(len(line) for line in lines[:row]) + column
        assert text[:offset].endswith(got.prefix)
        assert text[offset:].startswith(got.suffix)


def test_prefix_and_suffix_are_whole_lines_and_at_least_seven_eighths_of_the_budget() -> None:
    text = numbered(1000)
    got = window(at(text, 500, 7), 400, 200)
    assert got.prefix.startswith(f"line {got.first_row}.")
    assert 1020 <= len(got.prefix) <= 1200
    assert got.suffix.endswith("\n")
    assert 570 <= len(got.suffix) <= 600
    assert split_lines(text)[got.last_row] == got.suffix[-30:]


def type_on(text: str, row: int, keys: str, budget: tuple[int, int]) -> list[Window]:
    """The windows at each of `keys`, typed at the start of `row`."""
    document = Document("file:///a", "python", 1, text, Encoding.UTF16)
    column = 0
    windows: list[Window] = []
    for key in keys:
        document.apply_incremental((row, column, row, column), key)
        row, column = (row + 1, 0) if key == "\n" else (row, column + 1)
        windows.append(window(document.snapshot(row, column), *budget))
    return windows


def test_typing_moves_the_start_seldom_and_by_many_lines() -> None:
    windows = type_on(numbered(2000), 700, ("x" * 29 + "\n") * 200, (1792, 256))
    starts = [got.first_row for got in windows]
    moves = [(old, new) for old, new in itertools.pairwise(starts) if old != new]
    assert 1 <= len(moves) <= 20  # 200 lines of 30 bytes; the window holds about 180
    assert all(new - old >= 8 for old, new in moves)
    assert len({got.suffix for got in windows}) == 1


def test_typing_at_the_top_moves_the_end_of_the_suffix_seldom() -> None:
    windows = type_on(numbered(2000), 10, "x" * 600, (1792, 256))
    assert {got.first_row for got in windows} == {0}
    assert len({len(got.suffix) for got in windows}) <= 600 // FLOW_STEP + 2


def test_the_window_begins_where_the_last_one_did_if_that_fits() -> None:
    here = at(numbered(2000), 700, 5)
    assert window(here, 1792, 256, first_row=690).first_row == 690
    assert window(here, 1792, 256, first_row=690).prefix.startswith("line 690")
    usual = window(here, 1792, 256)
    for row in (0, 100, 701, 5000, -1):
        assert window(here, 1792, 256, first_row=row) == usual


def test_what_one_side_leaves_unused_goes_to_the_other() -> None:
    text = numbered(1000)
    near_the_end = window(at(text, 995, 0), 400, 200)
    assert len(near_the_end.suffix) == 5 * 30
    assert len(near_the_end.prefix) > 1200
    near_the_start = window(at(text, 5, 0), 400, 200)
    assert len(near_the_start.prefix) == 5 * 30
    assert 1100 < len(near_the_start.suffix) <= 1200, "twice its own budget"


@pytest.mark.parametrize("char", ["x", "é", "😀"])
def test_a_giant_line_is_cut_near_the_cursor_at_steady_columns(char: str) -> None:
    line = char * 100_000
    starts: set[int] = set()
    for column in range(50_000, 50_064):
        got = window(at(line, 0, column), 400, 200)
        assert 900 - 4 <= byte_length(got.prefix) <= 1200
        assert 600 - 4 <= byte_length(got.suffix) <= 600
        starts.add(column - len(got.prefix))
    assert len(starts) <= 3


def test_a_part_of_a_giant_neighbour_is_taken_when_the_window_would_be_empty() -> None:
    text = f"{'x' * 10_000}\nhere\n{'y' * 10_000}\n"
    got = window(at(text, 1, 2), 400, 200)
    assert got.prefix.endswith("x\nhe")
    assert 900 <= len(got.prefix) <= 1200
    assert got.suffix.startswith("re\ny")
    assert len(got.suffix) == 600
    assert (got.first_row, got.last_row) == (0, 2)


def test_budgets_of_nothing_give_nothing() -> None:
    assert window(at("abc\ndef\nghi", 1, 2), 0, 0) == Window("", "", 1, 1)
    assert window(at("abc\ndef\nghi", 1, 2), -5, -5) == Window("", "", 1, 1)


def test_a_cursor_outside_the_document_is_brought_into_it() -> None:
    assert window(at("abc\n", 9, 9), 100, 100) == Window("abc\n", "", 0, 1)
    assert window(Snapshot("u", "python", 1, (), 0, 0), 100, 100) == Window("", "", 0, 0)


def test_only_the_lines_of_the_window_are_read() -> None:
    rows: set[int] = set()

    class Watched(tuple[str, ...]):
        def __getitem__(self, key: object) -> object:  # type: ignore[override]
            if isinstance(key, int):
                rows.add(key)
            return super().__getitem__(key)  # type: ignore[index]

    lines = Watched(split_lines(numbered(30_000)))
    window(Snapshot("u", "python", 1, lines, 15_000, 3), 1792, 256)
    assert 0 < len(rows) < 400
