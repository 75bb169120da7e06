"""How a model is asked at a place: which window its prompt holds, the slot it needs, the stream that begins.

Used for requests and for what is asked ahead of them. Not for what is done with the answer (job.py,
ahead.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from twinny_lsp.completion.ask import Ask
from twinny_lsp.completion.filters import FilterInput
from twinny_lsp.completion.flight import Flight, Plan
from twinny_lsp.completion.flights import Flights
from twinny_lsp.completion.place import Place
from twinny_lsp.completion.record import Asking, ContextPiece
from twinny_lsp.completion.request import Trigger
from twinny_lsp.completion.seams import Clock, Hole, Prompted, Prompter, Registry
from twinny_lsp.completion.served import QUICK_TOKENS, Read, Served, flat
from twinny_lsp.completion.shape import Kind
from twinny_lsp.completion.targets import Targets, facts_or_failure
from twinny_lsp.config.resolved import Target
from twinny_lsp.documents.windows import estimate_tokens
from twinny_lsp.errors import SettingsError
from twinny_lsp.exchange import Generation, ModelFacts

VARIANT_TEMPERATURE = 0.7
"""For further answers: at the usual one they would be the same."""

LINE_TOKENS = 64
"""A line has 5 tokens at the median and 20 at the 95th percentile; a server that goes on is stopped here."""


class Warm(StrEnum):
    """Whether a prompt is only to be read into the server's cache, and with which window."""

    NO = ""
    SHORT = "short"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class How:
    """What is special about asking. `native` False: the server refused to fill in the middle by itself.
    `way`: it is asked ahead, see `Plan`. `warm`: the prompt is only to be read. `variant`: another answer
    than the first is wanted, the how-many-eth. `known_meanwhile`: whether waiting for the slot brought
    something else.
    """

    native: bool = True
    way: tuple[Place, str] | None = None
    variant: int = 0
    warm: Warm = Warm.NO
    known_meanwhile: Callable[[], bool] = lambda: False

    @property
    def yields(self) -> bool:
        """Whether nobody waits for it: it takes a slot only when that is free."""
        return self.way is not None or bool(self.warm)


USUAL = How()

_WORTH = 1.25
"""A larger window may cost so many times what the short one costs."""


@dataclass(frozen=True, slots=True)
class _Window:
    """One way to cut the document: a prompt, what it would cost, and what is to be remembered of it."""

    prompted: Prompted
    new_tokens: float
    read: Read
    tokens: tuple[int, int]


class Launcher:
    """Asks models. `grace` is in seconds: see flight.py."""

    def __init__(
        self,
        registry: Registry,
        prompter: Prompter,
        targets: Targets,
        flights: Flights,
        clock: Clock,
        grace: float,
    ) -> None:
        self._registry, self._prompter, self._targets = registry, prompter, targets
        self._flights, self._clock, self._grace = flights, clock, grace

    async def launch(
        self, ask: Ask, target: Target, on_end: Callable[[Flight], None], how: How = USUAL
    ) -> Flight | None:
        """Ask the target; None when something else has begun meanwhile and should be looked at first, or when
        the slot is taken and what is asked ahead must not take it. Raises TwinnyError.
        """
        facts, silent = await facts_or_failure(self._targets, target)
        await self._targets.count(target, ask.request.snapshot)
        native = how.native and not self._registry.native_refused(target.endpoint, target.model)
        try:
            window = await self._window(ask, target, facts, how, native=native)
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
            generation = replace(generation, n=max(1, min(ask.request.settings.candidates, most)))
        plan = _plan(ask, target, window, how, generation.n)
        flight = Flight(plan, ask.cursor.seat, self._clock, self._grace)
        served = self._targets.served(target)
        served.last = window.read
        if not how.yields:
            served.useful = False
        self._flights.launch(flight, provider.stream(generation), on_end)
        return flight

    async def _window(
        self, ask: Ask, target: Target, facts: ModelFacts, how: How, *, native: bool
    ) -> _Window:
        """The largest window that is read quickly enough.

        That is the whole one if a person asks, if the server has read most of it just before or is quick,
        or if the last, short one did not help. Else the one the last prompt had, moved on; else a short
        one.
        """
        served = self._targets.served(target)
        prefix, suffix = self._targets.budget(ask.request.settings, target, facts)
        quick = min(QUICK_TOKENS, prefix)
        affordable = served.affordable(quick + suffix)
        uri, row = ask.cursor.place.uri, ask.cursor.row
        last = served.last

        async def cut(prefix_tokens: int, first_row: int | None, *, short: bool) -> _Window:
            hole = _hole(ask, prefix_tokens, suffix, served, first_row)
            if short:
                hole = replace(hole, neighbours=())
            prompted = await self._prompter.prompt(target, facts, hole, native=native)
            new = served.new_tokens(prompted.prompt)
            read = Read(flat(prompted.prompt), uri, prompted.first_row, short)
            return _Window(prompted, new, read, (prefix_tokens, suffix))

        if how.warm is Warm.SHORT:
            return await cut(quick, None, short=True)
        whole = await cut(prefix, None, short=False)
        here = last.uri == uri and last.first_row <= row
        invoked = ask.request.trigger is Trigger.INVOKED
        too_short = here and last.quick and not (served.useful or how.yields)
        if invoked or how.warm or too_short or whole.new_tokens <= affordable:
            return whole
        short = await cut(quick, None, short=True)
        enough = max(affordable, _WORTH * short.new_tokens)
        if whole.new_tokens <= enough:
            return whole
        if here:
            on = await cut(prefix, last.first_row, short=last.quick)
            if on.new_tokens <= enough:
                return on
        return short


def _hole(ask: Ask, prefix: int, suffix: int, served: Served, first_row: int | None) -> Hole:
    request = ask.request
    return Hole(
        request.snapshot,
        request.selected,
        prefix,
        suffix,
        request.path,
        request.repo,
        request.neighbours,
        served.bytes_per_token,
        first_row,
        served.batch_tokens,
        request.settings.suffix_first,
    )


def _plan(ask: Ask, target: Target, window: _Window, how: How, choices: int) -> Plan:
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
        sum(window.tokens),
        window.new_tokens,
        ask.request.settings.cache,
        choices,
        how.variant > 0,
        how.way,
        bool(how.warm),
    )


def slot_of(target: Target) -> str:
    """What can do one generation at a time: the server."""
    return target.endpoint.base_url or target.endpoint.name


def _generation(ask: Ask, target: Target, prompted: Prompted, how: How) -> Generation:
    settings = ask.request.settings
    most = settings.max_tokens if ask.shape.kind is Kind.BLOCK else min(settings.max_tokens, LINE_TOKENS)
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


def _asking(ask: Ask, target: Target, window: _Window, *, ahead: bool) -> Asking:
    prompted = window.prompted
    pieces = () if window.read.quick else ask.request.neighbours
    return Asking(
        model=target.model,
        provider=target.endpoint.name,
        template=prompted.how,
        window="short, to be quick" if window.read.quick else "whole",
        prefix_tokens=window.tokens[0],
        suffix_tokens=window.tokens[1],
        context=tuple(ContextPiece(file.path, "", estimate_tokens(file.text)) for file in pieces),
        ahead=ahead,
    )
