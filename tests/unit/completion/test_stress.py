"""Thousands of random requests: each gets exactly one answer, and nothing is left at work."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.unit.completion.fakes import Desk, Stream, target
from twinny_lsp.completion.request import Asked, Result, Trigger
from twinny_lsp.errors import Unreachable
from twinny_lsp.exchange import Finish

REQUESTS = 2000
LINES = ("total = sum(prices)\n    return total", "x = compute(a, b)\n", "for x in xs:\n    yield x\n")


def scripted(chance: random.Random) -> object:
    """A model that answers, errs, breaks off, says nothing, or hangs for ever."""

    def script(stream: Stream) -> None:
        what = chance.random()
        if what < 0.1:
            stream.fail(Unreachable("not running"))
        elif what < 0.2:
            stream.vanish()
        elif what < 0.3:
            stream.end()
        elif what < 0.5:
            stream.say("to")  # and hangs
        else:
            for char in chance.choice(LINES):
                stream.say(char)
            stream.end(chance.choice(list(Finish)))

    return script


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_request_gets_one_answer(seed: int) -> None:
    chance = random.Random(seed)
    desk = Desk(scripted(chance))  # type: ignore[arg-type]
    tasks: list[asyncio.Task[Result]] = []
    most_open = 0
    for _ in range(REQUESTS):
        typed = chance.choice(LINES)
        typed = typed[: chance.randrange(len(typed))]
        tasks.append(
            desk.ask(
                f"def f():\n    {typed}█\n",
                uri=f"file:///{chance.randrange(3)}.py",
                asked=chance.choice(list(Asked)),
                trigger=chance.choice(list(Trigger)),
                version=chance.randrange(1, 9),
                selected=chance.choice(("", "", "", "tot")),
                debounce_ms=chance.choice((0, 0, 50, None)),
                fallback=chance.choice(((), (target("spare"),))),
            )
        )
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        if chance.random() < 0.2:
            chance.choice(tasks[-5:]).cancel()
        if chance.random() < 0.3:
            desk.clock.go(chance.choice((0.01, 0.2, 2.0)))
        if chance.random() < 0.02:
            desk.engine.forget(f"file:///{chance.randrange(3)}.py")
        for provider in desk.registry.providers.values():
            at_work = [s for s in provider.streams if s.opened.is_set() and not s.closed.is_set()]
            most_open = max(most_open, len(at_work))
    await desk.engine.close()
    async with asyncio.timeout(20):
        answers = await asyncio.gather(*tasks, return_exceptions=True)
    unanswered = [each for each in answers if not isinstance(each, Result | asyncio.CancelledError)]
    assert not unanswered
    assert sum(isinstance(each, Result) for each in answers) > REQUESTS / 2
    assert any(isinstance(each, Result) and each.candidates for each in answers)
    assert most_open == 1, "one generation a slot"
    for provider in desk.registry.providers.values():
        assert all(stream.closed.is_set() for stream in provider.streams if stream.opened.is_set())
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_model_that_hangs_for_ever_and_a_request_that_is_cancelled(desk: Desk) -> None:
    task = desk.ask("x = █\n")
    stream = await desk.model.asked()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await desk.engine.close()
    assert stream.closed.is_set()


async def test_a_model_that_says_nothing_at_all(desk: Desk) -> None:
    desk.model.script = lambda stream: stream.vanish()
    async with asyncio.timeout(5):
        assert not (await desk.engine.complete(desk.request("x = █\n"))).candidates
