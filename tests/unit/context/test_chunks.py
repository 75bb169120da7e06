"""Chunks of files, and which of them matter."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from twinny_lsp.context.chunks import _HARD, cut, rank
from twinny_lsp.context.focus import look
from twinny_lsp.documents.text import split_lines

SOURCE = '''import os


def first(alpha, beta):
    """Doc."""
    return alpha + beta


class Second:
    def one(self, gamma):
        value = gamma
        other = value

        return other

    def two(self, delta):
        return delta
'''


def test_chunks_begin_where_the_margin_has_something() -> None:
    lines = split_lines(SOURCE)
    first, second = "def first(alpha, beta):", "class Second:"
    assert [lines[chunk.first].strip() for chunk in cut(lines)] == [first, second]
    twice = lines[:-1] + lines
    assert [twice[chunk.first].strip() for chunk in cut(twice)] == [first, second, first, second]


def test_an_edit_moves_few_chunks() -> None:
    lines = split_lines("".join(f"def name_{n}():\n    a_{n} = 1\n    return a_{n}\n\n\n" for n in range(50)))
    before = [chunk.names for chunk in cut(lines)]
    lines[100:100] = ["inserted_one = 1\n", "\n", "inserted_two = 2\n"]
    after = [chunk.names for chunk in cut(lines)]
    assert len(set(before) - set(after)) <= 2


@given(st.lists(st.sampled_from(["name\n", "    inner\n", "\n", "}\n", "  \n", "\tx = name\n"]), min_size=1))
def test_chunks_lie_side_by_side_and_are_bounded(lines: list[str]) -> None:
    chunks = cut(lines)
    for one, other in pairwise(chunks):
        assert one.last < other.first
    for chunk in chunks:
        assert 0 <= chunk.first <= chunk.last < len(lines)
        filled = sum(bool(line.strip()) for line in lines[chunk.first : chunk.last + 1])
        assert filled <= _HARD + 1
    named = {row for row, line in enumerate(lines) if "name" in line or "inner" in line}
    assert named <= {row for chunk in chunks for row in range(chunk.first, chunk.last + 1)}


def test_definitions_and_rare_names_matter_more() -> None:
    files = [
        "def rare_name(one, two):\n    return one\n",
        "value = rare_name(common)\nother = rare_name\n",
        "common = 1\ncommon_two = common\n",
        "common = 2\n",
        "nothing_shared = 1\n",
    ]
    focus = look(["common = 1\n", "rare_name(\n"], 1, 10)
    ranked = rank([cut(split_lines(text)) for text in files], focus, 10)
    assert [one.file for one in ranked[:2]] == [0, 1]
    assert {one.file for one in ranked} == {0, 1, 2, 3}
    assert ranked[0].names[0] == "rare_name"


def test_nothing_in_common() -> None:
    assert rank([cut(["some_name = 1\n"])], look(["another_name\n"], 0, 0), 5) == []
    assert rank([], look(["another_name\n"], 0, 0), 5) == []
