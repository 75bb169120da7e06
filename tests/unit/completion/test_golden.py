"""The golden cases of cutter and filters, and that their check can fail."""

from __future__ import annotations

import dataclasses

import pytest

from tests.golden.completion.check import Case, cases, check
from twinny_lsp.completion import filters
from twinny_lsp.completion.filters import FILTERS

ALL = list(cases())


@pytest.mark.parametrize("case", [case for _, case in ALL], ids=[name for name, _ in ALL])
def test_golden(case: Case) -> None:
    check(case)


def test_names_are_unique_and_there_are_enough() -> None:
    assert len({name for name, _ in ALL}) == len(ALL)
    assert len(ALL) >= 300
    assert len({case.language for _, case in ALL}) >= 30


@pytest.mark.parametrize("name", [name for name, _ in FILTERS])
def test_every_filter_has_a_case_that_needs_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "FILTERS", tuple(each for each in FILTERS if each[0] != name))
    named = [case for _, case in ALL if case.by == name]
    assert any(fails(case) for case in named), "no case fails without it"


def fails(case: Case) -> bool:
    try:
        check(dataclasses.replace(case, by=""))
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize(
    "wrong",
    [
        {"expected": "return a - b"},
        {"expected": None, "reason": "nothing"},
        {"by": "echo"},
        {"unread": "a + b"},
    ],
    ids=["other text", "nothing expected", "another filter", "read too far"],
)
def test_the_check_fails_when_it_should(wrong: dict[str, str]) -> None:
    good = Case(
        "add", "def add(a, b):\n    █\n", "return a + b\n\n\ndef sub(): pass", expected="return a + b"
    )
    check(good)
    with pytest.raises(AssertionError):
        check(dataclasses.replace(good, **wrong))  # type: ignore[arg-type]
