"""What an embedding model is asked for, what is known already, and what ends it."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Sequence

import pytest

from tests.support.fake_server import bounded
from tests.support.stand_in import StandIn
from twinny_lsp.chat import nearness, vectors
from twinny_lsp.chat.nearness import BATCH, LEAST_CHARS, MOST_CHARS, PROBE, Embedder, Nearness, prefixes
from twinny_lsp.errors import BadAnswer, ContextOverflow, Interrupted
from twinny_lsp.exchange import Vector

TASK = "Given a question, find the code that answers it"
FILE = "http://127.0.0.1:1"


class Model(StandIn):
    """Makes a vector of how often `a`, `b` and `c` are in a text; `asked` are the texts, by request."""

    def __init__(self, most_chars: int = 10**9) -> None:
        self.asked: list[list[str]] = []
        self.most_chars = most_chars
        self.letters = "abc"
        self.before: Callable[[], None] = lambda: None

    async def embed(self, texts: Sequence[str], model: str) -> list[Vector]:
        self.asked.append(list(texts))
        self.before()
        if any(len(text) > self.most_chars for text in texts):
            raise ContextOverflow("too long", provider="stand-in")
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> Vector:
        counts = [float(text.count(letter)) for letter in self.letters]
        length = sum(count * count for count in counts) ** 0.5 or 1.0
        return array("f", [count / length for count in counts])

    @property
    def texts(self) -> list[str]:
        """All that was asked, but for the probe."""
        return [text for request in self.asked for text in request if text != PROBE]


def embedder(model: Model, name: str = "m", clock: Callable[[], float] = lambda: 0.0) -> Embedder:
    return Embedder(model, name, vectors.path_for(FILE, name), clock)


async def test_what_means_the_same_is_near() -> None:
    found = await embedder(Model()).near("a", ["b", "aa", "ab"])
    assert [round(value or 0.0, 3) for value in found.values] == [0.0, 1.0, 0.707]
    assert (found.fresh, found.told) == (3, "3 places compared, 3 of them for the first time")


async def test_only_the_question_and_what_is_new_is_computed_again() -> None:
    await embedder(Model()).near("a", ["a", "b", "b"])
    model = Model()
    found = await embedder(model).near("c", ["a", "b", "c"])
    assert model.asked == [[PROBE, "c"], ["c"]]
    assert (found.values, found.told) == ((0.0, 0.0, 1.0), "3 places compared, 1 of them for the first time")
    model.asked.clear()
    assert (await embedder(model).near("a", ["a", "b", "c"])).told == "3 places compared"
    assert model.asked == [[PROBE, "a"]]


async def test_another_model_computes_anew() -> None:
    await embedder(Model(), "m").near("a", ["a", "b"])
    named = Model()
    await embedder(named, "n").near("a", ["a", "b"])
    assert named.texts == ["a", "a", "b"], "the settings name another"
    for letters in ("rt(", "abcd"):
        changed = Model()
        changed.letters = letters
        await embedder(changed).near("a", ["a", "b"])
        assert changed.texts == ["a", "a", "b"], "the server has another under that name"
        await embedder(changed).near("a", ["a", "b"])
        assert changed.texts[3:] == ["a"], "and from now on that one's are known"


async def test_requests_are_bounded() -> None:
    model = Model()
    await embedder(model).near("a" * 9999, [f"{at} " + "b" * 9999 for at in range(2 * BATCH + 1)])
    assert [len(request) for request in model.asked] == [2, BATCH, BATCH, 1]
    assert max(map(len, model.texts)) == MOST_CHARS


async def test_texts_are_cut_until_the_model_takes_them() -> None:
    model = Model(most_chars=500)
    found = await embedder(model).near("a" * 99, ["b" * 3000, "a" * 3000])
    assert found.values == (0.0, 1.0)
    assert [len(text) for text in model.texts if len(text) != 99] == [1600, 1600, 800, 800, 400, 400]
    model.asked.clear()
    await embedder(model).near("a", ["b" * 3000])
    assert model.texts == ["a"], "the vector of what fitted is the text's"


async def test_a_model_that_takes_next_to_nothing_is_told() -> None:
    model = Model(most_chars=50)
    with pytest.raises(ContextOverflow, match=f"m does not take {LEAST_CHARS} characters.*larger context"):
        await embedder(model).near("a", ["b" * 3000])
    assert [len(text) for text in model.texts] == [1, 1600, 800, 400, 200]


async def test_when_the_time_is_over_the_rest_waits_for_the_next_question() -> None:
    model, texts = Model(), [f"{at} b" for at in range(3 * BATCH)]
    seconds = iter([0.0, 1.0, nearness.EMBED_S - 0.1, nearness.EMBED_S])
    found = await embedder(model, clock=lambda: next(seconds)).near("b", texts)
    assert found.values == (1.0,) * (2 * BATCH) + (None,) * BATCH
    assert found.told == "16 places compared, 16 of them for the first time, 8 left for the next question"
    model.asked.clear()
    assert (await embedder(model).near("b", texts)).fresh == BATCH
    assert model.asked[1:] == [texts[2 * BATCH :]]


async def test_what_was_computed_before_a_failure_is_kept() -> None:
    model, texts = Model(), [f"{at} b" for at in range(2 * BATCH)]

    def fails() -> None:
        if len(model.asked) == 3:
            raise Interrupted("the connection broke", provider="stand-in")

    model.before = fails
    with pytest.raises(Interrupted):
        await embedder(model).near("b", texts)
    again = Model()
    await embedder(again).near("b", texts)
    assert again.asked[1:] == [texts[BATCH:]]


async def test_what_was_computed_before_it_is_cancelled_is_kept() -> None:
    waits = asyncio.Event()

    class Slow(Model):
        async def embed(self, texts: Sequence[str], model: str) -> list[Vector]:
            if len(self.asked) == 2:
                waits.set()
                await asyncio.Event().wait()
            return await super().embed(texts, model)

    texts = [f"{at} b" for at in range(2 * BATCH)]
    work = asyncio.ensure_future(embedder(Slow()).near("b", texts))
    await bounded(waits.wait())
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    again = Model()
    await embedder(again).near("b", texts)
    assert again.asked[1:] == [texts[BATCH:]]


async def test_vectors_of_changing_length_are_no_answer() -> None:
    model = Model()

    def changes() -> None:
        model.letters = "abc" if len(model.asked) == 1 else "ab"

    model.before = changes
    with pytest.raises(BadAnswer, match="not of one length"):
        await embedder(model).near("a", ["b"])


@pytest.mark.parametrize(
    ("model", "question", "text"),
    [
        ("nomic-embed-text:v1.5", "search_query: ", "search_document: "),
        ("text-embedding-nomic-embed-text-v1.5@q8_0", "search_query: ", "search_document: "),
        ("nomic-ai/nomic-embed-code-GGUF", "Represent this query for searching relevant code: ", ""),
        ("snowflake-arctic-embed2", "query: ", ""),
        ("Qwen/Qwen3-Embedding-0.6B", f"Instruct: {TASK}\nQuery: ", ""),
        ("bge-m3", "", ""),
        ("all-minilm", "", ""),
    ],
)
def test_a_model_sees_what_it_was_trained_to_see(model: str, question: str, text: str) -> None:
    assert prefixes(model) == (question, text)


async def test_the_prefixes_are_sent() -> None:
    model = Model()
    await embedder(model, "nomic-embed-text").near("a", ["b"])
    assert model.asked == [[PROBE, "search_query: a"], ["search_document: b"]]


def test_one_place_is_one() -> None:
    assert Nearness((0.5, None), 0).told == "1 place compared, 1 left for the next question"
