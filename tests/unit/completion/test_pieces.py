"""Shape, place, cache, stop words and cutter by themselves, with random texts where that says more."""

from __future__ import annotations

import random

import pytest

from tests.golden.completion.check import cases, snapshot_of
from twinny_lsp.completion.around import look_around
from twinny_lsp.completion.cutter import Cutter, Reading, StopWords
from twinny_lsp.completion.filters import FilterInput, clean
from twinny_lsp.completion.loops import loop_start
from twinny_lsp.completion.shape import Kind, decide, right_allows_automatic
from twinny_lsp.completion.text import newline_style, unclosed, unmatched_closers
from twinny_lsp.config.resolved import Multiline


@pytest.mark.parametrize(
    ("text", "language", "kind", "opened"),
    [
        ("x = █\n", "python", Kind.LINE, False),
        ("def f():\n    █\n", "python", Kind.BLOCK, True),
        ("def f():█\n", "python", Kind.BLOCK, True),
        ("async def f():█\n", "python", Kind.BLOCK, True),
        ('d = {"a":█\n', "python", Kind.LINE, False),
        ("let x:█\n", "typescript", Kind.LINE, False),
        ("a = 1\n█\n", "python", Kind.BLOCK, False),
        ("f(█)\n", "python", Kind.LINE, False),
        ("f(█, b)\n", "python", Kind.REST, False),
        ("xs.map((x) => {█\n", "javascript", Kind.BLOCK, True),
        ("func f() int {█\n", "go", Kind.BLOCK, True),
        ("if [ -f x ]; then█\n", "shellscript", Kind.BLOCK, True),
        ("def f(a)█\n", "ruby", Kind.BLOCK, True),
        ("def f(a) = a end█\n", "ruby", Kind.LINE, False),
        ("xs.each do |x|█\n", "ruby", Kind.BLOCK, True),
        ("local function f(x)█\n", "lua", Kind.BLOCK, True),
        ("key:█\n", "yaml", Kind.BLOCK, True),
    ],
)
def test_shape(text: str, language: str, kind: Kind, opened: bool) -> None:
    shape = decide(look_around(snapshot_of(text, language)), Multiline.AUTO)
    assert (shape.kind, shape.opened) == (kind, opened), shape.why


@pytest.mark.parametrize(
    ("right", "allowed"),
    [
        ("", True),
        ("  ", True),
        (")", True),
        ("))", True),
        ("):", True),
        (") {", True),
        ("]);", True),
        ('")', True),
        ("</div>", True),
        ("}}</b></i>", True),
        ("foo", False),
        (", b)", False),
        ("(a)", False),
        (") + 1", False),
        (";;", False),
        ("oo</p>", False),
    ],
)
def test_what_may_stand_right_of_an_automatic_request(right: str, allowed: bool) -> None:
    assert right_allows_automatic(look_around(snapshot_of(f"x█{right}\n"))) is allowed


def test_selected_text_counts_as_typed() -> None:
    around = look_around(snapshot_of("a\nx = █)\nb\n"), "f(\n    ")
    assert around.above == ("a", "x = f(")
    assert (around.before, around.after, around.below) == ("    ", ")", ("b", ""))


def test_stop_words_do_not_depend_on_the_pieces() -> None:
    chance = random.Random(5)
    words = ("<EOT>", "<|end|>", "\n++", "<E")
    for _ in range(2000):
        text = "".join(chance.choice(("<", "E", "O", "T>", "|end", "|>", "\n", "+", "a")) for _ in range(12))
        cut = min([at for word in words if (at := text.find(word)) >= 0], default=len(text))
        stops, out, rest = StopWords(words), "", text
        while rest:
            size = chance.randrange(1, 5)
            out += stops.feed(rest[:size])
            rest = rest[size:]
        out += stops.feed("", final=True)
        assert out == text[:cut], text


def test_cutter_and_filters_do_not_depend_on_the_pieces() -> None:
    chance = random.Random(7)
    parts = (
        "foo(",
        ")",
        "\n",
        "    ",
        "}",
        "{",
        "a = 1",
        "\r\n",
        "```",
        "return x",
        "def f():",
        " ",
        "\n\n",
        "'",
    )
    for _ in range(400):
        _, case = chance.choice(ALL)
        around = look_around(snapshot_of(case.text, case.language, case.eol))
        shape = decide(around, Multiline.AUTO)
        model = "".join(chance.choice(parts) for _ in range(chance.randrange(1, 30)))
        seen = {_through(model, around, shape, [chance.randrange(1, 9) for _ in model]) for _ in range(4)}
        assert len(seen) == 1, (case.text, model, seen)


ALL = list(cases())


def _through(model: str, around: object, shape: object, sizes: list[int]) -> str | None:
    cutter = Cutter(around, shape, Reading(("<EOT>",)))  # type: ignore[arg-type]
    rest = model
    for size in sizes:
        cutter.feed(rest[:size])
        rest = rest[size:]
    cutter.finish()
    cleaned = clean(cutter.text, FilterInput(around, shape))  # type: ignore[arg-type]
    assert cleaned.text is None or cleaned.text.strip()
    assert cleaned.text is not None or cleaned.notes, "dropped, and nobody says why"
    return cleaned.text


def test_filters_take_any_text() -> None:
    chance = random.Random(9)
    odd = "\x00\x0b\x0c\x1c\x85\u2028\ud800é👋🏽\t\r\n ()[]{}<>|`'\"\\abc"
    for _ in range(3000):
        _, case = chance.choice(ALL)
        around = look_around(snapshot_of(case.text, case.language, case.eol))
        given = FilterInput(around, decide(around, Multiline(chance.choice(list(Multiline)))), chat=True)
        text = "".join(chance.choice(odd) for _ in range(chance.randrange(40)))
        cleaned = clean(text, given)
        assert cleaned.text is None or set(cleaned.text) <= set(text) | {"\n"}


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("abcdef\n" * 3, None),
        ("abcdef\n" * 4, 6),
        ("}\n" * 5, None),
        ("a\nb\n" * 2, None),
        ("a\nb\n" * 3, 3),
        ("x = [" + "0, " * 13, None),
        ("x = [" + "foo, " * 13, 10),
    ],
)
def test_loops(text: str, at: int | None) -> None:
    assert loop_start(text) == at


def test_brackets() -> None:
    assert unclosed("f(a[1], {") == [")", "}"]
    assert unclosed("f(')')") == []
    assert unmatched_closers("a) b]") == [(1, ")"), (4, "]")]
    assert unmatched_closers("(a) b)") == [(5, ")")]
    assert unclosed("fn f<'a>(x: &'a str", "rust") == [")"]


def test_newline_style() -> None:
    assert newline_style(("a\r\n", "b\n")) == "\r\n"
    assert newline_style(("a",)) == "\n"
    assert newline_style(()) == "\n"
