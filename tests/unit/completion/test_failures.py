"""What the engine does when a model server fails: it says so, tries the next one, and never keeps it."""

from __future__ import annotations

import pytest

from tests.unit.completion.fakes import Desk, endpoint, models_asked, say, soon, target, text_of, until
from twinny_lsp.completion.request import Trigger
from twinny_lsp.errors import (
    BadAnswer,
    ContextOverflow,
    Loading,
    ModelMissing,
    ProviderError,
    SettingsError,
    TemplateError,
    TimedOut,
    Unauthorized,
    Unreachable,
    Unsupported,
)
from twinny_lsp.exchange import FimPrompt, ModelFacts, RawPrompt

BEGUN = "x = █\n"
SPARE = target("spare", "starcoder2:3b")


def failing(error: Exception) -> object:
    return lambda stream: stream.fail(error)


@pytest.mark.parametrize(
    "error",
    [Unreachable("not running"), Unauthorized("key"), Loading("soon"), ModelMissing("no"), BadAnswer("?")],
)
async def test_a_failure_is_told_answered_and_not_kept(desk: Desk, error: ProviderError) -> None:
    desk.model.script = failing(error)  # type: ignore[assignment]
    result = await soon(desk.ask(BEGUN))
    assert not result.candidates
    assert result.reason == str(error)
    assert desk.failures == [("local", error)]
    desk.model.script = say("a\n")
    assert text_of(await soon(desk.ask(BEGUN, trigger=Trigger.INVOKED))) == "a"


async def test_a_failure_after_some_text_is_a_failure(desk: Desk) -> None:
    desk.model.script = lambda stream: stream.say("a = 1\n    b").fail(TimedOut("slow"))
    result = await soon(desk.ask("def f():\n    █\n"))
    assert not result.candidates
    assert result.reason == "slow"


