"""Which pieces are shown, in which order, and how long they stay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from twinny_lsp.context.pieces import Piece, Source
from twinny_lsp.context.selection import STAYS, Window, choose, ordered, rendered
from twinny_lsp.exchange import ContextFile

NO_WINDOW = Window("own.py", range(0), "")


def piece(
    text: str, score: float = 1.0, source: Source = Source.OPEN, path: str = "a.py", row: int = 0
) -> Piece:
    return Piece(source, path, tuple(range(row, row + text.count("\n") + 1)), text, score, "why")


def texts(pieces: tuple[Piece, ...]) -> list[str]:
    return [one.text for one in pieces]


def test_the_best_that_fit() -> None:
    candidates = [piece(f"text {n} " + "x" * 80, n, row=10 * n) for n in range(10)]
    chosen = choose(candidates, (), 320, NO_WINDOW)
    assert {one.score for one in chosen} == {7.0, 8.0, 9.0}
    assert rendered(chosen).size <= 320
    assert choose(candidates, (), 30, NO_WINDOW) == ()


def test_a_source_leaves_room_for_the_others_and_takes_what_they_leave() -> None:
    imports = [piece(f"import {n} " + "x" * 60, 10, Source.IMPORTS, f"{n}.py") for n in range(20)]
    opened = [piece(f"open {n} " + "x" * 60, 1, Source.OPEN, f"{n}.py", 50) for n in range(20)]
    both = choose([*imports, *opened], (), 1000, NO_WINDOW)
    assert {one.source for one in both} == {Source.IMPORTS, Source.OPEN}
    alone = choose(imports, (), 1000, NO_WINDOW)
    assert len(alone) > sum(one.source is Source.IMPORTS for one in both)


def test_what_is_shown_stays_until_something_is_clearly_better() -> None:
    old = [piece(f"old {n}" + "x" * 40, 10, path=f"{n}.py", row=0) for n in range(3)]
    budget = sum(one.size + len(one.path) + 16 for one in old)
    shown = choose(old, (), budget, NO_WINDOW)
    assert len(shown) == 3
    little = piece("new" + "x" * 42, 10 * STAYS - 1, path="n.py")
    assert choose([little, *reversed(old)], shown, budget, NO_WINDOW) == shown
    much = replace(little, score=10 * STAYS + 1)
    changed = choose([much, *old], shown, budget, NO_WINDOW)
    assert changed[-1] == much
    assert [one for one in shown if one in changed] == list(changed[:-1])
    assert len(changed) == 3


def test_a_new_piece_stands_behind_those_that_stay_and_edits_behind_all() -> None:
    edit = piece("first edit", 5, Source.EDITS, "e.py")
    late = piece("late edit", 6, Source.EDITS, "f.py")
    one, two = piece("one", 1, Source.IMPORTS, "z.py"), piece("two", 2, path="b.py")
    shown = choose([edit, one], (), 10_000, NO_WINDOW)
    assert texts(shown) == ["one", "first edit"]
    later = choose([late, two, edit, one], shown, 10_000, NO_WINDOW)
    assert texts(later) == ["one", "two", "first edit", "late edit"]


def test_a_newer_edit_takes_an_older_ones_place() -> None:
    old = piece("old edit", 1000, Source.EDITS, "e.py")
    new = piece("new edit", 1001, Source.EDITS, "f.py")
    shown = choose([old], (), 50, NO_WINDOW)
    assert texts(shown) == ["old edit"]
    assert texts(choose([old, new], shown, 50, NO_WINDOW)) == ["new edit"]


def test_the_same_input_gives_the_same_order_whatever_order_it_comes_in() -> None:
    candidates = [piece(f"t{n}" * 9, n % 3, path=f"{n % 4}.py", row=n * 10) for n in range(12)]
    assert choose(candidates, (), 10_000, NO_WINDOW) == choose(candidates[::-1], (), 10_000, NO_WINDOW)


def test_nothing_twice() -> None:
    window = Window("own.py", range(10, 20), "in the window\nanother line\n")
    candidates = [
        piece("rows of\nthe window", path="own.py", row=15),
        piece("in the window", path="copy.py"),
        piece("some\ntext", 3, path="b.py", row=1),
        piece("text\nmore", 2, Source.RELATED, path="b.py", row=2),
        piece("some\ntext", 1, path="c.py"),
        piece("outside", path="own.py", row=30),
    ]
    assert sorted(texts(choose(candidates, (), 10_000, window))) == ["outside", "some\ntext"]


def test_members_stand_under_the_line_of_their_class() -> None:
    head = "class A:"
    of = Source.IMPORTS
    whole = replace(piece("class A:\n    x: int", 5, of, row=0), opens=head)
    members = [
        replace(piece(f"    def {name}(self): ...", n, of, row=10 + n), head=head)
        for n, name in enumerate("fg")
    ]
    other = piece("def top(): ...", 1, of, row=40)
    inner = replace(piece("    def h(self): ...", 1, of, "b.py"), head="class B:")
    chosen = choose([other, *members, whole, inner], (), 10_000, NO_WINDOW)
    files = {file.path: file.text for file in rendered(chosen).files}
    assert files == {
        "a.py": "class A:\n    x: int\n    def f(self): ...\n    def g(self): ...\ndef top(): ...\n",
        "b.py": "class B:\n    def h(self): ...\n",
    }


def test_files_are_joined_only_with_their_neighbours() -> None:
    pieces = [piece("1"), piece("2", row=5), piece("3", path="b.py"), piece("4", row=9)]
    gathered = rendered(pieces)
    files = [("a.py", "1\n2\n"), ("b.py", "3\n"), ("a.py", "4\n")]
    assert gathered.files == tuple(ContextFile(path, text) for path, text in files)
    assert [told.path for told in gathered.told] == ["a.py", "a.py", "b.py", "a.py"]


@pytest.mark.parametrize("count", [1, 2, 11])
def test_cells_keep_the_notebooks_order(count: int) -> None:
    cells = [piece(f"cell {n}", 1 / (n + 1), Source.CELLS, f"n cell {n}", n) for n in range(count)]
    assert list(ordered(cells[::-1], ())) == cells


def test_sizes_are_bytes() -> None:
    chosen = choose([piece("ä" * 50)], (), 90, NO_WINDOW)
    assert chosen == ()
