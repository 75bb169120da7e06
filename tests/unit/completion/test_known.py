"""Places and what is known there: found along the text, wherever the cursor goes, and nowhere else."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.golden.completion.check import CURSOR, snapshot_of
from tests.unit.completion.fakes import settings, target
from twinny_lsp.completion.known import Answer, Known, KnownTexts, Terms
from twinny_lsp.completion.place import Cursor, Place, awaited
from twinny_lsp.config.resolved import Multiline

TERMS = Terms.of(settings())


def at(text: str, **how: str) -> Cursor:
    return Cursor(snapshot_of(text, **how))


def left_of(text: str) -> str:
    return text.partition(CURSOR)[0].rpartition("\n")[2]


def keep(known: KnownTexts, text: str, answer: str, **more: object) -> Place:
    place = at(text).place
    known.put(Answer(place, TERMS, answer, **more), left_of(text))  # type: ignore[arg-type]
    return place


def rest(found: Known | None) -> str | None:
    return None if found is None else found.text


@pytest.mark.parametrize(
    ("old", "new", "typed", "closers"),
    [
        ("x = █\n", "x = █\n", "", ""),
        ("x = █\n", "x = abc█\n", "abc", ""),
        ("a\nx = █\nb\n", "a\nx = 1\ny█\nb\n", "1\ny", ""),
        ("x = █\n", "x = f(█)\n", "f(", ")"),
        ("x = █\n", "x = f(a, [█])\n", "f(a, [", "])"),
        ("x = █\n", "x = f('█')\n", "f('", "')"),
        ("x = █)\n", "x = f(█))\n", "f(", ")"),
        ("x = █\n", "x = f()█\n", "f()", ""),
        ("x = █\n", "x = a█)\n", None, ""),
        ("x = █\n", "x = f(█]\n", None, ""),
        ("x = a█\n", "x = █\n", None, ""),
        ("x = █\n", "y = █\n", None, ""),
        ("a\nx = █\n", "b\nx = █\n", None, ""),
        ("x = █\na\n", "x = █\nb\n", None, ""),
        ("x = █)\n", "x = █\n", None, ""),
        ("x = █", "x = █\n", None, ""),
    ],
)
def test_typed_since(old: str, new: str, typed: str | None, closers: str) -> None:
    found = at(new).typed_since(at(old).place)
    assert found == (None if typed is None else (typed, closers))


def test_typed_since_in_another_document_and_with_other_line_ends() -> None:
    place = at("x = █\n", eol="\r\n").place
    assert at("x = █\n", eol="\r\n", uri="file:///y").typed_since(place) is None
    assert at("x = 1\n2█\n", eol="\r\n").typed_since(place) == ("1\n2", "")
    assert Cursor(snapshot_of("x = █\n", eol="\r\n"), selected="ab").typed_since(place) == ("ab", "")


def test_what_is_above_is_told_apart_in_long_documents() -> None:
    chance = random.Random(3)
    lines = [f"line {number}\n" for number in range(1500)]
    for _ in range(60):
        row, changed = chance.randrange(1500), chance.randrange(1500)
        there = "".join([*lines[:row], CURSOR, *lines[row:]])
        other = [*lines]
        other[changed] = "another\n"
        here = "".join([*other[:row], CURSOR, *other[row:]])
        assert at(there).typed_since(at(there).place) == ("", "")
        assert at(here).typed_since(at(there).place) is None


@pytest.mark.parametrize(
    ("typed", "closers"),
    [("f(", ")"), ("f(a)", ""), ("f([{", "}])"), ("'", "'"), ("''", ""), ('f("a', '")'), ("a)", "")],
)
def test_closers_an_editor_puts(typed: str, closers: str) -> None:
    assert awaited(typed) == closers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = █\nz\n", "compute(a)\ny = 2"),
        ("x = comp█\nz\n", "ute(a)\ny = 2"),
        ("x = compute(a)█\nz\n", "\ny = 2"),
        ("x = compute(a)\ny█\nz\n", " = 2"),
        ("x = compute(█)\nz\n", "a)\ny = 2"),
        ("x = compute(a)\ny = 2█\nz\n", None),
        ("x = compute(b█\nz\n", None),
        ("x =█\nz\n", None),
        ("x = █\nother\n", None),
        ("w = █\nz\n", None),
    ],
)
def test_an_answer_holds_all_along_its_text(text: str, expected: str | None) -> None:
    known = KnownTexts()
    keep(known, "x = █\nz\n", "compute(a)\ny = 2")
    assert rest(known.find(at(text), TERMS)) == expected


def test_closers_the_editor_put_go_away_where_the_text_has_them() -> None:
    known = KnownTexts()
    keep(known, "x = █\n", "f(a)[0]")
    found = known.find(at("x = f(█)\n"), TERMS)
    assert found is not None
    assert (found.text, found.replaces) == ("a)[0]", 1)
    keep(known, "y = █\n", "f(a")
    found = known.find(at("y = f(█)\n"), TERMS)
    assert found is not None
    assert (found.text, found.replaces) == ("a", 0)


def test_the_newest_holds_and_a_longer_one_that_says_the_same() -> None:
    known = KnownTexts()
    keep(known, "x = █\n", "first")
    keep(known, "x = █\n", "second")
    assert rest(known.find(at("x = █\n"), TERMS)) == "second"
    assert rest(known.find(at("x = fi█\n"), TERMS)) == "rst"
    keep(known, "x = s█\n", "econd and more")
    keep(known, "x = █\n", "sec")
    assert rest(known.find(at("x = s█\n"), TERMS)) == "econd and more"
    assert rest(known.find(at("x = █\n"), TERMS)) == "second"
    assert [found.text for found in known.every(at("x = █\n"), TERMS)][-1] == "first"


def test_a_part_gives_way_to_the_whole() -> None:
    known = KnownTexts()
    keep(known, "x = █\n", "one", whole=False)
    keep(known, "x = █\n", "one\ntwo")
    assert len(known) == 1
    assert rest(known.find(at("x = █\n"), TERMS)) == "one\ntwo"


def test_nothing_to_add_holds_at_its_place_only() -> None:
    known = KnownTexts()
    keep(known, "x = █\n", "", reason="the model had nothing to add")
    found = known.find(at("x = █\n"), TERMS)
    assert found is not None
    assert (found.text, found.answer.reason) == ("", "the model had nothing to add")
    assert known.find(at("x = a█\n"), TERMS) is None


def test_other_settings_know_nothing() -> None:
    known = KnownTexts()
    keep(known, "x = █\n", "abc")
    here = at("x = █\n")
    assert known.find(here, Terms.of(settings(target=target("other")))) is None
    assert known.find(here, replace(TERMS, multiline=Multiline.NEVER)) is None
    assert known.find(here, Terms.of(settings(debounce_ms=7))) is not None


def test_the_oldest_go_and_what_is_used_stays() -> None:
    known = KnownTexts(kept=50)
    keep(known, "used = █\n", "a")
    for number in range(200):
        keep(known, f"x{number} = █\n", "b")
        assert known.find(at("used = █\n"), TERMS) is not None
    assert len(known) == 50
    assert known.find(at("x0 = █\n"), TERMS) is None
    assert known.find(at("x199 = █\n"), TERMS) is not None


def test_forgetting_leaves_nothing_behind() -> None:
    known = KnownTexts(kept=20)
    for number in range(60):
        uri = f"file:///{number % 3}"
        place = at(f"x{number} = █\n", uri=uri).place
        known.put(Answer(place, TERMS, "a"), f"x{number} = ")
    known.forget("file:///1")
    assert known.find(at("x58 = █\n", uri="file:///1"), TERMS) is None
    assert known.find(at("x59 = █\n", uri="file:///2"), TERMS) is not None
    known.clear()
    assert len(known) == 0
    for number in range(60):
        keep(known, f"x{number} = █\n", "b")
    assert len(known) == 20


def test_like_a_scan_of_all_entries() -> None:
    """Random answers and cursors in one small text: what is found is what looking at every answer finds."""
    chance = random.Random(11)
    for _ in range(300):
        known, kept = KnownTexts(), []
        words = ["a", "ab", "b\n", "a\nb", "(", "b)"]
        for number in range(chance.randrange(1, 12)):
            before = "".join(chance.choices(["a", "b", "\n"], k=chance.randrange(4)))
            answer = "".join(chance.choices(words, k=chance.randrange(1, 4)))
            keep(known, f"{before}█\nend\n", answer)
            kept.append((before, answer, number))
        cursor = "".join(chance.choices(["a", "b", "\n"], k=chance.randrange(6)))
        holding = {
            (before + answer)[len(cursor) :]
            for before, answer, _ in kept
            if (before + answer).startswith(cursor) and len(cursor) >= len(before)
        }
        holding = {text for text in holding if text.strip()}
        found = known.find(at(f"{cursor}█\nend\n"), TERMS)
        assert (rest(found) in holding) if holding else (found is None), (kept, cursor)
