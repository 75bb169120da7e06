"""When a menu request ends without the model's answer, and when it waits for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from twinny_lsp.documents.document import Document
from twinny_lsp.documents.encoding import Encoding
from twinny_lsp.lsp.clients import Profile
from twinny_lsp.lsp.rounds import HELD_S, Rounds

IN_ROUNDS = Profile(asks_in_rounds=True)


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


class Case:
    """One document, and one menu request at the end of its first line."""

    def __init__(self, line: str, profile: Profile = IN_ROUNDS) -> None:
        self.clock = Clock()
        self.rounds = Rounds(self.clock)
        self.document = Document("file:///a.py", "python", 1, f"{line}\nnext = 1\n", Encoding.UTF16)
        self.ended = asyncio.Event()
        self.says: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        snapshot = self.document.snapshot(0, len(line))
        self.answer = asyncio.ensure_future(self.rounds.answer(snapshot, profile, self._model()))

    async def _model(self) -> str:
        try:
            return await self.says
        finally:
            self.ended.set()

    async def edit(self, row: int, start: int, end: int, text: str) -> None:
        """An edit by the user, and what follows of it."""
        await asyncio.sleep(0)
        made = self.document.apply_incremental((row, start, row, end), text)
        self.rounds.edited(self.document, made)
        await asyncio.sleep(0)

    async def given(self) -> str | None:
        async with asyncio.timeout(10):
            return await self.answer


async def test_letters_typed_on_leave_it_to_answer() -> None:
    case = Case("x = re")
    for at, letter in enumerate("turn"):
        case.clock.now += HELD_S
        await case.edit(0, 6 + at, 6 + at, letter)
    case.says.set_result("items")
    assert await case.given() == "items"


@pytest.mark.parametrize(
    ("row", "start", "end", "text"),
    [
        (0, 6, 6, "+"),
        (0, 6, 6, "t("),
        (0, 6, 6, "\n    "),
        (0, 5, 6, ""),
        (0, 5, 6, "x"),
        (1, 0, 0, "a"),
        (0, 0, 0, "a"),
    ],
    ids=["sign", "call", "line", "deleted", "replaced", "elsewhere", "before"],
)
async def test_what_is_no_word_typed_on_ends_it(row: int, start: int, end: int, text: str) -> None:
    case = Case("x = re")
    await case.edit(row, start, end, text)
    assert await case.given() is None
    assert case.ended.is_set(), "nobody works on it any more"


async def test_a_sign_after_letters_ends_it() -> None:
    case = Case("x = re")
    await case.edit(0, 6, 6, "t")
    await case.edit(0, 7, 7, ".")
    assert await case.given() is None


async def test_a_word_that_begins_ends_an_older_request_only() -> None:
    case = Case("x = ")
    await case.edit(0, 4, 4, "r")
    case.clock.now += HELD_S
    assert not case.answer.done()
    await case.edit(0, 5, 5, "e")
    assert await case.given() is None


async def test_others_documents_and_clients_are_no_reason() -> None:
    case, other = Case("x = re"), Case("x = re", Profile())
    case.document.uri = "file:///b.py"
    for each in (case, other):
        await each.edit(0, 6, 6, "+")
        each.says.set_result("items")
        assert await each.given() == "items"


async def test_a_client_that_waits_for_all_gets_an_answer_in_time() -> None:
    case = Case("x = re", Profile(menu_within_s=0.001))
    assert await case.given() is None
    assert case.ended.is_set()


async def test_a_cancelled_request_ends_its_work() -> None:
    case = Case("x = re")
    await asyncio.sleep(0)
    case.answer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await case.given()
    await asyncio.sleep(0)
    assert case.ended.is_set()
    await case.edit(0, 6, 6, "+")  # nobody is there to be told


async def test_a_failure_is_the_callers() -> None:
    case = Case("x = re")
    await asyncio.sleep(0)
    case.says.set_exception(ValueError("wrong"))
    with pytest.raises(ValueError, match="wrong"):
        await case.given()
