from __future__ import annotations

import pytest

from twinny_lsp.chat.history import Exchange, alternating, fit, grouped
from twinny_lsp.exchange import Message


def exchange(name: str, tokens: int, *, pinned: bool = False) -> Exchange:
    return Exchange((Message("user", name), Message("assistant", name.upper())), tokens, pinned)


ALL = [exchange("a", 10), exchange("b", 20, pinned=True), exchange("c", 30), exchange("d", 40)]


@pytest.mark.parametrize(
    ("budget", "kept"),
    [(100, "abcd"), (99, "bcd"), (90, "bcd"), (89, "bd"), (60, "bd"), (59, "b"), (20, "b"), (0, "b")],
)
def test_the_oldest_go_first_and_what_is_pinned_stays(budget: int, kept: str) -> None:
    fitted = fit(ALL, budget)
    assert "".join(one.messages[0].content for one in fitted.kept) == kept
    assert {*fitted.kept, *fitted.left_out} == {*ALL}


def test_nothing_older_than_what_was_left_out_is_kept() -> None:
    fitted = fit([exchange("small", 1), exchange("large", 100), exchange("new", 1)], 50)
    assert [one.messages[0].content for one in fitted.kept] == ["new"]


def test_roles_alternate() -> None:
    given = [Message("user", "a"), Message("user", "b"), Message("assistant", "c"), Message("user", "d")]
    assert alternating(given) == (
        Message("user", "a\n\nb"),
        Message("assistant", "c"),
        Message("user", "d"),
    )
    assert [one.tokens for one in grouped(given, [1, 2, 3, 4])] == [1, 5, 4]
