"""The order of a notebook's cells."""

from __future__ import annotations

import pytest

from twinny_lsp.documents.notebook import Cell, CellKind, Notebook

TEXTS = {"a": "import os\n", "b": "# Title", "c": "x = 1", "d": " \n", "e": "y = 2"}


def notebook(names: str = "abcde") -> Notebook:
    cells = [Cell(name, CellKind.MARKUP if name == "b" else CellKind.CODE) for name in names]
    return Notebook("file:///n.ipynb", "jupyter-notebook", 1, cells)


def uris(book: Notebook) -> str:
    return "".join(cell.uri for cell in book.cells)


@pytest.mark.parametrize(
    ("cell", "before", "after"),
    [
        ("a", (), ("x = 1", "y = 2")),
        ("b", ("import os\n",), ("x = 1", "y = 2")),
        ("c", ("import os\n",), ("y = 2",)),
        ("e", ("import os\n", "x = 1"), ()),
        ("unknown", (), ()),
    ],
)
def test_neighbours_are_the_other_code_cells_that_hold_something(
    cell: str, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    assert notebook().neighbours(cell, TEXTS.get) == (before, after)


def test_a_cell_whose_text_is_not_known_is_left_out() -> None:
    assert notebook().neighbours("c", lambda uri: None if uri == "a" else TEXTS[uri]) == ((), ("y = 2",))


@pytest.mark.parametrize(
    ("start", "delete", "new", "left", "gone"),
    [
        (1, 2, "xy", "axyde", "bc"),
        (5, 0, "x", "abcdex", ""),
        (0, 5, "", "", "abcde"),
        (3, 99, "", "abc", "de"),
        (99, 1, "x", "abcdex", ""),
        (-3, -1, "x", "xabcde", ""),
    ],
)
def test_a_splice_replaces_cells_and_tells_which_went(
    start: int, delete: int, new: str, left: str, gone: str
) -> None:
    book = notebook()
    removed = book.splice(start, delete, [Cell(name, CellKind.CODE) for name in new])
    assert uris(book) == left
    assert "".join(cell.uri for cell in removed) == gone


def test_a_cell_can_become_code() -> None:
    book = notebook("abc")
    book.update([Cell("b", CellKind.CODE), Cell("stranger", CellKind.CODE)])
    assert uris(book) == "abc"
    assert book.neighbours("c", TEXTS.get) == (("import os\n", "# Title"), ())


def test_a_notebook_knows_its_cells() -> None:
    assert "a" in notebook()
    assert "z" not in notebook()
