"""Shape, place, cache, stop words and cutter by themselves, with random texts where that says more."""

from __future__ import annotations

import random

import pytest

from tests.golden.completion.check import cases, snapshot_of
from twinny_lsp.completion.around import look_around
from twinny_lsp.completion.closers import surplus
from twinny_lsp.completion.cutter import Cutter, Reading, StopWords
from twinny_lsp.completion.filters import FilterInput, clean
from twinny_lsp.completion.loops import Loops, loop_start
from twinny_lsp.completion.returning import returns, sign
from twinny_lsp.completion.shape import Kind, decide
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
        ("f(█, b)\n", "python", Kind.NOTHING, False),
        ("xs.map((x) => {█\n", "javascript", Kind.BLOCK, True),
        ("func f() int {█\n", "go", Kind.BLOCK, True),
        ("if [ -f x ]; then█\n", "shellscript", Kind.BLOCK, True),
        ("def f(a)█\n", "ruby", Kind.BLOCK, True),
        ("def f(a) = a end█\n", "ruby", Kind.LINE, False),
        ("xs.each do |x|█\n", "ruby", Kind.BLOCK, True),
        ("local function f(x)█\n", "lua", Kind.BLOCK, True),
        ("key:█\n", "yaml", Kind.BLOCK, True),
        ("def f():\n    ret█\n", "python", Kind.BLOCK, True),
        ("a = 1\nb█\n", "python", Kind.BLOCK, False),
        ("a = 1\nb █\n", "python", Kind.LINE, False),
        ("if a\n    █\n", "newlang", Kind.BLOCK, True),
        ("one does\n  x\ntwo does\n█\n", "newlang", Kind.BLOCK, True),
        ("one does\n  x\ntwo has\n█\n", "newlang", Kind.BLOCK, False),
        ("<ul>\n  █\n</ul>\n", "html", Kind.BLOCK, True),
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
    around = look_around(snapshot_of(f"x█{right}\n"))
    shape = decide(around, Multiline.AUTO)
    assert (shape.kind is not Kind.NOTHING) is allowed
    assert allowed or "right of the cursor" in shape.why
    for multiline in Multiline:
        assert decide(around, multiline, invoked=True).kind is not Kind.NOTHING


def test_an_invoked_request_wants_the_whole_but_for_one_line_only() -> None:
    around = look_around(snapshot_of("x = █\n"))
    assert decide(around, Multiline.AUTO, invoked=True).whole
    assert decide(around, Multiline.AUTO, invoked=True).several
    assert not decide(around, Multiline.NEVER, invoked=True).whole
    assert not decide(around, Multiline.AUTO).whole
    assert decide(around, Multiline.NEVER).max_lines == 1


LINES_BEGUN = [
    ("    return █\n", "python"),
    ("const total = █\nconsole.log(total);\n", "javascript"),
    ("\tx, err := f(█)\n", "go"),
    ("    let n = █;\n", "rust"),
    ("SELECT name FROM users WHERE █\n", "sql"),
    ("# The sum of █\n", "shellscript"),
    ("  color: █\n", "css"),
    ("- The first █\n", "markdown"),
    ("int main(int argc█) {\n", "c"),
]


@pytest.mark.parametrize(("text", "language"), LINES_BEGUN)
@pytest.mark.parametrize("first", ["compute(a, b)", "all prices", "Sure, why not", "`x` + 1;"])
def test_one_line_is_closed_at_its_newline(text: str, language: str, first: str) -> None:
    around = look_around(snapshot_of(text, language))
    rest = "".join(f"\n    line_{number} = more({number})" for number in range(100))
    cutter = Cutter(around, decide(around, Multiline.AUTO), Reading(("<EOT>", " <EOT>", "```")))
    pieces = [first, *(rest[at : at + 4] for at in range(0, len(rest), 4))]
    read = 0
    while not cutter.done:
        cutter.feed(pieces[read])
        read += 1
    assert read - 2 <= 2, "tokens after the one with the newline"
    assert cutter.text == first


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
        shape = decide(around, Multiline.AUTO, invoked=case.invoked)
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
    assert cleaned.text is None or cleaned.text.strip(), repr(cleaned.text)
    assert cleaned.text is not None or cleaned.notes, "dropped, and nobody says why"
    return cleaned.text


