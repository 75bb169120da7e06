from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from twinny_lsp.chat.edits import alignment
from twinny_lsp.chat.edits.alignment import Run, aligned

LINES = st.lists(st.sampled_from("abcdefgh"), max_size=30)


@given(LINES, LINES, st.sampled_from((0, 20, 20_000)))
def test_runs_are_equal_lines_in_order_and_apart(old: list[str], new: list[str], small: int) -> None:
    """Also where difflib is not asked."""
    before, alignment._SMALL = alignment._SMALL, small
    try:
        runs = aligned(old, new)
    finally:
        alignment._SMALL = before
    a = b = -1
    for run in runs:
        assert run.size > 0
        assert old[run.old : run.old + run.size] == new[run.new : run.new + run.size]
        assert run.old >= a
        assert run.new >= b
        assert (run.old, run.new) != (a, b)
        a, b = run.old + run.size, run.new + run.size


def test_lines_that_occur_once_are_found_amid_thousands_that_repeat() -> None:
    old = [line for number in range(3_000) for line in (f"def f{number}", "{", "", "}")]
    new = ["top", *old[:4_000], *old[4_400:9_000], "middle", *old[9_000:]]
    assert aligned(old, new) == [Run(0, 1, 4_000), Run(4_400, 4_001, 4_600), Run(9_000, 8_602, 3_000)]
