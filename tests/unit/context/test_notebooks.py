from __future__ import annotations

from twinny_lsp.context.notebooks import MAX_CHARS, cells_as_files
from twinny_lsp.exchange import ContextFile


def test_cells_keep_their_order_and_number() -> None:
    assert cells_as_files("a.ipynb", ["x = 1\n", "  \n", "y = 2\n"], ["print(y)\n"]) == (
        ContextFile("a.ipynb cell 1", "x = 1\n"),
        ContextFile("a.ipynb cell 3", "y = 2\n"),
        ContextFile("a.ipynb cell 5", "print(y)\n"),
    )


def test_the_nearest_cells_before_count_first() -> None:
    big = "x" * (MAX_CHARS // 2)
    assert [cell.path for cell in cells_as_files("n", [big, big, big], [big])] == ["n cell 2", "n cell 3"]


def test_no_other_cells() -> None:
    assert cells_as_files("n", [], []) == ()
