"""A model that is being loaded is seen as that, and two that push each other out are noticed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.unit.completion.fakes import Desk, happens, soon, target, text_of
from twinny_lsp.completion.loading import COLD_S, LATE_S, LINGER_S, Loads
from twinny_lsp.completion.standing import Footing
from twinny_lsp.exchange import ModelFacts

MODEL = target().model
COLD, WARM = ModelFacts(MODEL, loaded=False), ModelFacts(MODEL, loaded=True)


async def test_a_cold_model_is_loading_until_its_first_text(desk: Desk) -> None:
    desk.model.known = COLD
    task = desk.ask("x = █\n")
    stream = await desk.model.asked()
    assert desk.engine.standing().footing is Footing.WELL, "it may be quick"
    desk.clock.go(LATE_S)
    standing = desk.engine.standing()
    assert (standing.footing, standing.answers) == (Footing.LOADING, target())
    stream.say("1\n").end()
    await soon(task)
    assert desk.engine.standing().footing is Footing.WELL
    assert not desk.failures


async def test_a_loaded_one_that_is_slow_is_only_slow(desk: Desk) -> None:
    desk.model.known = WARM
    desk.ask("x = █\n")
    await desk.model.asked()
    desk.clock.go(10)
    assert desk.engine.standing().footing is Footing.WELL


async def test_the_next_key_does_not_end_a_load_and_is_answered_after_it(desk: Desk) -> None:
    desk.model.known = COLD
    first = desk.ask("x = █\n")
    stream = await desk.model.asked()
    desk.clock.go(LATE_S)
    for name in ("y", "z"):
        last = desk.ask(f"{name} = █\n")
        await settled()
        desk.clock.go(10)
    assert (await soon(first)).reason.startswith("superseded")
    assert not stream.closed.is_set()
    assert len(desk.model.streams) == 1
    assert desk.engine.standing().footing is Footing.LOADING
    stream.say("1")
    (await desk.model.asked(2)).say("2\n").end()
    assert stream.closed.is_set(), "what it says is for another place"
    assert text_of(await soon(last)) == "2"
    assert desk.engine.standing().footing is Footing.WELL


async def test_a_load_goes_on_with_nobody_waiting_and_its_text_is_kept(desk: Desk) -> None:
    desk.model.known = COLD
    task = desk.ask("x = █\n")
    stream = await desk.model.asked()
    task.cancel()
    await settled()
    desk.clock.go(60)
    assert not stream.closed.is_set()
    stream.say("1\n").end()
    await happens(stream.closed)
    assert text_of(await soon(desk.ask("x = █\n"))) == "1"
    assert len(desk.model.streams) == 1


async def test_a_load_says_nothing_of_how_quick_the_model_is(desk: Desk) -> None:
    desk.model.known = COLD
    task = desk.ask("x = █\n")
    stream = await desk.model.asked()
    desk.clock.go(60)
    stream.say("1\n").end()
    await soon(task)
    served = desk.engine._rooms.targets.served(target())
    assert (served.first_text_s, served.read_ms) == (0, None)


async def test_a_closed_document_ends_the_load(desk: Desk) -> None:
    desk.model.known = COLD
    desk.ask("x = █\n")
    stream = await desk.model.asked()
    desk.clock.go(LATE_S)
    desk.engine.forget("file:///a.py")
    await happens(stream.closed)
    desk.clock.go(LINGER_S)
    assert desk.engine.standing().footing is Footing.WELL
    assert desk.clock.pending() == 0


async def settled() -> None:
    """Let everything run that can without time passing."""
    for _ in range(50):
        await asyncio.sleep(0)


class Two:
    """Two models of one server that have both answered."""

    def __init__(self, desk: Desk) -> None:
        self.told: list[tuple[str, str]] = []
        self.model = desk.model
        self.clock = desk.clock
        self.fim, self.chat = target(), replace(target(), model="chat:7b")
        self.loading = Loads(desk.registry, desk.clock, lambda: None, self._told)

    def _told(self, where: object, other: str) -> None:
        self.told.append((where.model, other))  # type: ignore[attr-defined]

    async def turn(self, loaded: bool) -> None:
        """The chat answers, then a completion is asked for and answered."""
        self.clock.go(1)
        self.loading.heard(self.chat)
        self.clock.go(1)
        self.model.known = replace(COLD, loaded=loaded)
        await self.loading.is_cold(self.fim, COLD)
        self.loading.heard(self.fim)


async def test_two_models_that_push_each_other_out_are_told_once(desk: Desk) -> None:
    two = Two(desk)
    for _ in range(5):
        await two.turn(loaded=False)
    assert two.told == [(MODEL, "chat:7b")]


async def test_two_that_fit_are_not(desk: Desk) -> None:
    two = Two(desk)
    for _ in range(5):
        await two.turn(loaded=True)
    assert not two.told


async def test_a_model_that_was_unloaded_for_want_of_use_is_not_pushed_out(desk: Desk) -> None:
    two = Two(desk)
    two.loading.heard(two.fim)
    for _ in range(3):
        desk.clock.go(COLD_S)
        desk.model.known = COLD
        assert await two.loading.is_cold(two.fim, WARM)
        two.loading.begun(two.fim, lambda: True)
        desk.clock.go(LATE_S)
        assert two.loading.now == two.fim
        two.loading.heard(two.fim)
    assert not two.told


async def test_old_facts_are_not_believed(desk: Desk) -> None:
    desk.model.known = WARM
    assert not await Two(desk).loading.is_cold(target(), COLD)


async def test_a_model_in_use_is_not_looked_up(desk: Desk) -> None:
    two = Two(desk)
    two.loading.heard(two.fim)
    desk.clock.go(10)
    desk.model.known = COLD
    assert not await two.loading.is_cold(two.fim, WARM)
