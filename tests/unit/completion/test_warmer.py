"""Reading prompts ahead: for a model not loaded yet, and where somebody pauses after a short first prompt."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.completion.fakes import Desk, happens, soon, target, text_of, until
from tests.unit.completion.test_windows_choice import asked, place, size
from twinny_lsp.completion.warmer import IDLE_S, OPENED_S
from twinny_lsp.errors import Unreachable

AT_WORK = {"speculate": True}


async def test_a_model_that_is_not_loaded_is_loaded_when_a_document_is_opened(desk: Desk) -> None:
    desk.model.known = replace(desk.model.known, loaded=False)
    desk.engine.opened(desk.request("█a = 1\n", **AT_WORK))
    assert not desk.model.streams
    desk.clock.go(OPENED_S)
    stream = await desk.model.asked()
    assert stream.generation.warm
    stream.say("x").end()
    await happens(stream.closed)


async def test_a_loaded_one_and_one_that_does_not_tell_are_left_alone(desk: Desk) -> None:
    for loaded in (True, None):
        desk.model.known = replace(desk.model.known, loaded=loaded)
        desk.engine.opened(desk.request("█a = 1\n", **AT_WORK))
        desk.clock.go(OPENED_S)
        await until(lambda: desk.engine._warmer._task is not None and desk.engine._warmer._task.done())
        assert not desk.model.streams


async def test_whoever_types_at_once_gets_the_answer_and_no_warm_up(desk: Desk) -> None:
    desk.model.known = replace(desk.model.known, loaded=False)
    desk.engine.opened(desk.request("█a = 1\n", **AT_WORK))
    task = desk.ask("x = █\n", **AT_WORK)
    (await desk.model.asked()).say("1\n")
    assert text_of(await soon(task)) == "1"
    desk.clock.go(OPENED_S)
    assert not any(stream.generation.warm for stream in desk.model.streams)


async def test_a_pause_after_a_short_prompt_reads_the_whole_window(desk: Desk) -> None:
    desk.model.script = lambda stream: stream.say("model()\n")
    await soon(desk.ask(place(400), **AT_WORK))
    await until(lambda: len(desk.model.streams) == 2 and desk.engine._flights.count() == 0)
    desk.model.script = None
    number = len(desk.model.streams)
    desk.clock.go(IDLE_S)
    warm = await desk.model.asked(number + 1)
    assert warm.generation.warm
    assert size(warm) > 1700
    again = desk.ask(place(400, "x = zip█"), **AT_WORK)
    real = await desk.model.asked(number + 2)
    assert warm.closed.is_set(), "whoever needs the model gets it"
    assert real.generation.prompt.text[:4000] == warm.generation.prompt.text[:4000]  # type: ignore[union-attr]
    again.cancel()


async def test_nothing_is_read_where_the_window_was_whole_or_the_server_is_slow(desk: Desk) -> None:
    await asked(desk, "x = █\n")
    assert desk.clock.pending() == 0
    served = desk.engine._rooms.targets.served(target())
    served.read_ms = 50.0
    desk.model.script = lambda stream: stream.say("a\n")
    await soon(desk.ask(place(400), **AT_WORK))
    await until(lambda: desk.engine._flights.count() == 0)
    served.read_ms = 50.0
    number = len(desk.model.streams)
    desk.clock.go(IDLE_S)
    await until(lambda: desk.engine._warmer._task is not None and desk.engine._warmer._task.done())
    assert len(desk.model.streams) == number


async def test_failures_are_silent(desk: Desk) -> None:
    desk.model.known = replace(desk.model.known, loaded=False)
    desk.model.script = lambda stream: stream.fail(Unreachable("gone"))
    desk.engine.opened(desk.request("█a = 1\n", **AT_WORK))
    desk.clock.go(OPENED_S)
    await (await desk.model.asked()).closed.wait()
    assert not desk.failures


async def test_nobody_who_pays_or_does_not_want_it_is_warmed_up(desk: Desk) -> None:
    paid = target("paid")
    paid = replace(paid, endpoint=replace(paid.endpoint, preset="mistral"))
    for changes in ({"target": paid, **AT_WORK}, {"speculate": False}, {"automatic": False, **AT_WORK}):
        desk.engine.opened(desk.request("█a = 1\n", **changes))
        assert desk.clock.pending() == 0
