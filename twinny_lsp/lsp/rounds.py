"""When a menu request is answered without items, so that a slow model spoils no other server's menu.

Some editors do not show each server's items by themselves but in rounds (see `Profile`): while one server
thinks, an editor may wait with the menu of all, or ask nobody again. Which editors do is a matter of
clients.py; what ends here is one answer, and the engine's stream goes on for the next request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TypeVar

from twinny_lsp.documents.document import Change, Document
from twinny_lsp.documents.snapshot import Snapshot
from twinny_lsp.documents.text import Position
from twinny_lsp.lsp.clients import Profile, is_word, word_start

HELD_S = 1.0
"""How long a request keeps the round while a word is begun after it: as long as the user may still look for
what this server says."""

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Waiting:
    """An open request. `cursor` moves with what is typed there; `in_word`: a word had begun before it."""

    uri: str
    cursor: Position
    in_word: bool
    since: float
    over: asyncio.Future[None]


class Rounds:
    """The menu requests that are open."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: list[_Waiting] = []

    async def answer(
        self, snapshot: Snapshot, profile: Profile, work: Coroutine[object, object, T]
    ) -> T | None:
        """What `work` gives; None where the round must not wait for it any longer."""
        waiting = _Waiting(
            snapshot.uri,
            (snapshot.row, snapshot.column),
            word_start(snapshot.line_before) < snapshot.column,
            self._clock(),
            asyncio.get_running_loop().create_future(),
        )
        task = asyncio.ensure_future(work)
        if profile.asks_in_rounds:
            self._waiting.append(waiting)
        try:
            ends: set[asyncio.Future[object]] = {task, waiting.over}  # type: ignore[arg-type]
            await asyncio.wait(
                ends, timeout=profile.menu_within_s or None, return_when=asyncio.FIRST_COMPLETED
            )
            return task.result() if task.done() else None
        finally:
            task.cancel()
            if waiting in self._waiting:
                self._waiting.remove(waiting)

    def edited(self, document: Document, made: Change) -> None:
        """End the requests whose answer would only keep others from being asked where the user is now.

        Letters typed on are no reason at once: the editor shows an answer that still fits. Where a word had
        begun, the others have been asked about it in the same round; where none had, they are to be asked
        about the one that begins now.
        """
        for waiting in [each for each in self._waiting if each.uri == document.uri]:
            typed = made.inserted
            at_word = made.start == made.end == waiting.cursor and bool(typed) and all(map(is_word, typed))
            if at_word:
                waiting.cursor = (waiting.cursor[0], waiting.cursor[1] + len(typed))
                if waiting.in_word or self._clock() - waiting.since < HELD_S:
                    continue
            if not waiting.over.done():
                waiting.over.set_result(None)
