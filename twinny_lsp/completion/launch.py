"""How a model is asked at a place: which window its prompt holds, the slot it needs, the stream that begins.

Used for requests and for what is asked ahead of them. Not for what is done with the answer (job.py,
ahead.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

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

LINE_TOKENS = 64
"""A line has 5 tokens at the median and 20 at the 95th percentile; a server that goes on is stopped here."""


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
        self,
        ask: Ask,
        target: Target,
        on_end: Callable[[Flight], None],
        *,
        native: bool = True,
        way: tuple[Place, str] | None = None,
        known_meanwhile: Callable[[], bool] = lambda: False,
    ) -> Flight | None:
        """Ask the target; None when something else has begun meanwhile and should be looked at first.

        `native` False: it refused to fill in the middle by itself. `way`: asked ahead, see `Plan`; then
        nothing is aborted for it, and None also means that the slot is taken. Raises TwinnyError.
        """
        facts, silent = await facts_or_failure(self._targets, target)
        await self._targets.count(target, ask.request.snapshot)
        native = native and not self._registry.native_refused(target.endpoint, target.model)
        try:
            window = await self._window(ask, target, facts, native=native, ahead=way is not None)
        except SettingsError as error:
            # The name alone did not tell how to ask; that the server could not be asked matters more.
            raise silent or error from None
        slot = target.endpoint.base_url or target.endpoint.name
        if way is not None and not self._flights.idle(slot):
            return None
        while not await self._flights.free(slot, ask.cursor):
            if known_meanwhile():
                return None
        prompted = window.prompted
        plan = Plan(
            ask.cursor.place,
            ask.left,
            ask.terms,
            target,
            slot,
            prompted,
            FilterInput(ask.around, ask.shape, chat=prompted.chat, tokens_meant=prompted.restore is not None),
            _asking(ask, target, window, ahead=way is not None),
            sum(window.tokens),
            window.new_tokens,
            ask.request.settings.cache,
            way,
        )
        flight = Flight(plan, ask.cursor.seat, self._clock, self._grace)
        stream = self._registry.provider(target.endpoint).stream(_generation(ask, target, prompted))
        served = self._targets.served(target)
        served.last = window.read
        if way is None:
            served.useful = False
        self._flights.launch(flight, stream, on_end)
        return flight

    async def _window(
        self, ask: Ask, target: Target, facts: ModelFacts, *, native: bool, ahead: bool
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

        whole = await cut(prefix, None, short=False)
        here = last.uri == uri and last.first_row <= row
        invoked = ask.request.trigger is Trigger.INVOKED
        too_short = here and last.quick and not (served.useful or ahead)
        if invoked or too_short or whole.new_tokens <= affordable:
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


def _generation(ask: Ask, target: Target, prompted: Prompted) -> Generation:
    settings = ask.request.settings
    most = settings.max_tokens if ask.shape.kind is Kind.BLOCK else min(settings.max_tokens, LINE_TOKENS)
    return Generation(
        model=target.model,
        prompt=prompted.prompt,
        max_tokens=most,
        temperature=settings.temperature,
        stop=prompted.stop,
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
