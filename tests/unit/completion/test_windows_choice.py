"""Which window a prompt holds: short where a place is cold, whole where that is cheap, quick or needed."""

from __future__ import annotations

import pytest

from tests.golden.completion.check import snapshot_of
from tests.unit.completion.fakes import Desk, Stream, say, soon, text_of, until
from twinny_lsp.completion.request import Trigger
from twinny_lsp.completion.served import BATCH_TOKENS, BYTES_PER_TOKEN, Served, common, flat
from twinny_lsp.documents.windows import window
from twinny_lsp.exchange import ChatPrompt, ContextFile, FimPrompt, Finish, Message, Piece, RawPrompt, Usage

ABOVE = [f"above_{number} = compute({number})\n" for number in range(600)]
BELOW = [f"below_{number} = compute({number})\n" for number in range(600)]


def place(row: int, line: str = "x = █") -> str:
    """The document with the cursor's line at that row."""
    return "".join([*ABOVE[:row], line, "\n", *ABOVE[row:], *BELOW])


def size(stream: Stream) -> int:
    """Estimated tokens of the prompt."""
    return int(len(stream.generation.prompt.text) / BYTES_PER_TOKEN)  # type: ignore[union-attr]


async def asked(desk: Desk, text: str, **more: object) -> Stream:
    """The stream of a request that is answered with a line nobody types."""
    number = len(desk.model.streams) + 1
    task = desk.ask(text, **more)
    stream = await desk.model.asked(number)
    stream.say("model()\n").end()
    await soon(task)
    await until(lambda: desk.engine._flights.count() == 0)
    return stream


async def test_the_first_prompt_of_a_place_is_short(desk: Desk) -> None:
    assert 400 < size(await asked(desk, place(400))) < 600


async def test_far_away_is_a_first_place_again(desk: Desk) -> None:
    await asked(desk, place(500))
    assert size(await asked(desk, place(100, "y = █"))) < 600


async def test_what_was_not_typed_on_gets_the_whole_window(desk: Desk) -> None:
    await asked(desk, place(400))
    second = await asked(desk, place(400, "x = zip█"))
    assert 1900 < size(second) <= 2048 * 1.1
    third = await asked(desk, place(400, "x = zip(a█"))
    assert 1900 < size(third) <= 2048 * 1.1
    one, other = (each.generation.prompt.text for each in (second, third))  # type: ignore[union-attr]
    assert common(one, other) > 6000, "most of it the server has read"


async def test_what_is_typed_on_keeps_the_short_one_and_grows_it(desk: Desk) -> None:
    desk.model.script = say("one()\n")
    text = place(400)
    await soon(desk.ask(text))
    for _ in range(5):
        before = len(desk.model.streams)
        text = text.replace("█", "one()\nx = █")
        await soon(desk.ask(text))
        assert len(desk.model.streams) == before + 1
    assert [size(stream) < 700 for stream in desk.model.streams] == [True] * 6
    starts = {stream.generation.prompt.text[:40] for stream in desk.model.streams}  # type: ignore[union-attr]
    assert len(starts) == 1


async def test_the_whole_window_stays_where_it_is_when_somebody_goes_back(desk: Desk) -> None:
    """Where a window slides, one line up and down would else cost all of it each time."""

    async def start(row: int) -> str:
        stream = await asked(desk, place(row, f"x_{len(desk.model.streams)} = █"), trigger=Trigger.INVOKED)
        return stream.generation.prompt.text[:20]  # type: ignore[union-attr]

    row, first = 400, await start(400)
    while (now := await start(row + 1)) == first:
        row += 1
    assert await start(row) == now, "the window slid, and so has room below"
    assert await start(100) != now, "too little of it would be left"


async def test_what_is_asked_ahead_slides_the_window(desk: Desk) -> None:
    """Else it would be read short, and the next key would have to read the whole again."""
    rows = range(400, 600)
    starts = [window(snapshot_of(place(row)), 1792, 256, BYTES_PER_TOKEN).first_row for row in rows]
    last = next(row for row, here, below in zip(rows, starts, starts[1:], strict=False) if here != below)
    task = desk.ask(place(last), trigger=Trigger.INVOKED, candidates=1, speculate=True)
    (await desk.model.asked(1)).say(f"{'long' * 30}(\n    1,\n    2,\n)\n").end()
    await soon(task)
    ahead = await desk.model.asked(2)
    assert size(ahead) > 1700
    ahead.end()


async def test_a_person_gets_the_whole_one(desk: Desk) -> None:
    assert size(await asked(desk, place(400), trigger=Trigger.INVOKED)) > 1900


