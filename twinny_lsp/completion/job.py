"""One request on its way from the cursor to its answer: reuse, pause, ask, follow, next target.

A Job lives as long as its request. What outlives it is the flight, the cache and what was learned of the
targets. It is cancelled when its request is superseded or cancelled; the flight it followed stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from twinny_lsp.completion.around import Around
from twinny_lsp.completion.cache import Cache, Known, Terms
from twinny_lsp.completion.filters import FilterInput, restored
from twinny_lsp.completion.flight import Flight, Plan
from twinny_lsp.completion.flights import Flights
from twinny_lsp.completion.place import Cursor
from twinny_lsp.completion.request import Candidate, Request, Result, Source, Trigger
from twinny_lsp.completion.seams import Clock, Hole, OnFailure, OnSuccess, Prompted, Prompter, Registry, sleep
from twinny_lsp.completion.shape import Shape
from twinny_lsp.completion.steps import Steps
from twinny_lsp.completion.targets import Targets, facts_or_failure
from twinny_lsp.config.resolved import Target
from twinny_lsp.errors import ContextOverflow, ProviderError, SettingsError, TwinnyError, Unsupported
from twinny_lsp.exchange import Generation

AUTOMATIC_PAUSE = 0.1
"""Seconds an automatic request waits for the next key, with the setting "auto". Within a word people type
60 to 90 ms apart, and a request for each of those keys would be thrown away; the median gap is 130 ms."""

PATIENCE = 0.4
"""Seconds after which an automatic request takes the whole lines there are instead of the whole block."""

LINE_TOKENS = 64
"""A line has 5 tokens at the median and 20 at the 95th percentile; a server that goes on is stopped here."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """What a job works with."""

    registry: Registry
    prompter: Prompter
    targets: Targets
    flights: Flights
    cache: Cache
    clock: Clock
    grace: float
    on_failure: OnFailure
    on_success: OnSuccess


@dataclass(slots=True)
class Job:
    """The state of one request; `run` gives its answer."""

    rooms: Rooms
    request: Request
    cursor: Cursor
    around: Around
    shape: Shape
    terms: Terms
    steps: Steps
    _left: list[Target] = field(default_factory=list)
    _looked: bool = True
    _paused: bool = False
    _halved: bool = False
    _refused: bool = False
    _failure: TwinnyError | None = None

    async def run(self) -> Result:
        """The answer. Raises only what is an error in the program, and CancelledError."""
        invoked = self.request.trigger is Trigger.INVOKED
        self._left = self.rooms.targets.order(self.request.settings, invoked=invoked)
        self._paused = invoked
        while True:
            result = await self._round()
            if result is not None:
                return result

    def known(self) -> Result | None:
        """The answer if it is known already; no waiting."""
        if not self.request.settings.cache:
            return None
        automatic = self.request.trigger is Trigger.AUTOMATIC
        known = self.rooms.cache.find(self.cursor, self.terms, empty=automatic)
        if known is None:
            return None
        under_way = self.rooms.flights.find(self.cursor, self.terms)
        if under_way is not None:
            if not automatic:
                return None  # a person wants the whole of what is coming
            under_way[0].touch()
        self.steps.add("known: no request needed")
        if not known.text:
            return self._nothing(known.reason)
        return self._answer(known.text, Source.CACHE)

    async def _round(self) -> Result | None:
        """Try once what can be tried next; None to look again."""
        # The engine has looked just before the first round.
        known = None if self._looked else self.known()
        self._looked = False
        if known is not None:
            return known
        taken = self.rooms.flights.find(self.cursor, self.terms)
        if taken is not None:
            flight, typed = taken
            flight.seat = self.cursor.seat
            self.steps.add(f"took up a generation under way, {len(typed)} characters typed since")
            return await self._follow(flight, typed, Source.ADOPTED)
        if not self._paused:
            self._paused = True
            await self._pause()
            return None
        if not self._left:
            return self._nothing(str(self._failure) if self._failure else "no model is set")
        try:
            flight_or_none = await self._launch(self._left[0])
        except TwinnyError as error:
            self._failed(error, self._left[0])
            return None
        if flight_or_none is None:
            return None
        return await self._follow(flight_or_none, "", Source.MODEL)

    async def _pause(self) -> None:
        set_ms = self.request.settings.debounce_ms
        seconds = AUTOMATIC_PAUSE if set_ms is None else set_ms / 1000
        if seconds > 0:
            await sleep(self.rooms.clock, seconds)
            self.steps.add("paused for the next key, none came")

    async def _launch(self, target: Target) -> Flight | None:
        """Ask the target; None when something else has begun meanwhile and should be looked at first."""
        rooms, settings = self.rooms, self.request.settings
        facts, silent = await facts_or_failure(rooms.targets, target)
        prefix_tokens, suffix_tokens = rooms.targets.budget(settings, target, facts)
        hole = Hole(
            self.request.snapshot,
            self.request.selected,
            prefix_tokens,
            suffix_tokens,
            self.request.path,
            self.request.repo,
            self.request.neighbours,
        )
        native = not self._refused and not rooms.registry.native_refused(target.endpoint, target.model)
        try:
            prompted = await rooms.prompter.prompt(target, facts, hole, native=native)
        except SettingsError as error:
            # The name alone did not tell how to ask; that the server could not be asked matters more.
            raise silent or error from None
        self.steps.add(f"asking {target.model} on {target.endpoint.name}: {prompted.how}")
        slot = target.endpoint.base_url or target.endpoint.name
        while not await rooms.flights.free(slot, self.cursor):
            if self._known_meanwhile():
                return None
        plan = Plan(
            self.cursor.place,
            self.terms,
            target,
            slot,
            prompted,
            FilterInput(
                self.around, self.shape, chat=prompted.chat, tokens_meant=prompted.restore is not None
            ),
            prefix_tokens + suffix_tokens,
        )
        flight = Flight(plan, self.cursor.seat, rooms.clock, rooms.grace)
        stream = rooms.registry.provider(target.endpoint).stream(self._generation(target, prompted))
        rooms.flights.launch(flight, stream, self._keep)
        return flight

    def _known_meanwhile(self) -> bool:
        """Whether waiting for the slot brought an answer, or a stream to take up."""
        if self.rooms.flights.find(self.cursor, self.terms) is not None:
            return True
        cached = self.request.settings.cache
        return cached and self.rooms.cache.find(self.cursor, self.terms, empty=True) is not None

    def _generation(self, target: Target, prompted: Prompted) -> Generation:
        settings = self.request.settings
        most = settings.max_tokens if self.shape.several else min(settings.max_tokens, LINE_TOKENS)
        return Generation(
            model=target.model,
            prompt=prompted.prompt,
            max_tokens=most,
            temperature=settings.temperature,
            stop=prompted.stop,
        )

    async def _follow(self, flight: Flight, typed: str, source: Source) -> Result | None:
        """Wait until there is enough to answer; None when the flight is of no use and another try is due."""
        partial = self.request.trigger is Trigger.AUTOMATIC and flight.plan.given.shape.several
        over = self.rooms.clock.call_later(PATIENCE, flight.wake) if partial else None
        late_at = self.rooms.clock.now() + PATIENCE
        try:
            with flight.followed():
                while True:
                    if flight.aborted:
                        return self._nothing(flight.aborted)
                    if not flight.agrees(typed):
                        flight.abort("the text has changed")
                        self.steps.add("what came does not agree with what was typed")
                        return None
                    if flight.ended:
                        break
                    if partial and self.rooms.clock.now() >= late_at and (text := _rest(flight, typed)):
                        return self._partial(flight, text, source)
                    await flight.change()
        finally:
            if over is not None:
                over.cancel()
        return self._landed(flight, typed, source)

    def _partial(self, flight: Flight, text: str, source: Source) -> Result:
        """Answer with the whole lines there are; the rest goes on."""
        self.steps.add("the whole lines there are; the rest is still coming")
        cleaned = flight.cleaned()
        if self.request.settings.cache and not cleaned.replaces:
            self.rooms.cache.put(Known(flight.plan.place, flight.plan.terms, cleaned.text or ""))
        return self._answer(text, source, cleaned.replaces)

    def _landed(self, flight: Flight, typed: str, source: Source) -> Result | None:
        """The flight has ended: its text, or what to do about its failure."""
        if flight.error is not None:
            self._flight_failed(flight, flight.error)
            return None
        self.rooms.targets.answered(flight.plan.target)
        self.rooms.on_success(flight.plan.target)
        self._tell(flight)
        text = _rest(flight, typed)
        if text:
            return self._answer(text, source, flight.cleaned().replaces)
        if typed and flight.cleaned().text:
            return None  # all of it is typed already: what comes after it is another question
        notes = flight.cleaned().notes
        if flight.broke_off:
            return self._nothing("the answer broke off")
        return self._nothing(notes[-1] if notes else "the model had nothing to add")

    def _tell(self, flight: Flight) -> None:
        if flight.first_at is not None:
            self.steps.add(f"first text {(flight.first_at - flight.began) * 1000:.1f} ms after asking")
        self.steps.add(f"ended: {flight.cutter.why}")
        if flight.usage is not None:
            usage = flight.usage
            self.steps.add(
                f"tokens: prompt {usage.prompt}, of these known {usage.cached}, new {usage.generated}"
            )
        for note in (*flight.cutter.notes, *flight.cleaned().notes):
            self.steps.add(note)

    def _keep(self, flight: Flight) -> None:
        """The flight's text is final: into the cache with it, unless it failed or broke off."""
        if flight.error is not None or flight.broke_off or not self.request.settings.cache:
            return
        cleaned = flight.cleaned()
        if cleaned.replaces:
            return  # what is known is put in without taking anything away
        reason = cleaned.notes[-1] if cleaned.notes else "the model had nothing to add"
        self.rooms.cache.put(Known(flight.plan.place, flight.plan.terms, cleaned.text or "", reason))

    def _flight_failed(self, flight: Flight, error: Exception) -> None:
        """Decide what to try next; tell of it where a person has to do something."""
        plan = flight.plan
        if isinstance(error, Unsupported) and plan.prompted.native:
            self.steps.add("the server cannot fill in the middle by itself: using the template")
            self.rooms.registry.refuse_native(plan.target.endpoint, plan.target.model)
            self._refused = True
            return
        if isinstance(error, ContextOverflow) and not self._halved:
            self.steps.add("the prompt was too long: asking with less")
            self._halved = True
            if not flight.reported:
                flight.reported = True
                limit = self.request.settings.max_tokens
                self.rooms.targets.overflowed(plan.target, plan.window_tokens, error, limit)
            return
        if not isinstance(error, TwinnyError):
            error = ProviderError(
                "Something went wrong inside twinny-lsp; its log says more.",
                provider=plan.target.endpoint.name,
            )
        self._failed(error, plan.target, told=flight.reported)
        flight.reported = True

    def _failed(self, error: TwinnyError, target: Target, *, told: bool = False) -> None:
        self.steps.add(f"{target.endpoint.name} failed: {error}")
        self._failure = self._failure or error
        self._left = [each for each in self._left if each != target]
        self._refused = self._halved = False
        if isinstance(error, ProviderError) and not isinstance(error, Unsupported):
            self.rooms.targets.failed(target)
        if not told:
            self.rooms.on_failure(error, target)

    def _answer(self, text: str, source: Source, replaces: int = 0) -> Result:
        whole = self.request.selected + restored(text, self.around.eol)
        return Result((Candidate(whole, replaces),), source, steps=self.steps.all())

    def _nothing(self, reason: str) -> Result:
        self.steps.add(f"nothing: {reason}")
        return Result(reason=reason, steps=self.steps.all())


def _rest(flight: Flight, typed: str) -> str:
    """What is left of the text that may be shown, after what was typed since."""
    shown = flight.cleaned().text or ""
    rest = shown[len(typed) :] if shown.startswith(typed) else ""
    return rest if rest.strip() else ""
