"""Recorded answers of models, as data in tests/golden/edits."""

from __future__ import annotations

import pytest

from tests.golden.edits.check import Case, cases, check, outcome_of
from twinny_lsp.chat.edits.decide import Replacement, decide
from twinny_lsp.chat.edits.decide import Why as Reason
from twinny_lsp.chat.edits.passage import Span, passage
from twinny_lsp.documents.text import split_lines

CASES = dict(cases())


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    check(CASES[name])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "after" in case.parts])
def test_the_result_as_an_answer_changes_nothing_more(name: str) -> None:
    """An edit is at its end: the same text, given once more in a fence, is no change."""
    case: Case = CASES[name]
    given, outcome = outcome_of(case)
    assert isinstance(outcome, Replacement)
    if given.inline or "~~~~" in outcome.text:
        return
    start = given.span.start
    text = "".join(given.lines[: start[0]]) + outcome.text
    lines = split_lines(text)
    after = passage(lines, Span(start, (len(lines) - 1, len(lines[-1]))), given.language)
    again = decide(f"~~~~{given.language}\n{outcome.text}\n~~~~\n", after)
    assert not isinstance(again, Replacement), again.text
    assert again.why is Reason.UNCHANGED


def test_there_are_enough_answers_of_every_kind() -> None:
    assert len(CASES) >= 30
    given = {" ".join(case.parts["no"][0]) for case in CASES.values() if "no" in case.parts}
    assert given == {str(why) for why in Reason} - {"secret"}
