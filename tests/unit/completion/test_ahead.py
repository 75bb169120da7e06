"""Asking ahead: for what follows the suggestion on screen, when nobody needs the model, and within a
budget."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.unit.completion.fakes import Desk, happens, soon, target, text_of, until
from twinny_lsp.completion.ahead import SLOW
from twinny_lsp.completion.request import Source, Trigger
from twinny_lsp.exchange import Finish

BEGUN = "x = █\n"
AHEAD = {"speculate": True}


async def shown(desk: Desk, text: str = BEGUN, answer: str = "one()\n", **more: object) -> None:
    """A suggestion is on screen."""
    task = desk.ask(text, speculate=True, **more)
    number = len(desk.model.streams) + 1
    (await desk.model.asked(number)).say(answer)
    await soon(task)


async def test_what_follows_acceptance_is_there_when_it_is_accepted(desk: Desk) -> None:
    await shown(desk)
    ahead = await desk.model.asked(2)
    assert ahead.generation.prompt.text == "x = one()<HOLE>\n"  # type: ignore[union-attr]
    ahead.say("[0]\n")
    await happens(ahead.closed)
    result = await soon(desk.ask("x = one()█\n", debounce_ms=1000, **AHEAD))
    assert text_of(result) == "[0]"
    assert result.source is Source.CACHE


async def test_it_is_taken_up_while_it_comes(desk: Desk) -> None:
    await shown(desk)
    ahead = await desk.model.asked(2)
    task = desk.ask("x = one()█\n", debounce_ms=1000, **AHEAD)
    await until(lambda: desk.followers() == 1)
    ahead.say("[0]\n")
    result = await soon(task)
    assert (text_of(result), result.source) == ("[0]", Source.ADOPTED)
    assert "asked ahead" in result.record.reuse  # type: ignore[union-attr]


async def test_typing_along_keeps_it_and_leaving_drops_it(desk: Desk) -> None:
    await shown(desk)
    ahead = await desk.model.asked(2)
    for typed in ("o", "on", "one("):
        await soon(desk.ask(f"x = {typed}█\n", **AHEAD))
    assert not ahead.closed.is_set()
    leaving = desk.ask("x = z█\n", **AHEAD)
    await happens(ahead.closed)
    leaving.cancel()


async def test_whoever_needs_the_model_gets_it(desk: Desk) -> None:
    await shown(desk)
    ahead = await desk.model.asked(2)
    task = desk.ask("y = █\n", uri="file:///other.py")
    real = await desk.model.asked(3)
    assert ahead.closed.is_set()
    real.say("1\n")
    assert text_of(await soon(task)) == "1"


async def test_only_one_step_ahead(desk: Desk) -> None:
    await shown(desk)
    ahead = await desk.model.asked(2)
    ahead.say("[0]\n")
    await happens(ahead.closed)
    await asyncio.sleep(0)
    assert len(desk.model.streams) == 2


async def test_after_a_block_that_is_still_coming(desk: Desk) -> None:
    task = desk.ask("def f():\n    █\n", **AHEAD)
    stream = await desk.model.asked()
    stream.say("a = 1\n    b")
    await until(stream._queue.empty)
    desk.clock.go(0.5)
    assert text_of(await soon(task)) == "a = 1"
    assert len(desk.model.streams) == 1, "the stream itself runs ahead"
    stream.say(" = 2").end()
    ahead = await desk.model.asked(2)
    assert ahead.generation.prompt.text == "def f():\n    a = 1\n    b = 2<HOLE>\n"  # type: ignore[union-attr]


async def test_what_is_known_already_is_not_asked(desk: Desk) -> None:
    await shown(desk)
    (await desk.model.asked(2)).say("[0]\n")
    await until(lambda: desk.engine._flights.count() == 0)
    await soon(desk.ask(BEGUN, **AHEAD))
    await asyncio.sleep(0)
    assert len(desk.model.streams) == 2


async def test_nobody_is_asked_ahead_when_it_is_switched_off_or_nothing_is_kept(desk: Desk) -> None:
    for off in ({"speculate": False}, {"speculate": True, "cache": False}):
        number = len(desk.model.streams)
        task = desk.ask(f"y{number} = █\n", **off)
        (await desk.model.asked(number + 1)).say("1\n")
        await soon(task)
        await asyncio.sleep(0)
        assert len(desk.model.streams) == number + 1


async def test_neither_paid_nor_slow_models_are(desk: Desk) -> None:
    paid = target("paid")
    paid = replace(paid, endpoint=replace(paid.endpoint, preset="mistral"))
    task = desk.ask(BEGUN, target=paid, **AHEAD)
    (await desk.registry.provider(paid.endpoint).asked()).say("1\n")
    await soon(task)
    slow = desk.ask("y = █\n", **AHEAD)
    stream = await desk.model.asked()
    desk.clock.go(SLOW + 1)
    stream.say("1\n")
    await soon(slow)
    await asyncio.sleep(0)
    assert len(desk.registry.provider(paid.endpoint).streams) == len(desk.model.streams) == 1


def quiet(desk: Desk) -> bool:
    """Whether nothing is asked, nor going to be."""
    asking = desk.engine._ahead._task
    return desk.engine._flights.count() == 0 and (asking is None or asking.done())


async def test_what_is_never_used_ends_the_budget_and_use_restores_it(desk: Desk) -> None:
    desk.model.script = lambda stream: stream.say("1\n")
    for number in range(40):
        await soon(desk.ask(f"a{number} = █\n", **AHEAD))
        await until(lambda: quiet(desk))
    wasted = len(desk.model.streams) - 40
    assert 1 <= wasted < 20
    sources = []
    for number in range(40):
        await soon(desk.ask(f"b{number} = █\n", **AHEAD))
        await until(lambda: quiet(desk))
        sources.append((await soon(desk.ask(f"b{number} = 1█\n", **AHEAD))).source)
        await until(lambda: quiet(desk))
    assert set(sources[20:]) == {Source.CACHE}


async def test_a_failure_is_not_told(desk: Desk) -> None:
    from twinny_lsp.errors import Unreachable

    await shown(desk)
    (await desk.model.asked(2)).fail(Unreachable("gone"))
    await until(lambda: desk.engine._flights.count() == 0)
    assert not desk.failures


async def test_after_an_explicit_request_too(desk: Desk) -> None:
    task = desk.ask(BEGUN, trigger=Trigger.INVOKED, **AHEAD)
    (await desk.model.asked()).say("one()").end(Finish.STOP)
    await soon(task)
    ahead = await desk.model.asked(2)
    assert ahead.generation.prompt.text == "x = one()<HOLE>\n"  # type: ignore[union-attr]
