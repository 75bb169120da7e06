from __future__ import annotations

from twinny_lsp.errors import Busy, ModelMissing, SettingsError, TemplateError, Unreachable
from twinny_lsp.lsp.notices import REPEAT_AFTER, Level, Notice, Notices, of_error


class Screen:
    def __init__(self) -> None:
        self.shown: list[str] = []
        self.changes = 0
        self.now = 0.0
        self.notices = Notices(lambda text, _: self.shown.append(text), self.change, lambda: self.now)

    def change(self) -> None:
        self.changes += 1


DOWN = Notice("provider:ollama", "unreachable:m", "ollama is not running", Level.ERROR)


def test_the_same_problem_is_told_once() -> None:
    screen = Screen()
    assert screen.notices.report(DOWN)
    assert not screen.notices.report(DOWN)
    assert screen.shown == ["ollama is not running"]
    assert screen.notices.current == (DOWN,)


def test_gone_and_come_again_is_told_again_but_not_at_once() -> None:
    screen = Screen()
    screen.notices.report(DOWN)
    screen.notices.resolve("provider:ollama")
    assert screen.notices.current == ()
    assert not screen.notices.report(DOWN)
    screen.notices.resolve("provider:ollama")
    screen.now += REPEAT_AFTER
    assert screen.notices.report(DOWN)
    assert len(screen.shown) == 2
    assert screen.changes == 5


def test_resolving_leaves_other_topics_alone() -> None:
    screen = Screen()
    screen.notices.report(DOWN)
    screen.notices.resolve("provider:other")
    assert screen.notices.current == (DOWN,)


def test_a_model_that_answers_does_not_make_another_ones_problem_good() -> None:
    screen = Screen()
    for error in (
        ModelMissing("no m", provider="p"),
        Unreachable("down", provider="p"),
        SettingsError("key"),
    ):
        screen.notices.report(of_error(error, "m", "p"))
    screen.notices.resolve("provider:p", "other")
    assert [notice.message for notice in screen.notices.current] == ["no m", "key"]
    screen.notices.resolve("provider:p", "m")
    assert screen.notices.current == ()


def test_replace_keeps_what_is_still_wrong_silent() -> None:
    screen = Screen()
    first, second = Notice("settings", "a", "a is wrong"), Notice("settings", "b", "b is wrong")
    screen.notices.replace("settings", [first])
    screen.notices.replace("settings", [first, second])
    assert screen.shown == ["a is wrong", "b is wrong"]
    screen.notices.replace("settings", [])
    assert screen.notices.current == ()
    screen.notices.replace("settings", [first])
    assert screen.shown[-1] == "a is wrong"
    assert len(screen.shown) == 3


def test_one_cause_per_kind_server_and_model() -> None:
    one = of_error(Unreachable("down at port 1", provider="ollama"), "m")
    assert (one.topic, one.level) == ("provider:ollama", Level.ERROR)
    assert one.cause == of_error(Unreachable("down, tried 2 times", provider="ollama"), "m").cause
    assert one.cause != of_error(Busy("busy", provider="ollama"), "m").cause
    assert one.cause != of_error(Unreachable("down", provider="ollama"), "n").cause


def test_a_template_error_names_its_place() -> None:
    notice = of_error(TemplateError("`[` is not allowed", "fim.hbs", 3))
    assert notice.message == "fim.hbs:3: `[` is not allowed"
    assert notice.cause == of_error(TemplateError("`[` is not allowed", "fim.hbs", 4)).cause
