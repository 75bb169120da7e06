"""Several candidates for who asks by hand: by one call, by more, from what is known; never twice the same."""

from __future__ import annotations

import asyncio

from tests.unit.completion.fakes import Desk, soon, until
from twinny_lsp.completion.choices import SECONDS
from twinny_lsp.completion.launch import VARIANT_TEMPERATURE
from twinny_lsp.completion.request import Result, Trigger
from twinny_lsp.errors import Unreachable
from twinny_lsp.exchange import Finish, Piece

BEGUN = "x = █\n"
BY_HAND = {"trigger": Trigger.INVOKED, "candidates": 3}


def texts(result: Result) -> list[str]:
    return [candidate.text for candidate in result.candidates]


async def test_further_calls_with_other_seeds_and_a_little_warmer(desk: Desk) -> None:
    answers = iter(["one\n", "two\n", "three\n"])
    desk.model.script = lambda stream: stream.say(next(answers)).end()
    result = await soon(desk.ask(BEGUN, **BY_HAND))  # type: ignore[arg-type]
    assert texts(result) == ["one", "two", "three"]
    first, *others = [stream.generation for stream in desk.model.streams]
    assert (first.seed, first.temperature) == (None, 0.2)
    assert [each.seed for each in others] == [1, 2]
    assert {each.temperature for each in others} == {VARIANT_TEMPERATURE}
    assert {each.prompt for each in others} == {first.prompt}


async def test_one_call_where_the_server_gives_several(desk: Desk) -> None:
    desk.model.most_choices = lambda prompt, facts: 8  # type: ignore[method-assign]

    def script(stream: object) -> None:
        for choice, text in enumerate(["one\n", "two\n", "one\n"]):
            stream._queue.put_nowait(Piece(text, finish=Finish.STOP, choice=choice))  # type: ignore[attr-defined]

    desk.model.script = script
    answers = iter(["four\n"])
    task = desk.ask(BEGUN, **BY_HAND)  # type: ignore[arg-type]
    stream = await desk.model.asked()
    assert stream.generation.n == 3
    desk.model.script = lambda each: each.say(next(answers)).end()
    assert texts(await soon(task)) == ["one", "two", "four"]
    assert desk.model.streams[1].generation.n == 1


async def test_the_answer_that_is_followed_is_not_held_up_by_the_others(desk: Desk) -> None:
    desk.model.most_choices = lambda prompt, facts: 8  # type: ignore[method-assign]
    task = desk.ask(BEGUN, **BY_HAND)  # type: ignore[arg-type]
    stream = await desk.model.asked()
    stream._queue.put_nowait(Piece("slow", choice=1))
    stream._queue.put_nowait(Piece("one", finish=Finish.STOP))
    await until(stream._queue.empty)
    await until(lambda: desk.clock.due_in() == [SECONDS] and desk.followers() == 1)
    desk.clock.go(SECONDS)
    assert texts(await soon(task)) == ["one"]


async def test_the_same_again_is_no_choice_and_ends_the_asking(desk: Desk) -> None:
    desk.model.script = lambda stream: stream.say("one  \n").end()
    result = await soon(desk.ask(BEGUN, **BY_HAND))  # type: ignore[arg-type]
    assert texts(result) == ["one"]
    assert len(desk.model.streams) == 3


async def test_what_came_too_late_is_there_the_next_time(desk: Desk) -> None:
    task = desk.ask(BEGUN, **BY_HAND)  # type: ignore[arg-type]
    (await desk.model.asked(1)).say("one\n").end()
    second = await desk.model.asked(2)
    desk.clock.go(SECONDS)
    assert texts(await soon(task)) == ["one"]
    second.say("two\n").end()
    await until(lambda: desk.engine._flights.count() == 0)
    desk.model.script = lambda stream: stream.say("three\n").end()
    assert texts(await soon(desk.ask(BEGUN, **BY_HAND))) == ["one", "two", "three"]  # type: ignore[arg-type]


async def test_the_first_stays_the_first_while_one_types(desk: Desk) -> None:
    answers = iter(["one\n", "two\n", "three\n"])
    desk.model.script = lambda stream: stream.say(next(answers)).end()
    await soon(desk.ask(BEGUN, **BY_HAND))  # type: ignore[arg-type]
    assert texts(await soon(desk.ask(BEGUN))) == ["one"]
    assert texts(await soon(desk.ask("x = t█\n"))) == ["wo"], "the better of those that begin so"
    assert texts(await soon(desk.ask("x = th█\n"))) == ["ree"]


async def test_a_failure_of_the_others_costs_nothing(desk: Desk) -> None:
    task = desk.ask(BEGUN, **BY_HAND)  # type: ignore[arg-type]
    (await desk.model.asked(1)).say("one\n").end()
    (await desk.model.asked(2)).fail(Unreachable("gone"))
    desk.model.script = lambda stream: stream.fail(Unreachable("gone"))
    assert texts(await soon(task)) == ["one"]
    assert not desk.failures


async def test_typing_on_ends_the_asking(desk: Desk) -> None:
    task = desk.ask(BEGUN, **BY_HAND)  # type: ignore[arg-type]
    (await desk.model.asked(1)).say("one\n").end()
    second = await desk.model.asked(2)
    known = await soon(desk.ask("x = o█\n"))
    assert texts(known) == ["ne"]
    assert "superseded" in (await soon(task)).reason
    await asyncio.sleep(0)
    second.say("zzz").end(Finish.STOP)
    await until(lambda: desk.engine._flights.count() == 0)
    assert len(desk.model.streams) == 2


async def test_a_temperature_of_nought_leaves_no_choice(desk: Desk) -> None:
    desk.model.script = lambda stream: stream.say("one\n").end()
    assert texts(await soon(desk.ask(BEGUN, temperature=0, **BY_HAND))) == ["one"]  # type: ignore[arg-type]
    assert len(desk.model.streams) == 1


async def test_automatic_requests_bring_one(desk: Desk) -> None:
    desk.model.script = lambda stream: stream.say("one\n").end()
    assert texts(await soon(desk.ask(BEGUN, candidates=3))) == ["one"]
    assert [stream.generation.n for stream in desk.model.streams] == [1]
