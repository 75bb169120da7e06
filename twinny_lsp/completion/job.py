"""One request on its way from the cursor to its answer: reuse, pause, ask, follow, next target.

A Job lives as long as its request. What outlives it is the flight, what is known, and what was learned of the
targets. It is cancelled when its request is superseded or cancelled; the flight it followed stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from twinny_lsp.completion.ask import Ask, How
from twinny_lsp.completion.choices import Choices
from twinny_lsp.completion.filters import restored
from twinny_lsp.completion.flight import NOTHING_TO_ADD, Flight
from twinny_lsp.completion.flights import CHANGED
from twinny_lsp.completion.known import Known, has_closers
from twinny_lsp.completion.place import UNTYPED, Place, Typed
from twinny_lsp.completion.record import Record
from twinny_lsp.completion.request import Candidate, Result, Source, Trigger
from twinny_lsp.completion.rooms import Rooms
from twinny_lsp.completion.seams import Handle, sleep
from twinny_lsp.config.resolved import Target
from twinny_lsp.errors import ContextOverflow, ProviderError, TwinnyError, Unsupported

PATIENCE = 0.4
"""Seconds for which an automatic request waits for a whole block, if nobody types meanwhile; then it takes
the whole lines there are."""

_MOST_ROUNDS = 12
"""Of looking what can be tried next; each ends an attempt for good."""


@dataclass(slots=True)
class Job:
    """The state of one request; `run` gives its answer. `hurried`: it does not wait for the next key."""

    rooms: Rooms
    ask: Ask
    record: Record
    hurried: bool = False
    served_by: Place | None = None
    """The place whose answer served the request, and whose that was."""
    answered_by: Target | None = None
    _left: list[Target] = field(default_factory=list)
    _looked: bool = True
    _paused: bool = False
    _halved: bool = False
    _refused: bool = False
    _failure: TwinnyError | None = None

    async def run(self) -> Result:
        """The answer. Raises only what is an error in the program, and CancelledError."""
        self._choose()
        self._paused = self.hurried or not self._left
        for _ in range(_MOST_ROUNDS):
            result = await self._round()
            if result is not None:
                return result
        return self._nothing("what came did not agree with what was typed")

    def _choose(self) -> None:
        """Whom to ask, in order; and what the user has not heard yet of those that are passed over."""
        watch, settings = self.rooms.targets.watch, self.ask.request.settings
        self._left = watch.order(settings, invoked=self._invoked)
        if self._invoked:
            return
        for target, error in watch.untold(settings):
            self.rooms.on_failure(error, target)
        first = settings.target
        if first is not None and first not in self._left:
            self._failure = watch.why_not(first)
            self.record.add(f"{first.endpoint.name} is passed over: {self._failure}")

    @property
    def _invoked(self) -> bool:
        return self.ask.request.trigger is Trigger.INVOKED

    def known(self) -> Result | None:
        """The answer if it is known already and needs no waiting."""
        return None if self._invoked else self._known()

    def _known(self) -> Result | None:
        known = self._usable()
        if known is None:
            return None
        self.record.reuse = "known"
        self.record.add("known: no request needed")
        self.served_by, self.answered_by = known.answer.place, known.answer.target
        if not known.text:
            return self._nothing(known.answer.reason)
        return self._answer(known.text, Source.CACHE, known.replaces)

    def _usable(self) -> Known | None:
        """What is known and good enough: a person wants the whole, and no "nothing to add"."""
        if not self.ask.request.settings.cache:
            return None
        known = self.rooms.known.find(self.ask.cursor, self.ask.terms)
        taken = self.rooms.flights.find(self.ask.cursor, self.ask.terms, by_hand=self._invoked)
        if taken is not None and (self._invoked or known is None or not known.text):
            return None
        if known is None:
            return None
        if self._invoked and not (known.text and known.answer.whole and known.answer.by_hand):
            return None
        if taken is not None:
            taken[0].touch()
        return known

    async def _round(self) -> Result | None:
        """Try once what can be tried next; None to look again."""
        # The engine has looked just before the first round.
        known = None if self._looked and not self._invoked else self._known()
        self._looked = False
        if known is not None:
            return await self._chosen(known, None) if known.candidates else known
        taken = self.rooms.flights.find(self.ask.cursor, self.ask.terms, by_hand=self._invoked)
        if taken is not None:
            return await self._take_up(*taken)
        if not self._paused:
            self._paused = True
            await self._pause()
            return None
        if not self._left:
            return self._nothing(str(self._failure) if self._failure else "no model is set")
        target = self._left[0]
        try:
            flight = await self.rooms.launcher.launch(
                self.ask,
                target,
                self.rooms.landed,
                How(native=not self._refused, known_meanwhile=self._known_meanwhile),
            )
        except TwinnyError as error:
            self._failed(error, target)
            return None
        if flight is None:
            return None
        self.record.asked, self.record.outcome = flight.plan.asking, flight.outcome
        self.answered_by = target
        asking = flight.plan.asking
        whom = f"{asking.model} on {asking.provider}"
        self.record.add(f"asking {whom}: {asking.template}; {asking.window} window")
        for piece in asking.context:
            self.record.add(f"with context: {piece.path} ({piece.source}, {piece.tokens} tokens)")
        return await self._follow(flight, UNTYPED, Source.MODEL)

    async def _take_up(self, flight: Flight, typed: Typed) -> Result | None:
        flight.seat = self.ask.cursor.seat
        self.served_by, self.answered_by = flight.plan.place, flight.plan.target
        ahead = ", asked ahead" if flight.ahead else ""
        self.record.reuse = f"a generation under way{ahead}"
        self.record.asked, self.record.outcome = flight.plan.asking, flight.outcome
        self.record.add(f"took up a generation under way{ahead}, {len(typed.text)} characters typed since")
        return await self._follow(flight, typed, Source.ADOPTED)

    async def _pause(self) -> None:
        request = self.ask.request
        set_ms = request.settings.debounce_ms
        if set_ms is None:
            seconds = self.rooms.pause.seconds(self.ask.around.before, request.idle)
        else:
            seconds = set_ms / 1000 - request.idle
        if self._left:
            self.rooms.launcher.windows.expect(self.ask, self._left[0])
        if seconds > 0:
            await sleep(self.rooms.clock, seconds)
            self.record.pause_ms = seconds * 1000
            self.record.add("paused for the next key, none came")

    def _known_meanwhile(self) -> bool:
        """Whether waiting for the slot brought an answer, or a stream to take up."""
        taken = self.rooms.flights.find(self.ask.cursor, self.ask.terms, by_hand=self._invoked)
        return taken is not None or self._usable() is not None

    async def _follow(self, flight: Flight, typed: Typed, source: Source) -> Result | None:
        """Wait until there is enough to answer; None when the flight is of no use and another try is due.

        Who typed on since it was asked takes the first whole line. Who did not, waits a little for the whole.
        """
        patient = 0.0 if typed.text else max(flight.began + PATIENCE - self.rooms.clock.now(), 0.0)
        late_at = self.rooms.clock.now() + patient
        over: Handle | None = None
        try:
            with flight.followed():
                while not (flight.ended or flight.reply.over):
                    if flight.aborted:
                        return self._nothing(flight.aborted)
                    if not flight.reply.agrees(typed.text):
                        flight.abort(CHANGED)
                        self.record.add("what came does not agree with what was typed")
                        return None
                    if not self._invoked and (rest := flight.reply.rest(typed.text)):
                        left = late_at - self.rooms.clock.now()
                        if left <= 0:
                            self.record.add("the whole lines there are; the rest is still coming")
                            return self._answer(rest, source, _replaces(flight, typed, rest))
                        over = over or self.rooms.clock.call_later(left, flight.wake)
                    await flight.change()
                if flight.aborted:
                    return self._nothing(flight.aborted)
        finally:
            if over is not None:
                over.cancel()
        return await self._landed(flight, typed, source)

    async def _landed(self, flight: Flight, typed: Typed, source: Source) -> Result | None:
        """The flight has ended: its text, or what to do about its failure."""
        if flight.error is not None:
            self._flight_failed(flight, flight.error)
            return None
        self._tell(flight)
        rest = flight.reply.rest(typed.text)
        if rest:
            result = self._answer(rest, source, _replaces(flight, typed, rest))
            return await self._chosen(result, None if typed.text else flight)
        if typed.text:
            return None  # it says something else, or no more than what is typed: that is another question
        if flight.reply.broke_off:
            return self._nothing("the answer broke off")
        notes = flight.reply.cleaned().notes
        return self._nothing(notes[-1] if notes else NOTHING_TO_ADD)

    async def _chosen(self, result: Result, flight: Flight | None) -> Result:
        """The result, with more to choose from if a person asked."""
        if not self._invoked:
            return result
        candidates = await Choices(self.rooms, self.ask, result.candidates[0]).gather(flight)
        self.record.candidates = len(candidates)
        return replace(result, candidates=candidates)

    def _tell(self, flight: Flight) -> None:
        outcome, usage = flight.outcome, flight.usage
        if outcome.first_byte_ms is not None:
            self.record.add(f"first text {outcome.first_byte_ms:.1f} ms after asking")
        self.record.add(f"ended: {flight.reply.cutter.why}")
        if usage is not None:
            self.record.add(
                f"tokens: prompt {usage.prompt}, of these known {usage.cached}, new {usage.generated}"
            )
        self.record.filters = [*flight.reply.cutter.notes, *flight.reply.cleaned().notes]
        for note in self.record.filters:
            self.record.add(note)

    def _flight_failed(self, flight: Flight, error: Exception) -> None:
        """Decide what to try next; tell of it where a person has to do something."""
        plan = flight.plan
        if isinstance(error, Unsupported) and plan.prompted.native:
            self.record.add("the server cannot fill in the middle by itself: using the template")
            self.rooms.registry.refuse_native(plan.target.endpoint, plan.target.model)
            self._refused = True
            return
        if isinstance(error, ContextOverflow) and not self._halved:
            self.record.add("the prompt was too long: asking with less")
            self._halved = True
            if not flight.reported:
                flight.reported = True
                limit = self.ask.request.settings.max_tokens
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
        self.record.add(f"{target.endpoint.name} failed: {error}")
        self._failure = self._failure or error
        self._left = [each for each in self._left if each != target]
        self._refused = self._halved = False
        self.rooms.targets.watch.failed(error, target)
        if not told and self.rooms.targets.watch.is_news(error, target):
            self.rooms.on_failure(error, target)

    def _answer(self, text: str, source: Source, replaces: int = 0) -> Result:
        whole = self.ask.request.selected + restored(text, self.ask.around.eol)
        self.record.shown, self.record.candidates = len(text), 1
        return Result((Candidate(whole, replaces),), source, record=self.record)

    def _nothing(self, reason: str) -> Result:
        self.record.add(f"nothing: {reason}")
        return Result(reason=reason, record=self.record)


def _replaces(flight: Flight, typed: Typed, rest: str) -> int:
    """How many code points right of the cursor go away: closers that the text has itself."""
    put_there = len(typed.closers) if has_closers(rest, typed.closers) else 0
    return flight.reply.cleaned().replaces + put_there