async def test_a_bug_in_an_adapter_is_answered_and_logged(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.model.script = failing(ZeroDivisionError("oops"))  # type: ignore[assignment]
    result = await soon(desk.ask(BEGUN))
    assert "log says more" in result.reason
    assert "ZeroDivisionError" in caplog.text
    assert "oops" not in caplog.text  # it might be the user's code


async def test_a_bug_in_the_engine_is_answered_and_logged(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.prompter.error = ZeroDivisionError("oops")  # type: ignore[assignment]
    result = await soon(desk.ask(BEGUN))
    assert "log says more" in result.reason
    assert "ZeroDivisionError" in caplog.text
    assert "oops" not in caplog.text  # it might be the user's code


async def test_the_next_target_is_asked_and_it_is_said(desk: Desk) -> None:
    desk.model.script = failing(Unreachable("not running"))  # type: ignore[assignment]
    desk.registry.provider(SPARE.endpoint).script = say("a\n")
    result = await soon(desk.ask(BEGUN, fallback=(SPARE,)))
    assert text_of(result) == "a"
    assert desk.failures[0][0] == "local"
    assert any("local failed: not running" in step for step in result.steps)


async def test_all_targets_fail_once_each(desk: Desk) -> None:
    desk.model.script = failing(Unreachable("first"))  # type: ignore[assignment]
    desk.registry.provider(SPARE.endpoint).script = failing(Unreachable("second"))  # type: ignore[assignment]
    result = await soon(desk.ask(BEGUN, fallback=(SPARE,)))
    assert result.reason == "first"
    assert [str(error) for _, error in desk.failures] == ["first", "second"]


async def test_refused_native_is_asked_by_template_at_once_and_from_then_on(desk: Desk) -> None:
    native = target("local", "native:7b")
    desk.model.script = lambda stream: (
        stream.fail(Unsupported("no insert"))
        if isinstance(stream.generation.prompt, FimPrompt)
        else stream.say("a\n")
    )
    assert text_of(await soon(desk.ask(BEGUN, target=native))) == "a"
    assert text_of(await soon(desk.ask("y = █\n", target=native))) == "a"
    kinds = [type(stream.generation.prompt) for stream in desk.model.streams]
    assert kinds == [FimPrompt, RawPrompt, RawPrompt]
    assert desk.registry.refused == [("local", "native:7b")]
    assert not desk.failures


async def test_unsupported_without_another_way_is_told(desk: Desk) -> None:
    desk.model.script = failing(Unsupported("chat only"))  # type: ignore[assignment]
    assert (await soon(desk.ask(BEGUN))).reason == "chat only"
    assert len(desk.failures) == 1


async def test_too_long_a_prompt_is_halved_once_and_the_size_remembered(desk: Desk) -> None:
    long = "a = 1\n" * 3000 + "x = █\n"
    desk.model.script = lambda stream: (
        stream.fail(ContextOverflow("too long"))
        if len(stream.generation.prompt.text) > 1200  # type: ignore[union-attr]
        else stream.say("b\n")
    )
    assert text_of(await soon(desk.ask(long))) == "b"
    assert len(desk.model.streams) == 2
    await soon(desk.ask(long.replace("x =", "y =")))
    assert len(desk.model.streams) == 3
    assert not desk.failures


async def test_too_long_twice_is_told(desk: Desk) -> None:
    desk.model.script = failing(ContextOverflow("too long", limit=100))  # type: ignore[assignment]
    assert (await soon(desk.ask(BEGUN))).reason == "too long"
    assert len(desk.model.streams) == 2
    assert len(desk.failures) == 1


async def test_the_models_own_window_bounds_the_prompt(desk: Desk) -> None:
    desk.model.known = ModelFacts("m", context_tokens=512)
    desk.model.script = say("a\n")
    await soon(desk.ask("a = 1\n" * 3000 + "x = █\n" + "b = 2\n" * 3000))
    hole = desk.prompter.holes[0]
    assert hole.prefix_tokens + hole.suffix_tokens == (512 - 256 - 32) * 3 // 4, "tokens are only estimated"


@pytest.mark.parametrize(
    "error", [SettingsError("set completion.fimTemplate"), TemplateError("does not parse", "fim.hbs", 3)]
)
async def test_a_model_that_cannot_be_asked_is_told_with_what_to_set(
    desk: Desk, error: SettingsError | TemplateError
) -> None:
    desk.prompter.error = error
    result = await soon(desk.ask(BEGUN))
    assert result.reason == str(error)
    assert desk.failures == [("local", error)]
    assert not desk.model.streams


async def test_unknown_model_on_a_server_that_is_down_says_the_latter(desk: Desk) -> None:
    desk.prompter.error = SettingsError("set completion.fimTemplate")
    desk.model.facts_error = Unreachable("not running")
    assert (await soon(desk.ask(BEGUN))).reason == "not running"


async def test_facts_that_fail_do_not_matter_where_the_name_says_enough(desk: Desk) -> None:
    desk.model.facts_error = BadAnswer("no such route")
    desk.model.script = say("a\n")
    assert text_of(await soon(desk.ask(BEGUN))) == "a"
    assert not desk.failures


async def test_two_surfaces_that_see_one_failure_tell_it_once(desk: Desk) -> None:
    from twinny_lsp.completion.request import Asked

    inline = desk.ask(BEGUN, version=3)
    stream = await desk.model.asked()
    menu = desk.ask(BEGUN, version=3, asked=Asked.MENU)
    await until(lambda: desk.followers() == 2)
    desk.model.script = failing(Unreachable("not running"))  # type: ignore[assignment]
    stream.fail(Unreachable("not running"))
    assert not (await soon(inline)).candidates
    assert not (await soon(menu)).candidates
    assert len(desk.failures) == 1


async def test_models_asked_in_order(desk: Desk) -> None:
    desk.registry.provider(endpoint()).script = failing(TimedOut("slow"))  # type: ignore[assignment]
    desk.registry.provider(SPARE.endpoint).script = say("a\n")
    await soon(desk.ask(BEGUN, fallback=(SPARE,)))
    assert list(models_asked(desk.registry)) == ["qwen2.5-coder:7b", "starcoder2:3b"]
