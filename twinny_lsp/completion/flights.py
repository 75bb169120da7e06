"""All generations at work: at most one for each slot, whatever the document.

A slot is what can do one generation at a time: a server's address. Who needs it comes in by these rules: a
request that agrees with the running generation takes it up; another surface's request for the same
keystroke waits for it, and any request for one that still loads the model; for anything else the running one
is aborted, and its socket closed, first. What is asked ahead takes a slot only when it is free.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from twinny_lsp.completion.flight import Flight
from twinny_lsp.completion.known import Terms
from twinny_lsp.completion.place import Cursor, Typed
from twinny_lsp.completion.seams import Clock, sleep
from twinny_lsp.exchange import Piece

_LONGEST_CLOSE = 1.0
"""Seconds to wait for a stream to close; a provider that hangs there does not hold up the next request."""

CHANGED = "the text has changed"


class Flights:
    """The running generations, by slot."""

    def __init__(self, clock: Clock, changed: Callable[[], object] = lambda: None) -> None:
        self._clock, self._changed = clock, changed
        self._by_slot: dict[str, tuple[Flight, asyncio.Task[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def find(self, cursor: Cursor, terms: Terms, *, by_hand: bool = False) -> tuple[Flight, Typed] | None:
        """A generation that a request here can take up, and what was typed since it was asked.

        `by_hand`: a person asks, who wants all that belongs there.
        """
        for flight, _ in self._by_slot.values():
            if flight.aborted or flight.error is not None or flight.plan.warm:
                continue
            if flight.plan.terms != terms or (by_hand and not flight.plan.given.shape.whole):
                continue
            typed = flight.typed_at(cursor)
            if typed is not None and (not flight.reply.over or flight.reply.rest(typed.text)):
                return flight, typed
        return None

    def drop_disagreeing(self, cursor: Cursor) -> None:
        """Abort what cannot agree any more with this document's newest text."""
        for flight, _ in list(self._by_slot.values()):
            if flight.plan.place.uri != cursor.place.uri or flight.plan.warm or flight.loads:
                continue
            if flight.followers and flight.seat == cursor.seat:
                continue
            if flight.typed_at(cursor) is None and not flight.on_the_way(cursor):
                flight.abort(CHANGED)

    def idle(self, slot: str) -> bool:
        """Whether nothing is at work there."""
        return slot not in self._by_slot

    async def free(self, slot: str, cursor: Cursor) -> bool:
        """Make the slot free for a request here. False when something ended meanwhile: look again first."""
        taken = self._by_slot.get(slot)
        if taken is None:
            return True
        flight, task = taken
        same_key = flight.followers and flight.seat == cursor.seat
        if not flight.ended and not flight.aborted and (same_key or flight.loads):
            await flight.change()
            return False
        same = flight.plan.place.uri == cursor.place.uri
        flight.abort("another request came" if same else "another document needed the model")
        waiter = asyncio.get_running_loop().create_task(sleep(self._clock, _LONGEST_CLOSE))
        try:
            await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiter.cancel()
        if self._by_slot.get(slot) == taken:
            del self._by_slot[slot]
        return False

    def launch(
        self, flight: Flight, stream: AsyncGenerator[Piece, None], on_end: Callable[[Flight], None]
    ) -> None:
        """Start reading; the slot must be free. `on_end` is called at the end, aborted or not."""
        slot = flight.plan.slot
        task = flight.start(stream, on_end)
        self._by_slot[slot] = entry = (flight, task)
        self._tasks.add(task)
        self._changed()

        def gone(done: asyncio.Task[None]) -> None:
            self._tasks.discard(done)
            if self._by_slot.get(slot) == entry:
                del self._by_slot[slot]
            flight.wake()
            self._changed()

        task.add_done_callback(gone)

    @property
    def busy(self) -> bool:
        """Whether a model is at work on what somebody asked for."""
        return any(not (flight.ahead or flight.ended) for flight, _ in self._by_slot.values())

    def forget(self, uri: str) -> None:
        """Abort a document's generations: it was closed."""
        for flight, _ in list(self._by_slot.values()):
            if flight.plan.place.uri == uri:
                flight.abort("the document was closed")

    def abort_all(self, why: str) -> None:
        """Abort every generation."""
        for flight, _ in list(self._by_slot.values()):
            flight.abort(why)

    def count(self) -> int:
        """How many streams are not closed yet."""
        return len(self._tasks)

    async def close(self) -> None:
        """Abort everything and wait for the streams to close."""
        self.abort_all("the server is shutting down")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LONGEST_CLOSE)
        for task in self._tasks:
            task.cancel()
