"""How long a request waits: by rhythm, place, trust and server, as rules and not as constants."""

from __future__ import annotations

import pytest

from twinny_lsp.completion.pause import LONGEST, SHORTEST, Pause

WORD = "    retur"


def typed(pause: Pause, gap: float, keys: int = 30, uri: str = "file:///a") -> Pause:
    for number in range(keys):
        pause.key(uri, 100 + number * gap)
    return pause


def doubted(pause: Pause) -> Pause:
    for _ in range(20):
        pause.outcome(used=False)
    return pause


def test_who_types_slowly_is_waited_for_longer() -> None:
    quick, slow = doubted(typed(Pause(), 0.09)), doubted(typed(Pause(), 0.25))
    assert SHORTEST <= quick.seconds(WORD) < slow.seconds(WORD) <= LONGEST


def test_a_model_that_is_right_is_asked_sooner() -> None:
    trusted = typed(Pause(), 0.2)
    for _ in range(20):
        trusted.outcome(used=True)
    assert trusted.seconds(WORD) < doubted(typed(Pause(), 0.2)).seconds(WORD)


def test_asking_a_slow_server_in_vain_costs_more() -> None:
    slow = doubted(typed(Pause(), 0.15))
    slow.first_text(3.0)
    assert slow.seconds(WORD) > doubted(typed(Pause(), 0.15)).seconds(WORD)


@pytest.mark.parametrize("before", ["x = ", "self.", "f(", "    ", "", "a,", "def f():"])
def test_where_people_think_the_wait_is_the_shortest(before: str) -> None:
    assert doubted(typed(Pause(), 0.3)).seconds(before) == SHORTEST


def test_a_burst_of_keys_is_never_shorter_than_the_wait() -> None:
    pause = typed(Pause(), 0.06)
    for _ in range(20):
        pause.outcome(used=True)
    assert pause.seconds(WORD) > 0.06


def test_the_time_an_editor_waited_itself_counts() -> None:
    pause = typed(Pause(), 0.13)
    assert pause.seconds(WORD, idle=0.2) == 0
    assert pause.seconds(WORD, idle=0.05) == pytest.approx(pause.seconds(WORD) - 0.05)


def test_stops_and_other_documents_are_no_rhythm() -> None:
    pause = doubted(typed(Pause(), 0.1))
    before = pause.seconds(WORD)
    for number in range(40):
        pause.key("file:///a", 1_000 + number * 2.0)
        pause.key("file:///b", 1_000 + number * 2.0 + 0.3)
    assert pause.seconds(WORD) == before