async def test_a_quick_server_gets_the_whole_one(desk: Desk) -> None:
    desk.engine._rooms.targets.served(desk.request("█").settings.target).read_ms = 0.02  # type: ignore[arg-type]
    assert size(await asked(desk, place(400))) > 1900


async def test_a_small_document_goes_whole(desk: Desk) -> None:
    stream = await asked(desk, "a = 1\nx = █\nb = 2\n")
    assert stream.generation.prompt.text == "a = 1\nx = <HOLE>\nb = 2\n"  # type: ignore[union-attr]


async def test_the_top_of_a_document_is_not_read_again_further_down(desk: Desk) -> None:
    first = await asked(desk, place(40))
    second = await asked(desk, place(60, "y = █"))
    one, other = (each.generation.prompt.text for each in (first, second))  # type: ignore[union-attr]
    assert other.startswith(one[:900])


async def test_budgets_follow_the_servers_own_counts(desk: Desk) -> None:
    def count(stream: Stream) -> None:
        tokens = len(stream.generation.prompt.text) // 2  # type: ignore[union-attr]
        stream._queue.put_nowait(Piece("a", usage=Usage(tokens, 1, tokens)))
        stream.end(Finish.STOP)

    desk.model.script = count
    for number in range(15):
        assert text_of(await soon(desk.ask(place(400, f"v{number} = █"), trigger=Trigger.INVOKED))) == "a"
    told = len(desk.model.streams[-1].generation.prompt.text) / 2  # type: ignore[union-attr]
    assert told == pytest.approx(2048, rel=0.1)


async def test_a_server_that_counts_is_asked_once(desk: Desk) -> None:
    texts: list[str] = []

    async def count(text: str, model: str) -> int | None:
        texts.append(text)
        return len(text) // 2

    desk.model.count_tokens = count  # type: ignore[method-assign]
    for number in range(3):
        stream = await asked(desk, place(400, f"v{number} = █"), trigger=Trigger.INVOKED)
        assert len(stream.generation.prompt.text) / 2 == pytest.approx(2048, rel=0.1)  # type: ignore[union-attr]
    assert len(texts) == 1


def test_what_no_text_can_have_is_not_believed() -> None:
    served = Served()
    served.answered(RawPrompt("x" * 4000), 1000, None, Usage(100, 1))
    assert served.bytes_per_token == BYTES_PER_TOKEN
    served.answered(RawPrompt("x" * 4000), 1000, None, Usage(2000, 1))
    assert served.bytes_per_token == 2.0


def test_a_server_that_slides_its_window_is_found_out() -> None:
    served = Served()
    prompt = FimPrompt("x" * 6000, "y" * 1000)
    served.answered(prompt, 1750, None, Usage(1750, 1, 0))
    served.answered(prompt, 300, None, Usage(1750, 1, 1450))
    assert served.batch_tokens == BATCH_TOKENS
    served.answered(prompt, 300, None, Usage(1750, 1, 11))
    served.answered(prompt, 300, None, Usage(1750, 1, 11))
    assert served.batch_tokens == 512
    raw = Served()
    for _ in range(3):
        raw.answered(RawPrompt("x" * 7000), 300, None, Usage(1750, 1, 11))
    assert raw.batch_tokens == BATCH_TOKENS


def test_reading_speed_is_measured_on_prompts_that_tell() -> None:
    served = Served()
    served.answered(RawPrompt("x"), 10, 0.5, None)
    assert served.read_ms is None
    served.answered(RawPrompt("x"), 500, 0.5, None)
    assert served.read_ms == 1.0
    served.answered(RawPrompt("x"), 500, 0.5, Usage(2000, 1, 1990))
    assert served.read_ms == 1.0, "the server says that it had read nearly all of it"
    assert served.affordable(100) == 150
    assert served.affordable(300) == 300
    served.answered(RawPrompt("x"), 500, 0.5, Usage(500, 1, 0, prompt_ms=100.0))
    assert served.read_ms < 1.0, "waiting and loading are no reading"


def test_a_prompt_as_one_text() -> None:
    fim = FimPrompt("pre", "suf", (ContextFile("a.py", "text"),))
    assert flat(fim).index("text") < flat(fim).index("pre") < flat(fim).index("suf")
    assert flat(RawPrompt("raw")) == "raw"
    assert "hi" in flat(ChatPrompt((Message("user", "hi"),)))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("", "a", 0), ("abc", "abd", 2), ("abc", "abc", 3), ("a" * 999, "a" * 500, 500)],
)
def test_common_beginning(one: str, other: str, expected: int) -> None:
    assert common(one, other) == expected
