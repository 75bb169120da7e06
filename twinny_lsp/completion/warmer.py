"""Reads prompts ahead while nobody types, so that the server has them when somebody does.

Two occasions: a document is opened and its model is not loaded yet, which can take a minute; and somebody
stopped typing in a place whose first prompts were kept short, where the whole window is worth reading now.
Both wait, take a slot only when it is free, give it up at once, and are silent about failures: the request
that follows will tell. Providers that are paid by the token are left alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial

from twinny_lsp.completion.ask import Ask, How, Warm
from twinny_lsp.completion.flight import Flight
from twinny_lsp.completion.launch import Launcher
from twinny_lsp.completion.seams import Clock, Handle
from twinny_lsp.completion.targets import Targets, facts_or_failure
from twinny_lsp.config.resolved import Target
from twinny_lsp.errors import TwinnyError
from twinny_lsp.providers.presets import METERED

log = logging.getLogger(__name__)

OPENED_S = 1.0
"""After a document was opened: whoever types at once needs no warm-up but the answer."""

IDLE_S = 3.0
"""After the last request: a pause to think, not one between two words."""

_LONGEST_READ_MS = 5_000.0
"""A prompt that takes longer to read is left to the request that needs it."""


class Warmer:
    """At most one prompt to read ahead, that of the last document somebody was in."""

    def __init__(self, launcher: Launcher, targets: Targets, clock: Clock) -> None:
        self._launcher, self._targets, self._clock = launcher, targets, clock
        self._timer: Handle | None = None
        self._task: asyncio.Task[None] | None = None

    def opened(self, ask: Ask) -> None:
        """A document was opened."""
        target = self._target(ask)
        if target is not None:
            self._after(OPENED_S, partial(self._load, ask, target))

    def asked(self, ask: Ask) -> None:
        """A request came: what was to be read ahead is not, and the whole window may be, later."""
        self.stop()
        target = self._target(ask)
        if target is None or not self._targets.served(target).last.quick:
            return
        self._after(IDLE_S, partial(self._read, ask, target))

    def better(self, ask: Ask) -> None:
        """What else the model should see has changed while somebody rests."""
        target = self._target(ask)
        if target is not None and self._targets.served(target).last.uri == ask.cursor.place.uri:
            self.stop()
            self._begin(partial(self._read, ask, target))

    def stop(self) -> None:
        """Do not read ahead what was going to be."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def close(self) -> None:
        """Read nothing more."""
        self.stop()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _after(self, seconds: float, work: Callable[[], Coroutine[None, None, None]]) -> None:
        self.stop()
        self._timer = self._clock.call_later(seconds, lambda: self._begin(work))

    def _begin(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        self._timer = None
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(work())
            self._task.add_done_callback(_done)

    def _target(self, ask: Ask) -> Target | None:
        """Whose cache is worth warming; None where nothing is asked that nobody asked for."""
        settings = ask.request.settings
        wanted = settings.enabled and settings.automatic and settings.speculate
        target = self._targets.watch.first(settings) if wanted else None
        return None if target is None or target.endpoint.preset in METERED else target

    async def _load(self, ask: Ask, target: Target) -> None:
        """Let the server load the model, if it says that it has not."""
        if not self._targets.watch.available(target):
            return
        facts, silent = await facts_or_failure(self._targets, target)
        if silent is None and facts.loaded is False:
            await self._launch(ask, target, Warm.SHORT)

    async def _read(self, ask: Ask, target: Target) -> None:
        """Let the server read the whole window, if it is quick enough for that."""
        served, settings = self._targets.served(target), ask.request.settings
        if not self._targets.watch.available(target):
            return
        if served.read_ms is None or served.read_ms * settings.context_tokens <= _LONGEST_READ_MS:
            await self._launch(ask, target, Warm.WHOLE)

    async def _launch(self, ask: Ask, target: Target, warm: Warm) -> None:
        try:
            await self._launcher.launch(ask, target, self._learn, How(warm=warm))
        except TwinnyError as error:
            log.debug("nothing is read ahead: %s", type(error).__name__)

    def _learn(self, flight: Flight) -> None:
        self._targets.ended(flight)
        plan, usage = flight.plan, flight.usage
        if flight.error is None and not flight.aborted:
            served, first_s = self._targets.served(plan.target), flight.first_text_s
            served.answered(plan.prompted.prompt, plan.new_tokens, first_s, usage)


def _done(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("reading a prompt ahead failed: %s", type(error).__name__)
        log.debug("the failure", exc_info=error)
