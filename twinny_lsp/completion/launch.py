"""How a model is asked at a place: which window its prompt holds, the slot it needs, the stream that begins.

Used for requests and for what is asked ahead of them. Not for what is done with the answer (job.py,
ahead.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from twinny_lsp.completion.ask import USUAL, Ask, How
from twinny_lsp.completion.filters import FilterInput
from twinny_lsp.completion.flight import Flight, Plan
from twinny_lsp.completion.flights import Flights
from twinny_lsp.completion.loading import slot_of
from twinny_lsp.completion.record import Asking
from twinny_lsp.completion.request import Trigger
from twinny_lsp.completion.seams import Clock, Prompted, Registry
from twinny_lsp.completion.targets import Targets, facts_or_failure
from twinny_lsp.completion.windowing import Window, Windows
from twinny_lsp.config.resolved import Target
from twinny_lsp.errors import SettingsError
from twinny_lsp.exchange import Generation

VARIANT_TEMPERATURE = 0.7
"""For further answers: at the usual one they would be the same."""

LINE_TOKENS = 128
"""A line has 5 tokens at the median and 20 at the 95th percentile; a server that goes on is stopped here."""


class Launcher:
    """Asks models. `grace` is in seconds: see flight.py."""

    def __init__(
        self,
        registry: Registry,
        windows: Windows,
        targets: Targets,
        flights: Flights,
        clock: Clock,
        grace: float,
    ) -> None:
        self.windows = windows
        self._registry, self._targets = registry, targets
        self._flights, self._clock, self._grace = flights, clock, grace

    async def launch(
        self, ask: Ask, target: Target, on_end: Callable[[Flight], None], how: How = USUAL
    ) -> Flight | None:
        """Ask the target; None when something else has begun meanwhile and should be looked at first, or when
        the slot is taken and what is asked ahead must not take it. Raises TwinnyError.
        """
        facts, silent = await facts_or_failure(self._targets, target)
        cold = await self._targets.loading.is_cold(target, facts)
        await self._targets.count(target, ask.request.snapshot)
        native = how.native and not self._registry.native_refused(target.endpoint, target.model)
        try:
            window = await self.windows.choose(ask, target, facts, how, native=native)
        except SettingsError as error:
            # The name alone did not tell how to ask; that the server could not be asked matters more.
            raise silent or error from None
        slot = slot_of(target)
        if how.yields and not self._flights.idle(slot):
            return None
        # Making the prompt took a moment, in which what was asked ahead may have begun.
        while not how.known_meanwhile():
            if await self._flights.free(slot, ask.cursor):
                break
        else:
            return None
        provider = self._registry.provider(target.endpoint)
        generation = _generation(ask, target, window.prompted, how)
        if ask.request.trigger is Trigger.INVOKED and not (how.variant or how.warm):
            most = provider.most_choices(window.prompted.prompt, facts)
            generation = replace(generation, n=max(1, min(wanted(ask), most)))
        plan = replace(_plan(ask, target, window, how, generation.n), cold=cold)
        flight = Flight(plan, ask.cursor.seat, self._clock, self._grace)
        served = self._targets.served(target)
        served.last = window.read
        if not how.yields:
            served.useful = False
        self._flights.launch(flight, provider.stream(generation), on_end)
        if cold:
            self._targets.loading.begun(target, lambda: flight.loads)
        return flight


def _plan(ask: Ask, target: Target, window: Window, how: How, choices: int) -> Plan:
    prompted = window.prompted
    return Plan(
        ask.cursor.place,
        ask.left,
        ask.terms,
        target,
        slot_of(target),
        prompted,
        FilterInput(ask.around, ask.shape, chat=prompted.chat, tokens_meant=prompted.restore is not None),
        _asking(ask, target, window, ahead=how.yields),
        window.prefix_tokens + window.suffix_tokens,
        window.new_tokens,
        ask.request.settings.cache,
        choices,
        how.variant > 0,
        how.way,
        bool(how.warm),
    )


def wanted(ask: Ask) -> int:
    """How many candidates a person may get: one where the settings leave nothing to chance."""
    return ask.request.settings.candidates if ask.request.settings.temperature > 0 else 1


def _generation(ask: Ask, target: Target, prompted: Prompted, how: How) -> Generation:
    settings = ask.request.settings
    # What is asked ahead begins at the end of a line, and so may be lines below it.
    several = ask.shape.several or how.way is not None
    most = settings.max_tokens if several else min(settings.max_tokens, LINE_TOKENS)
    warmer = max(settings.temperature, VARIANT_TEMPERATURE)
    return Generation(
        model=target.model,
        prompt=prompted.prompt,
        max_tokens=most,
        temperature=warmer if how.variant else settings.temperature,
        stop=prompted.stop,
        seed=how.variant or None,
        warm=bool(how.warm),
    )


def _asking(ask: Ask, target: Target, window: Window, *, ahead: bool) -> Asking:
    return Asking(
        model=target.model,
        provider=target.endpoint.name,
        template=window.prompted.how,
        window="short, to be quick" if window.read.quick else "whole",
        prefix_tokens=window.prefix_tokens,
        suffix_tokens=window.suffix_tokens,
        context=window.context,
        ahead=ahead,
    )
