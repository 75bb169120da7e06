"""Asking ahead: while a suggestion is on screen, the model is asked for what follows when it is accepted.

It takes a slot only when nobody else needs it, one step ahead and no further, and is dropped the moment the
cursor leaves the suggested text. It costs a prompt each time, so it has a budget that grows with what it
saved. Providers that are paid by the token and models that are slow to begin get none.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import replace

from twinny_lsp.completion.ask import Ask, How
from twinny_lsp.completion.place import Place
from twinny_lsp.completion.request import Trigger
from twinny_lsp.completion.rooms import Rooms
from twinny_lsp.errors import TwinnyError
from twinny_lsp.providers.presets import METERED

log = logging.getLogger(__name__)

SLOW = 2.0
"""Seconds to the first text of a model that is not asked ahead: it would be busy when the next key needs
it."""

_REMEMBERED = 100
"""Places asked ahead that may still turn out to have been worth it."""

_CREDIT, _MOST_CREDIT = 4.0, 6.0
_COST, _GAIN, _DRIP = 1.0, 2.0, 0.3
"""In questions: what one costs, what one that was used brings in, and what every suggestion shown does."""


class Ahead:
    """At most one question ahead, for the last suggestion shown."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._shown: Ask | None = None
        self._task: asyncio.Task[None] | None = None
        self._credit = _CREDIT
        self._asked: deque[Place] = deque(maxlen=_REMEMBERED)

    def shown(self, ask: Ask) -> None:
        """A suggestion for this place is on screen."""
        self._shown = ask
        self._credit = min(self._credit + _DRIP, _MOST_CREDIT)
        self.look()

    def used(self, place: Place) -> None:
        """An answer for that place served a request: if it was asked ahead, that paid."""
        if place in self._asked:
            self._asked.remove(place)
            self._credit = min(self._credit + _GAIN, _MOST_CREDIT)

    def look(self) -> None:
        """Ask, if there is something to ask for and the slot is free."""
        ask = self._shown
        if ask is None or self._credit < _COST or (self._task is not None and not self._task.done()):
            return
        known = self._rooms.known.find(ask.cursor, ask.terms)
        if known is None or not known.text or not known.answer.whole:
            return
        self._shown = None
        self._task = asyncio.get_running_loop().create_task(self._ask(ask, known.text, known.replaces))
        self._task.add_done_callback(_done)

    def forget(self, uri: str = "") -> None:
        """The document was closed, or all that is known is void ("")."""
        if self._shown is not None and uri in ("", self._shown.cursor.place.uri):
            self._shown = None

    async def close(self) -> None:
        """Ask no more."""
        self._shown = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _ask(self, ask: Ask, text: str, replaces: int) -> None:
        request, eol = ask.request, ask.around.eol
        target = self._rooms.targets.watch.first(request.settings)
        if target is None or target.endpoint.preset in METERED:
            return
        if self._rooms.targets.served(target).first_text_s > SLOW:
            return
        snapshot = request.snapshot.accepted(request.selected + text.replace("\n", eol), replaces)
        accepted = Ask.of(replace(request, snapshot=snapshot, selected="", trigger=Trigger.AUTOMATIC))
        if self._rooms.known.find(accepted.cursor, accepted.terms) is not None:
            return
        if self._rooms.flights.find(accepted.cursor, accepted.terms) is not None:
            return
        way = ask.cursor.place, text
        try:
            flight = await self._rooms.launcher.launch(accepted, target, self._rooms.landed, How(way=way))
        except TwinnyError as error:
            log.debug("nothing is asked ahead: %s", type(error).__name__)
            return
        if flight is not None:
            self._credit -= _COST
            self._asked.append(accepted.cursor.place)


def _done(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("asking ahead failed: %s", type(error).__name__)
        log.debug("the failure", exc_info=error)
