"""What else the model sees: with the whole window, where it may cost what it does; and secrets stay here."""

from __future__ import annotations

import pytest

from tests.unit.completion.fakes import Desk, Stream, soon, target, text_of, until
from tests.unit.completion.test_windows_choice import asked, place
from twinny_lsp.completion.engine import CompletionEngine
from twinny_lsp.completion.request import Trigger
from twinny_lsp.completion.seams import Reports
from twinny_lsp.context.pieces import NOTHING, At, Gathered, Source, Told
from twinny_lsp.exchange import ContextFile

PIECES = Gathered(
    (ContextFile("util.py", "def compute(n): ...\n" * 20),),
    (Told(Source.IMPORTS, "util.py", "compute is called here", 400),),
)


class FakeContext:
    def __init__(self) -> None:
        self.gathered = PIECES
        self.wanted = 512
        self.asked: list[tuple[At, int]] = []

    def tokens(self, uri: str) -> int:
        return self.wanted

    async def pieces(self, at: At, budget: int) -> Gathered:
        self.asked.append((at, budget))
        return self.gathered

    def mask(self, uri: str, text: str) -> str:
        return text.replace("hunter2", "xxxxxxx")


@pytest.fixture
def context(desk: Desk) -> FakeContext:
    made = FakeContext()
    desk.engine = CompletionEngine(
        desk.registry,
        desk.prompter,
        Reports(lambda error, where: desk.failures.append((where.endpoint.name, error))),
        context=made,
        clock=desk.clock,
    )
    return made


def prompt(stream: Stream) -> str:
    """What the model was sent."""
    return stream.generation.prompt.text  # type: ignore[union-attr]


async def test_who_asks_by_hand_gets_context(desk: Desk, context: FakeContext) -> None:
    await asked(desk, place(400), trigger=Trigger.INVOKED)
    hole = desk.prompter.holes[-1]
    assert hole.neighbours == PIECES.files
    assert hole.prefix_tokens == 2048 - 256 - PIECES.size // 4, "context takes its room from the prefix"
    at, budget = context.asked[-1]
    assert at.first_row < 400 < at.last_row
    assert budget == 512 * 3


async def test_the_first_prompt_of_a_place_has_none(desk: Desk, context: FakeContext) -> None:
    assert "# util.py" not in prompt(await asked(desk, place(400)))


async def test_the_whole_window_has_it_and_keeps_it(desk: Desk, context: FakeContext) -> None:
    await asked(desk, place(400))
    for typed in ("z", "zi", "zip"):
        assert "# util.py" in prompt(await asked(desk, place(400, f"x = {typed}█")))
    record = desk.engine.last_result().record  # type: ignore[union-attr]
    assert record is not None
    assert record.asked is not None
    assert [(piece.path, piece.source) for piece in record.asked.context] == [("util.py", "imports")]
    assert any("with context: util.py (imports, 100 tokens)" in line for line in record.lines)


async def test_a_small_document_gets_it_where_it_costs_little(desk: Desk, context: FakeContext) -> None:
    assert "# util.py" in prompt(await asked(desk, "a = 1\nx = █\n"))
    context.gathered = Gathered((ContextFile("big.py", "x = 1\n" * 500),))
    other = await asked(desk, "b = 1\nx = █\n", uri="file:///other.py")
    assert "# big.py" not in prompt(other), "it would come late"


async def test_a_notebooks_cell_gets_the_others_at_once(desk: Desk, context: FakeContext) -> None:
    from dataclasses import replace

    desk.model.script = lambda stream: stream.say("1\n")
    request = replace(desk.request(place(400)), cell=True)
    assert text_of(await desk.engine.complete(request)) == "1"
    assert "# util.py" in prompt(desk.model.streams[0])


async def test_none_is_gathered_where_none_is_wanted(desk: Desk, context: FakeContext) -> None:
    context.wanted = 0
    await asked(desk, place(400), trigger=Trigger.INVOKED)
    assert not context.asked


async def test_it_is_gathered_during_the_pause(desk: Desk, context: FakeContext) -> None:
    task = desk.ask(place(400), debounce_ms=100)
    await until(lambda: len(context.asked) == 1)
    assert not desk.model.streams
    task.cancel()


async def test_secrets_are_masked_on_both_sides_of_the_cursor(desk: Desk, context: FakeContext) -> None:
    await asked(desk, "a = 'hunter2'\nx = █\nb = 'hunter2'\n", trigger=Trigger.INVOKED)
    mask = desk.prompter.holes[-1].mask
    assert mask is not None
    assert mask("a = 'hunter2'") == "a = 'xxxxxxx'"


async def test_what_got_better_while_somebody_rests_is_read(desk: Desk, context: FakeContext) -> None:
    desk.model.script = lambda stream: stream.say("1\n")
    await soon(desk.ask("x = █\n", speculate=True))
    await until(lambda: len(desk.model.streams) == 2 and desk.engine._flights.count() == 0)
    number = len(desk.model.streams)
    context.gathered = NOTHING
    desk.engine.context_better("file:///another.py")
    desk.engine.context_better("file:///a.py")
    warm = await desk.model.asked(number + 1)
    assert warm.generation.warm
    assert "# util.py" not in prompt(warm)
    assert desk.engine._rooms.targets.served(target()).last.quick is False
