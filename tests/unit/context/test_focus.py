"""The names near a cursor, and the types of what it is behind."""

from __future__ import annotations

import pytest

from twinny_lsp.context.focus import CALLED, Focus, look
from twinny_lsp.documents.text import split_lines

CURSOR = "‸"


def at(marked: str) -> Focus:
    before, after = marked.split(CURSOR)
    row, column = before.count("\n"), len(before.rpartition("\n")[2])
    return look(split_lines(before + after), row, column)


def test_the_nearer_the_heavier() -> None:
    above = "far_name\n" + "x\n" * 60 + "middle_name\n" + "x = 1\n" * 8
    focus = at(f"{above}near_name\nhere_name = {CURSOR}\nbelow_name\n")
    weights = [focus.of(name) for name in ("here_name", "near_name", "below_name", "middle_name", "far_name")]
    assert weights == sorted(weights, reverse=True)
    assert weights[0] > weights[1] == weights[2] > weights[3] > weights[4] == 0


def test_keywords_and_single_letters_are_no_names() -> None:
    assert dict(at(f"return self.x for i in None if True else a_name{CURSOR}").weights) == {"a_name": 6.0}


@pytest.mark.parametrize(
    ("line", "called"),
    [
        (f"value = compute({CURSOR}", "compute"),
        (f"value = store.fetch(key, other(1), {CURSOR}", "fetch"),
        (f"let x = parse::<Value>({CURSOR})", "parse"),
        (f"new Store<String>({CURSOR}", "Store"),
        (f"format!({CURSOR}", "format"),
    ],
)
def test_what_is_called_weighs_most(line: str, called: str) -> None:
    focus = at(line)
    assert focus.of(called) == CALLED
    assert max(focus.weights.values()) == CALLED


def test_the_blocks_around_count() -> None:
    body = "        step()\n" * 50
    focus = at(f"class Outer(BaseName):\n    def method(self, argument: TypeName):\n{body}        {CURSOR}\n")
    assert focus.of("BaseName") > 0
    assert focus.of("TypeName") > 0


@pytest.mark.parametrize(
    ("text", "types"),
    [
        (f"def f(store: Store):\n    store.{CURSOR}", {"Store"}),
        (f"def f(store: Optional[Store] = None):\n    store.fe{CURSOR}", {"Store"}),
        (f"store = Store(1)\nstore.{CURSOR}", {"Store"}),
        (f"store = await app.Store.open()\nstore.{CURSOR}", {"Store"}),
        (f"const store = new Store(1);\nstore?.{CURSOR}", {"Store"}),
        (f"function f(store: Store) {{\n  store.{CURSOR}\n}}", {"Store"}),
        (f"store := &Store{{}}\nstore.{CURSOR}", {"Store"}),
        (f"func f(store *pkg.Store) {{\n\tstore.{CURSOR}\n}}", {"Store"}),
        (f"let store: &mut Store = x;\nstore.{CURSOR}", {"Store"}),
        (f"Store<String> store = make();\nstore.{CURSOR}", {"Store"}),
        (f"void f(Store *store) {{\n  store->{CURSOR}\n}}", {"Store"}),
        (f"Store.{CURSOR}", {"Store"}),
        (f"Store::{CURSOR}", {"Store"}),
        (f"self.store: Store = x\nself.store.{CURSOR}", {"Store"}),
        (f"store = make()\nstore.{CURSOR}", set()),
        (f"store + {CURSOR}", set()),
        (f"store: Old\nstore: Store\nstore.{CURSOR}", {"Store"}),
    ],
)
def test_the_type_of_what_stands_before_the_dot(text: str, types: set[str]) -> None:
    assert at(text).types == types


@pytest.mark.parametrize("part", ["a(", "a.b", "(((", "x<y", ")", "a, "])
def test_hostile_lines_come_to_an_end(part: str) -> None:
    line = part * 20_000
    look([line + "\n"] * 50, 49, len(line))


def test_an_empty_document() -> None:
    assert look([""], 0, 0) == Focus()
