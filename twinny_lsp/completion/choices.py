"""More than one suggestion, for who asks by hand: what is known, what one call brings, what further calls
bring.

The best one is there already and stays the first. A server that gives several answers to one call is asked
so; others are asked again, with another seed and a little warmer, one after another: there is one slot.
What is not there in time comes with the next request. Not for automatic requests.
"""

from __future__ import annotations

import asyncio

from twinny_lsp.completion.ask import Ask, How
from twinny_lsp.completion.filters import restored
from twinny_lsp.completion.flight import Flight
from twinny_lsp.completion.launch import wanted
from twinny_lsp.completion.request import Candidate
from twinny_lsp.completion.rooms import Rooms
from twinny_lsp.completion.seams import sleep
from twinny_lsp.config.resolved import Target
from twinny_lsp.errors import TwinnyError

SECONDS = 1.0
"""How long a person waits for the others when the first one is there."""

_VAIN = 2
"""Calls in a row that bring nothing new, after which the model has no other ideas."""


class Choices:
    """The candidates of one request, the best first."""

    def __init__(self, rooms: Rooms, ask: Ask, first: Candidate) -> None:
        self._rooms, self._ask = rooms, ask
        self._wanted = wanted(ask)
        self._found = {_telling(first): first}

    async def gather(self, flight: Flight | None) -> tuple[Candidate, ...]:
        """All there are within the time; `flight` brought the first one, None if it was known."""
        if self._wanted < 2:
            return tuple(self._found.values())
        over = asyncio.get_running_loop().create_task(sleep(self._rooms.clock, SECONDS))
        work = asyncio.get_running_loop().create_task(self._gather(flight))
        try:
            await asyncio.wait({over, work}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            work.cancel()
        return tuple(self._found.values())[: self._wanted]

    async def _gather(self, flight: Flight | None) -> None:
        if flight is not None:
            await self._take(flight)
        for known in self._rooms.known.every(self._ask.cursor, self._ask.terms):
            self._add(known.text, known.replaces)
        targets = self._rooms.targets.watch.order(self._ask.request.settings, invoked=True)
        vain, number = 0, 0
        while len(self._found) < self._wanted and vain < _VAIN and targets:
            number += 1
            before = len(self._found)
            another = await self._another(targets[0], number)
            if another is None:
                return
            await self._take(another)
            vain = 0 if len(self._found) > before else vain + 1

    async def _another(self, target: Target, number: int) -> Flight | None:
        try:
            return await self._rooms.launcher.launch(
                self._ask, target, self._rooms.landed, How(variant=number)
            )
        except TwinnyError:
            return None

    async def _take(self, flight: Flight) -> None:
        """Wait for all of its answers."""
        with flight.followed():
            while not flight.ended:
                await flight.change()
        if flight.error is None:
            for answer in reversed(flight.answers()):
                self._add(answer.text, answer.replaces)

    def _add(self, text: str, replaces: int) -> None:
        if text.strip():
            whole = self._ask.request.selected + restored(text, self._ask.around.eol)
            candidate = Candidate(whole, replaces)
            self._found.setdefault(_telling(candidate), candidate)


def _telling(candidate: Candidate) -> str:
    """What makes two candidates the same for a person."""
    return "\n".join(line.rstrip() for line in candidate.text.split("\n"))
