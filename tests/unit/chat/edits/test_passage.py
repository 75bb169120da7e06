"""Passages, the edits to them, and where they are after the document moved on."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinny_lsp.chat.edits.changes import edits
from twinny_lsp.chat.edits.decide import Replacement, decide
from twinny_lsp.chat.edits.passage import Edit, Passage, Span, applied, passage
from twinny_lsp.chat.edits.rebase import rebased
from twinny_lsp.documents.text import split_lines
from twinny_lsp.exchange import Finish

LINES = st.lists(
    st.sampled_from(("a", "b", "    b", "", "  ", "\tc", "def f():", "}", "é🙂", "a\x0cb")), max_size=12
)
ENDS = st.sampled_from(("\n", "\r\n", "\r"))
TEXTS = st.builds(lambda lines, end: end.join(lines), LINES, ENDS)
MIXED = st.lists(st.tuples(LINES.map(lambda each: "".join(each[:1])), ENDS), max_size=8).map(
    lambda pairs: "".join(line + end for line, end in pairs)
)
PLACE = st.tuples(st.integers(-1, 14), st.integers(-1, 8))


@st.composite
def passages(draw: st.DrawFn) -> Passage:
    text = draw(st.one_of(TEXTS, MIXED))
    return passage(split_lines(text), Span(draw(PLACE), draw(PLACE)), draw(st.sampled_from(("python", "c"))))


def offset(lines: tuple[str, ...], place: tuple[int, int]) -> int:
    return sum(map(len, lines[: place[0]])) + place[1]


def outside(of: Passage) -> tuple[str, str]:
    text = "".join(of.lines)
    return text[: offset(of.lines, of.span.start)], text[offset(of.lines, of.span.end) :]


@given(passages(), st.one_of(TEXTS, MIXED))
def test_minimal_edits_come_to_the_same_as_replacing_all(of: Passage, new: str) -> None:
    before, after = outside(of)
    # A terminator must not be made of halves of the two sides; decide never ends a text in \r.
    new = new.rstrip("\r")
    if before.endswith("\r") and new.startswith("\n"):
        return
    assert applied(of.lines, edits(of, new)) == before + new + after


@given(passages(), st.one_of(TEXTS, MIXED))
def test_an_edit_never_leaves_its_passage(of: Passage, new: str) -> None:
    last = of.span.start
    for edit in edits(of, new):
        assert last <= edit.start <= edit.end <= of.span.end
        last = edit.end


@given(passages())
def test_the_same_text_is_no_edit(of: Passage) -> None:
    assert edits(of, of.original) == ()


ANSWERS = st.lists(
    st.sampled_from(
        (
            "```",
            "```python",
            "~~~",
            "<think>",
            "</think>",
            "Here is the code:",
            "def f():",
            "    b",
            "a",
            "}",
            "{",
            "@@",
            "-a",
            "+b",
            " a",
            "<<<<<<< SEARCH",
            "=======",
            ">>>>>>> REPLACE",
            "# ... rest unchanged",
            "<|im_end|>",
            "import x",
            "[PYTHON]",
            "I'm sorry",
            "",
        )
    ),
    max_size=14,
).map("\n".join)


@settings(max_examples=400)
@given(passages(), ANSWERS, st.sampled_from(Finish))
def test_whatever_the_model_writes_nothing_outside_is_touched(of: Passage, text: str, end: Finish) -> None:
    outcome = decide(text, of, finish=end)
    if not isinstance(outcome, Replacement):
        assert outcome.message
        return
    before, after = outside(of)
    whole = applied(of.lines, edits(of, outcome.text))
    assert whole == before + outcome.text + after
    assert not outcome.text.endswith(("\r", "\n")) or of.original.endswith(("\r", "\n"))


def test_one_changed_line_is_one_edit_of_one_line() -> None:
    of = passage(["def f():\n", "    a = 1\n", "    return a\n"], Span((0, 0), (2, 12)), "python")
    assert edits(of, "def f():\n    a = 2\n    return a") == (Edit((1, 0), (2, 0), "    a = 2\n"),)


@pytest.mark.parametrize(
    ("span", "text", "inline"),
    [
        (Span((0, 2), (1, 3)), "ab\n  cd\n", False),  # several lines mean these lines
        (Span((0, 0), (1, 0)), "ab\n", False),  # a line selected with its end
        (Span((1, 2), (1, 4)), "  cd\n", False),  # nothing else on the line
        (Span((1, 3), (1, 4)), "d", True),
        (Span((1, 4), (1, 3)), "d", True),
        (Span((9, 9), (9, 9)), "", False),
    ],
)
def test_what_a_selection_means(span: Span, text: str, inline: bool) -> None:
    of = passage(["ab\n", "  cd\n", ""], span, "python")
    assert (of.original, of.inline) == (text.removesuffix("\n"), inline)


@given(passages(), st.lists(st.sampled_from(("new\n", "other\n")), max_size=4), st.booleans())
def test_lines_put_in_elsewhere_only_move_a_passage(of: Passage, new: list[str], above: bool) -> None:
    lines = [*new, *of.lines] if above else [*of.lines[:-1], of.lines[-1] + "\n", *new, ""]
    moved = rebased(of, lines)
    assert moved is not None
    assert moved.code == of.code


def test_changes_above_and_below_at_once() -> None:
    lines = [f"line {number}\n" for number in range(200)]
    of = passage(lines, Span((100, 0), (104, 0)), "python")
    changed = ["top\n", *lines[:50], *lines[60:150], "middle\n", *lines[150:]]
    moved = rebased(of, changed)
    assert moved is not None
    assert moved.span.start == (91, 0)
    assert moved.original == of.original


@pytest.mark.parametrize("row", [100, 102, 103])
def test_a_changed_line_of_the_passage_is_told(row: int) -> None:
    lines = [f"line {number}\n" for number in range(200)]
    of = passage(lines, Span((100, 0), (104, 0)), "python")
    assert rebased(of, [*lines[:row], "changed\n", *lines[row + 1 :]]) is None
    assert rebased(of, [*lines[:row], *lines[row + 1 :]]) is None


def test_a_line_put_in_within_the_passage_is_told() -> None:
    lines = [f"line {number}\n" for number in range(20)]
    of = passage(lines, Span((10, 0), (14, 0)), "python")
    assert rebased(of, [*lines[:12], "new\n", *lines[12:]]) is None


def test_a_passage_in_a_file_too_large_to_compare_is_found_if_it_is_there_once() -> None:
    lines = [f"line {number}\n" for number in range(5_000)]
    of = passage(lines, Span((2_500, 0), (2_504, 0)), "python")
    other = [f"other {number}\n" for number in range(5_000)]
    moved = rebased(of, [*other[:300], *lines[2_490:2_520], *other[300:]])
    assert moved is not None
    assert moved.span.start == (310, 0)
    twice = [*other[:300], *lines[2_490:2_520], *lines[2_490:2_520], *other]
    assert rebased(of, twice) is None