def test_filters_take_any_text() -> None:
    chance = random.Random(9)
    odd = "\x00\x0b\x0c\x1c\x85\u2028\ud800é👋🏽\t\r\n ()[]{}<>|`'\"\\abc"
    for _ in range(3000):
        _, case = chance.choice(ALL)
        around = look_around(snapshot_of(case.text, case.language, case.eol))
        shape = decide(around, chance.choice(list(Multiline)), invoked=chance.random() < 0.5)
        given = FilterInput(around, shape, chat=chance.random() < 0.5)
        text = "".join(chance.choice(odd) for _ in range(chance.randrange(40)))
        cleaned = clean(text, given)
        assert cleaned.text is None or set(cleaned.text) <= set(text) | set("\n\t ")
        assert 0 <= cleaned.replaces <= len(around.after)


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


def test_a_loop_in_a_stream_is_seen_however_it_comes() -> None:
    text = "a = 1\n" + "    foo(bar)\n" * 9
    for size in (1, 3, 7, 50):
        loops, at, found = Loops(""), 0, None
        while found is None and at < len(text):
            at += size
            found = loops.at(text[:at])
        assert found is not None
        assert text[:found].rstrip("\n") == "a = 1\n    foo(bar)"


@pytest.mark.parametrize(
    ("after", "begins"),
    [
        ("\n    return total, rest\n    # the end of it\n", "\n    return total, rest\n    # the end of it"),
        (", b)\n    return combined_result\n}\n", ", b)\n    return combined_result"),
        ("\n}\n", ""),
        ("\n    alpha_beta(1)\n    gamma_delta(2)\n    end()\n", "\n    alpha_beta(1)\n    gamma_delta(2)"),
    ],
)
def test_the_sign_by_which_the_suffix_is_known(after: str, begins: str) -> None:
    assert sign(look_around(snapshot_of(f"x = 1\ny█{after}"))) == begins


def test_the_sign_is_found_nowhere_else() -> None:
    twice = "\n    alpha_beta(1)\n    gamma_delta(2)\n"
    text = f"f(){twice}    first()\n█{twice}    last()\n"
    assert sign(look_around(snapshot_of(text))) == "\n    alpha_beta(1)\n    gamma_delta(2)\n    last()"


def test_a_suffix_that_comes_back_in_part() -> None:
    assert list(returns("a\nb\n}\n}", "\n}\n}\nc")) == [3, 5]
    assert list(returns("abc", "")) == []


@pytest.mark.parametrize(
    ("text", "model", "language", "chars"),
    [
        ("print(█)", "a)", "python", ")"),
        ("print(█", "a)", "python", None),
        ("foo([█])", "a]) + 1", "javascript", "])"),
        ("x = (█)", "a) * (b", "python", None),
        ('print("█")', 'a")', "python", '")'),
        ('print("█")', 'a" + "b', "python", None),
        ("f(\n  g(█\n)", "))", "c", ")"),
        ("{\n  {\n    █\n  }\n}", "a\n  }", "java", "}"),
        ("{\n  {\n    █\n}", "a\n  }", "java", None),
        ("// don't (\nf(█)", "a)", "c", ")"),
    ],
)
def test_closers_that_are_one_too_many(text: str, model: str, language: str, chars: str | None) -> None:
    found = surplus(model, look_around(snapshot_of(text, language)))
    assert (found.chars if found else None) == chars
    if found is not None:
        assert model[found.at] == found.chars[0]


VERY_LONG = 200_000


@pytest.mark.parametrize(
    "unit", [" ", "\t", "a", "aB3d", ")", "(", "\\'", '"', "=>  ", "aa ", "function ", "0, "], ids=repr
)
@pytest.mark.parametrize("language", ["html", "python", "lua", "rust"])
def test_very_long_lines_cost_no_more_than_others(unit: str, language: str) -> None:
    # Where anything looks at a line in a number of steps that grows with its square, this takes minutes.
    long = unit * (VERY_LONG // len(unit))
    for text in (f"{long};\na = █\n", f"{long};█\n", f"a = █{long}x\nb\n", f"a = █\n{long};\n"):
        around = look_around(snapshot_of(text, language))
        assert len(around.prefix) + len(around.suffix) < VERY_LONG / 10
        shape = decide(around, Multiline.AUTO, invoked=True)
        assert clean("foo(1)\n", FilterInput(around, shape)).text is not None


@pytest.mark.parametrize("piece", ["   ", "\n", "<think>hm", "(", "ab c"])
def test_a_stream_without_an_end_is_left(piece: str) -> None:
    around = look_around(snapshot_of("x = █\n"))
    cutter, read = Cutter(around, decide(around, Multiline.AUTO, invoked=True)), 0
    while not cutter.done and read < VERY_LONG:
        cutter.feed(piece)
        read += len(piece)
    assert read < VERY_LONG / 5


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
