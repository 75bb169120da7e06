"""Circuits of servers that fail: who is asked meanwhile, when somebody looks, and how they come back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.completion.fakes import Desk, say, soon, target, text_of, until
from twinny_lsp.completion.request import Trigger
from twinny_lsp.completion.standing import Footing
from twinny_lsp.completion.watch import ACTIVE_S
from twinny_lsp.config.resolved import Target
from twinny_lsp.errors import (
    BadAnswer,
    Busy,
    Interrupted,
    KeyUnavailable,
    Loading,
    ModelMissing,
    ServerFailure,
    TimedOut,
    TwinnyError,
    Unauthorized,
    Unreachable,
    Unsupported,
    WrongAddress,
)
from twinny_lsp.providers.base import Health, State
from twinny_lsp.providers.circuit import JITTER, PLANS, Circuit, Way, plan_for
from twinny_lsp.providers.presets import METERED

SPARE = target("spare", "starcoder2:3b")
GONE = Unreachable("nothing listens")
DOWN = Health(State.DOWN, "gone", error=GONE)
WELL = Health(State.READY)


async def fails(desk: Desk, error: TwinnyError, **how: object) -> None:
    """A request that fails so."""
    desk.model.script = lambda stream: stream.fail(error)
    await soon(desk.ask("first = █\n", **how))


async def asked(desk: Desk, number: int, **how: object) -> int:
    """Type on with that many keys; how many requests reached the model."""
    before = len(desk.model.streams)
    for key in range(number):
        await soon(desk.ask(f"v{desk.clock.now():g}_{key} = █\n", **how))
    return len(desk.model.streams) - before


async def wait(desk: Desk, seconds: float) -> int:
    """Let time pass; how often somebody looked."""
    before = desk.model.looks
    desk.clock.go(seconds)
    await until(lambda: not desk.engine._watch._tasks)
    return desk.model.looks - before


@pytest.mark.parametrize("error", [GONE, Interrupted("broke off"), TimedOut("silent")])
async def test_three_looks_find_a_server_that_is_back_within_nine_seconds(
    desk: Desk, error: TwinnyError
) -> None:
    desk.model.state = DOWN
    await fails(desk, error)
    looks = [await wait(desk, 1) for _ in range(6)]
    assert looks == [1, 0, 1, 0, 0, 0]
    assert await asked(desk, 5) == 0, "no key sends anything meanwhile"
    desk.model.state, desk.model.script = WELL, say("a\n")
    assert await wait(desk, 1) == 1
    assert text_of(await soon(desk.ask("x = █\n"))) == "a"
    assert await wait(desk, 100) == 0, "and then nobody looks any more"


async def test_the_wait_doubles_up_to_a_limit_and_an_answer_ends_it() -> None:
    circuit = Circuit(GONE, PLANS[GONE.kind])
    waits = []
    for _ in range(8):
        circuit.fail(GONE, 100.0, 0.0)
        waits.append(circuit.until - 100.0)
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]
    circuit.fail(GONE, 0.0, 1.0)
    assert circuit.until == 30 * (1 + JITTER)


async def test_one_look_at_a_time(desk: Desk) -> None:
    import asyncio

    desk.model.gate = asyncio.Event()
    await fails(desk, GONE)
    desk.clock.go(1)
    await until(lambda: desk.model.looks == 1)
    for _ in range(3):
        desk.clock.go(1)
        assert await asked(desk, 2) == 0
    assert desk.model.looks == 1
    desk.model.gate.set()
    desk.model.script = say("a\n")
    await until(lambda: not desk.engine._watch._tasks)
    assert await asked(desk, 1) == 1


async def test_a_look_that_was_well_is_no_proof(desk: Desk) -> None:
    await fails(desk, GONE)
    assert await wait(desk, 1) == 1
    assert await asked(desk, 3) == 1, "the first request fails again"
    assert await wait(desk, 1) == 0
    assert await wait(desk, 1) == 1, "the wait is twice as long"


async def test_nobody_looks_when_nobody_is_there(desk: Desk) -> None:
    desk.model.state = DOWN
    await fails(desk, GONE)
    looks = [await wait(desk, 10) for _ in range(int(ACTIVE_S // 10) + 10)]
    assert sum(looks[-5:]) == 0
    assert await asked(desk, 1) == 0
    await until(lambda: not desk.engine._watch._tasks)
    assert desk.model.looks == sum(looks) + 1, "the next key brings a look"


@pytest.mark.parametrize("error", [Unauthorized("key"), KeyUnavailable("no such"), Unsupported("no")])
async def test_what_waiting_cannot_mend_is_not_tried_again(desk: Desk, error: TwinnyError) -> None:
    await fails(desk, error)
    for _ in range(5):
        assert await wait(desk, 100) == 0
        assert await asked(desk, 3) == 0
    assert len(desk.failures) == 1
    assert await asked(desk, 1, trigger=Trigger.INVOKED) == 1, "a person may try"
    desk.engine.settings_changed()
    assert await asked(desk, 1) == 1, "other settings are another chance"


async def test_a_request_that_outlives_its_settings_starts_no_looking(desk: Desk) -> None:
    task = desk.ask("x = █\n")
    stream = await desk.model.asked()
    desk.engine._watch.forget()
    stream.fail(GONE)
    await soon(task)
    assert await wait(desk, 100) == 0


async def test_a_missing_model_is_looked_up_seldom_and_found_when_it_is_there(desk: Desk) -> None:
    desk.model.known = replace(desk.model.known, name="other")
    await fails(desk, ModelMissing("not found; get it so"))
    assert await asked(desk, 5) == 0
    assert sum([await wait(desk, 1) for _ in range(45)]) == 2
    assert await asked(desk, 1) == 0
    assert "get it so" in (await soon(desk.ask("x = █\n"))).reason, "the first message says the most"
    desk.model.known, desk.model.script = replace(desk.model.known, name="qwen2.5-coder:7b"), say("a\n")
    assert await wait(desk, 60) == 1
    assert await asked(desk, 1) == 1


async def test_a_missing_model_does_not_hold_back_the_servers_others(desk: Desk) -> None:
    await fails(desk, ModelMissing("not found"))
    desk.model.script = say("a\n")
    other = replace(target(), model="another")
    assert text_of(await soon(desk.ask("x = █\n", target=other))) == "a"


@pytest.mark.parametrize("error", [Busy("queue"), ServerFailure("500"), BadAnswer("?")])
async def test_a_server_that_answers_badly_is_tried_by_the_next_request_after_a_while(
    desk: Desk, error: TwinnyError
) -> None:
    await fails(desk, error)
    assert await asked(desk, 3) == 0
    assert await wait(desk, 1) == 0, "its health says nothing of that"
    assert await asked(desk, 3) == 1
    desk.clock.go(1)
    assert await asked(desk, 3) == 0
    desk.clock.go(1)
    desk.model.script = say("a\n")
    assert await asked(desk, 2) == 2


@pytest.mark.parametrize("name", sorted(METERED))
async def test_who_is_paid_by_the_token_is_never_asked_how_it_is(desk: Desk, name: str) -> None:
    paid = target()
    paid = replace(paid, endpoint=replace(paid.endpoint, preset=name))
    desk.engine.opened(desk.request("█a = 1\n", target=paid))
    await fails(desk, GONE, target=paid)
    assert await asked(desk, 3, target=paid) == 0
    for _ in range(20):
        await wait(desk, 10)
    assert desk.model.looks == 0
    assert await asked(desk, 1, target=paid) == 1, "the request itself is the try"


async def test_a_person_is_not_told_to_wait(desk: Desk) -> None:
    await fails(desk, ServerFailure("500"))
    desk.model.script = say("a\n")
    assert text_of(await soon(desk.ask("x = █\n", trigger=Trigger.INVOKED))) == "a"


async def test_the_next_one_stands_in_and_the_first_is_back_when_it_lives(desk: Desk) -> None:
    both = {"fallback": (SPARE,)}
    spare = desk.registry.provider(SPARE.endpoint)
    spare.script = say("spare\n")
    desk.model.state = DOWN
    await fails(desk, GONE, **both)
    assert text_of(await soon(desk.ask("y = █\n", **both))) == "spare"
    standing = desk.engine.standing()
    assert (standing.footing, standing.answers, standing.error) == (Footing.FALLBACK, SPARE, GONE)
    assert await asked(desk, 1, **both, trigger=Trigger.INVOKED) == 0, "a person gets what works"
    desk.model.state, desk.model.script = WELL, say("first\n")
    await wait(desk, 1)
    assert desk.engine.standing().footing is Footing.WELL
    assert text_of(await soon(desk.ask("z = █\n", **both))) == "first"
    assert text_of(await soon(desk.ask("y = █\n", **both))) == "first", "what stood in is not kept"
    assert spare.looks == 0


async def test_a_text_on_screen_stays_when_the_first_is_back(desk: Desk) -> None:
    both = {"fallback": (SPARE,)}
    desk.registry.provider(SPARE.endpoint).script = say("spare()\n")
    await fails(desk, GONE, **both)
    assert text_of(await soon(desk.ask("y = █\n", **both))) == "spare()"
    assert text_of(await soon(desk.ask("y = sp█\n", **both))) == "are()"
    desk.model.script = say("first\n")
    await wait(desk, 1)
    assert text_of(await soon(desk.ask("y = spa█\n", **both))) == "re()"


async def test_what_was_learned_of_a_server_that_went_does_not_hold(desk: Desk) -> None:
    desk.model.script = say("a\n")
    await soon(desk.ask("x = █\n"))
    desk.registry.refuse_native(desk.model.endpoint, "qwen2.5-coder:7b")
    served = desk.engine._rooms.targets.served(target())
    assert served.last.text
    await fails(desk, Interrupted("killed"))
    assert not desk.engine._rooms.targets.served(target()).last.text, "its cache is empty"
    assert not desk.registry.refused


async def test_a_document_that_is_opened_brings_one_look_and_no_message(desk: Desk) -> None:
    desk.model.state = DOWN
    for _ in range(3):
        desk.engine.opened(desk.request("█a = 1\n"))
    await until(lambda: not desk.engine._watch._tasks)
    assert desk.model.looks == 1
    assert desk.engine.standing().footing is Footing.AWAY
    assert not desk.failures
    assert await asked(desk, 3) == 0
    assert desk.failures == [("local", GONE)], "who asks is told, once"


@pytest.mark.parametrize("error", [WrongAddress("no such route"), Unauthorized("key"), TimedOut("slow")])
async def test_a_first_look_that_is_refused_proves_nothing(desk: Desk, error: TwinnyError) -> None:
    desk.model.state = Health(State.REFUSING, error=error)
    desk.model.script = say("a\n")
    desk.engine.opened(desk.request("█a = 1\n"))
    await until(lambda: desk.model.looks == 1 and not desk.engine._watch._tasks)
    assert await asked(desk, 1) == 1


async def test_a_server_that_does_not_let_itself_be_looked_at_is_tried(desk: Desk) -> None:
    desk.model.state = Health(State.REFUSING, error=WrongAddress("no such route"))
    await fails(desk, GONE)
    assert await wait(desk, 1) == 1
    assert await asked(desk, 3) == 1


async def test_a_bug_in_a_look_holds_nobody_back(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    await fails(desk, GONE)
    desk.model.state = None  # type: ignore[assignment]
    assert await wait(desk, 1) == 1
    assert "AttributeError" in caplog.text
    assert await asked(desk, 1) == 1


async def test_from_gone_to_loading_to_there_is_one_trouble(desk: Desk) -> None:
    desk.model.state = DOWN
    await fails(desk, Interrupted("broke off"))
    await wait(desk, 1)
    assert desk.engine.standing().footing is Footing.AWAY
    await asked(desk, 2)
    assert len(desk.failures) == 1
    desk.model.state = Health(State.LOADING, error=Loading("still loading"))
    await wait(desk, 2)
    assert desk.engine.standing().footing is Footing.LOADING
    assert await wait(desk, 1) == 1
    desk.model.state, desk.model.script = WELL, say("a\n")
    await wait(desk, 2)
    assert desk.engine.standing().footing is Footing.WELL
    assert await asked(desk, 1) == 1


async def test_a_failure_ahead_of_any_request_is_known_to_the_next_one(desk: Desk) -> None:
    desk.model.known = replace(desk.model.known, loaded=False)
    desk.model.script = lambda stream: stream.fail(GONE)
    desk.engine.opened(desk.request("█a = 1\n", speculate=True))
    desk.clock.go(1)
    await (await desk.model.asked()).closed.wait()
    assert not desk.failures
    assert await asked(desk, 2) == 0
    assert desk.failures == [("local", GONE)]


async def test_a_chat_that_is_answered_shows_that_the_server_is_there(desk: Desk) -> None:
    await fails(desk, GONE)
    desk.engine.answered(Target(desk.model.endpoint, "chat"))
    assert desk.engine.standing().footing is Footing.WELL


def test_every_failure_of_a_server_has_its_way_back() -> None:
    kinds = {kind for kind, plan in PLANS.items() if plan.way is Way.SETTINGS}
    assert kinds == {Unauthorized.kind, Unsupported.kind}
    assert plan_for(TwinnyError("a template")) is None
    assert all(plan_for(error, paid=True).way is Way.REQUEST for error in (GONE, ModelMissing("m")))  # type: ignore[union-attr]
