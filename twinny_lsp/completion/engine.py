"""The completion engine: every request gets exactly one answer, whatever happens on the way.

It decides whether a request is worth asking, ends older requests of the same surface, answers what is
known at once, and leaves the rest to a Job. Knows nothing of LSP or HTTP.

Two things end at different times. `$/cancelRequest` and a newer request end the *answer* at once. The
*stream* goes on while the text being typed may agree with it; it ends when it cannot, when
another document needs the model, or `grace` seconds after nobody follows it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

from twinny_lsp.completion.ahead import Ahead
from twinny_lsp.completion.ask import Ask
from twinny_lsp.completion.flight import Flight
from twinny_lsp.completion.flights import CHANGED, Flights
from twinny_lsp.completion.job import Job
from twinny_lsp.completion.known import KnownTexts
from twinny_lsp.completion.launch import Launcher
from twinny_lsp.completion.loading import Loads
from twinny_lsp.completion.pause import Pause
from twinny_lsp.completion.place import Place
from twinny_lsp.completion.record import Record
from twinny_lsp.completion.request import Asked, Request, Result, Trigger
from twinny_lsp.completion.rooms import Rooms
from twinny_lsp.completion.seams import Clock, Context, LoopClock, NoContext, Prompter, Registry, Reports
from twinny_lsp.completion.shape import Kind
from twinny_lsp.completion.standing import Footing, Standing
from twinny_lsp.completion.targets import Targets
from twinny_lsp.completion.warmer import Warmer
from twinny_lsp.completion.watch import Events, Watch
from twinny_lsp.completion.windowing import Windows
from twinny_lsp.config.resolved import CompletionSettings, Target
from twinny_lsp.documents.snapshot import Snapshot

log = logging.getLogger(__name__)

GRACE = 1.0
"""Seconds a stream lives on with nobody to follow it: longer than the pause between two words, so
that the next request finds it; short enough that a model is not kept busy for nobody."""

_REMEMBERED = 200
"""Documents whose last result is kept for `why`."""


@dataclass(slots=True, eq=False)
class _Open:
    task: asyncio.Task[Result]
    superseded: asyncio.Future[str]

    def end(self, reason: str) -> None:
        """Let its request be answered empty, at once."""
        if not self.superseded.done():
            self.superseded.set_result(reason)
        self.task.cancel()


class _Shown(NamedTuple):
    """What is on screen: where, who said it, and at which place it was asked."""

    place: Place
    text: str
    target: Target | None
    said_at: Place


class CompletionEngine:
    """Answers completion requests."""

    def __init__(
        self,
        registry: Registry,
        prompter: Prompter,
        reports: Reports,
        *,
        context: Context | None = None,
        clock: Clock | None = None,
        grace: float = GRACE,
    ) -> None:
        self._clock = clock or LoopClock()
        self._flights = Flights(self._clock, reports.changed)
        events = Events(self._away, self._back, reports.changed)
        self._watch = Watch(registry, self._clock, events)
        self._loading = Loads(registry, self._clock, reports.changed, reports.pushed_out)
        targets = Targets(registry, self._clock, self._watch, self._loading)
        windows = Windows(prompter, targets, context or NoContext())
        launcher = Launcher(registry, windows, targets, self._flights, self._clock, grace)
        self._warmer = Warmer(launcher, targets, self._clock)
        self._rooms = Rooms(
            registry,
            targets,
            self._flights,
            launcher,
            KnownTexts(),
            Pause(),
            self._clock,
            self._landed,
            reports.failure,
        )
        self._reports = reports
        self._ahead = Ahead(self._rooms)
        self._settings: CompletionSettings | None = None
        """Those of the last document that was opened or asked in."""
        self._shown: _Shown | None = None
        self._taken = 0
        """Characters of it that are in the document."""
        self._asked: Ask | None = None
        """The last request's; `_answered` is that of the last one with an answer."""
        self._answered: Ask | None = None
        self._accepted = False
        self._open: dict[tuple[str, Asked], _Open] = {}
        self._tasks: set[asyncio.Task[Result]] = set()
        self._last: OrderedDict[str, Result] = OrderedDict()
        self._closed = False

    async def complete(self, request: Request) -> Result:
        """The one answer to this request; never raises a failure of a model server.

        Cancelling ends the answer at once and leaves the stream to the next request.
        """
        uri = request.snapshot.uri
        record = Record(self._clock, request.asked.value, request.trigger.value)
        older = self._open.pop((uri, request.asked), None)
        if older is not None:
            older.end("superseded by a newer request")
        refused = "the server is shutting down" if self._closed else _refused(request)
        if refused:
            return self._remember(uri, Result(reason=refused, record=record))
        ask = Ask.of(request)
        self._asked, self._settings = ask, request.settings
        self._watch.asked(request.settings)
        self._notice(ask)
        if ask.shape.kind is Kind.NOTHING:
            return self._remember(uri, Result(reason=ask.shape.why, record=record))
        record.shape = f"{ask.shape.kind.value}: {ask.shape.why}"
        record.add(f"{record.surface}, {record.trigger}; {record.shape}")
        hurried = request.trigger is Trigger.INVOKED or self._accepted
        self._accepted = False
        job = Job(self._rooms, ask, record, hurried)
        result = job.known()
        if result is None:
            self._warmer.stop()
            result = await self._run(job, (uri, request.asked))
        if job.served_by is not None:
            self._ahead.used(job.served_by)
        self._warmer.asked(ask)
        self._show(ask, result, job)
        return self._remember(uri, result)

    def opened(self, request: Request) -> None:
        """A document was opened; `request` is what would be asked at its beginning."""
        if self._closed or _refused(request):
            return
        self._settings = request.settings
        self._watch.opened(request.settings)
        self._warmer.opened(Ask.of(request))

    def context_better(self, uri: str) -> None:
        """Somebody rests, and what else the model should see there has changed: the server reads it now."""
        if self._asked is not None and self._asked.cursor.place.uri == uri and not self._closed:
            self._warmer.better(self._asked)

    @property
    def busy(self) -> bool:
        """Whether a model is at work on what somebody asked for."""
        return self._flights.busy

    def standing(self) -> Standing:
        """How it stands with the models where somebody was last."""
        if self._loading.now is not None:
            return Standing(Footing.LOADING, answers=self._loading.now)
        return self._watch.standing(self._settings) if self._settings else Standing(Footing.WELL)

    def answered(self, target: Target) -> None:
        """That model answered somebody else, e.g. a chat: its server is there."""
        self._rooms.targets.answered(target)

    def shown(self) -> None:
        """The client says that the last answer is on screen."""
        if self._answered is not None:
            self._look_ahead(self._answered)

    def accepted(self) -> None:
        """The client says that it was taken, or a part of it: the next request is one to be quick about."""
        self._accepted = True

    def last_result(self, uri: str = "") -> Result | None:
        """The last answer for a document ("": for any) that was not superseded, with its record."""
        if not uri:
            return next(reversed(self._last.values()), None)
        return self._last.get(uri)

    def forget(self, uri: str) -> None:
        """The document was closed: end its requests and streams, drop what is known of it."""
        for key in [key for key in self._open if key[0] == uri]:
            self._open.pop(key).end("the document was closed")
        self._ahead.forget(uri)
        if self._answered is not None and self._answered.cursor.place.uri == uri:
            self._answered = self._shown = None
        if self._asked is not None and self._asked.cursor.place.uri == uri:
            self._asked = None
        self._flights.forget(uri)
        self._rooms.known.forget(uri)
        self._last.pop(uri, None)

    def clear(self) -> None:
        """Drop all known answers."""
        self._rooms.known.clear()

    def settings_changed(self) -> None:
        """What was known and what is under way was asked for with other settings."""
        self._ahead.forget()
        self._warmer.stop()
        self._rooms.known.clear()
        self._rooms.targets.forget()
        self._flights.abort_all("the settings have changed")

    async def close(self) -> None:
        """Answer what is open, close all streams; afterwards every request is answered empty."""
        self._closed = True
        for open_request in self._open.values():
            open_request.end("the server is shutting down")
        self._open.clear()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._ahead.close()
        await self._warmer.close()
        await self._flights.close()
        await self._rooms.targets.close()

    def _notice(self, ask: Ask) -> None:
        """Learn from where the cursor is now: the rhythm, and whether what was shown is what is typed."""
        if ask.request.trigger is Trigger.AUTOMATIC:
            self._rooms.pause.key(ask.cursor.place.uri, self._clock.now() - ask.request.idle)
        self._flights.drop_disagreeing(ask.cursor)
        if self._shown is None:
            return
        shown, text = self._shown, self._shown.text
        typed = ask.cursor.typed_since(shown.place)
        if typed is not None and (text.startswith(typed.text) or typed.text.startswith(text)):
            # Keys come one by one, so more at once is no typing.
            self._accepted = self._accepted or len(typed.text) > self._taken + 1
            self._taken = len(typed.text)
            if shown.target is not None and typed.text.startswith(text):
                self._rooms.targets.served(shown.target).useful = True
            return
        self._shown = None

    def _show(self, ask: Ask, result: Result, job: Job) -> None:
        """What is answered is on screen, as far as anybody can tell."""
        if not result.candidates:
            return
        text = result.candidates[0].text.removeprefix(ask.request.selected)
        place = ask.cursor.place
        text = text.replace(ask.around.eol, "\n")
        self._shown, self._taken = _Shown(place, text, job.answered_by, job.served_by or place), 0
        self._answered = ask
        if not ask.request.tells_shown:
            self._look_ahead(ask)

    def _look_ahead(self, ask: Ask) -> None:
        settings = ask.request.settings
        if settings.speculate and settings.cache:
            self._ahead.shown(ask)

    def _landed(self, flight: Flight) -> None:
        """A flight has ended, its text is final: keep it, and learn from it."""
        plan, settled = flight.plan, flight.error is None and not flight.aborted
        served = self._rooms.targets.served(plan.target)
        first_s = flight.first_text_s
        served.answered(plan.prompted.prompt, plan.new_tokens, first_s, flight.usage)
        if first_s is not None:
            self._rooms.pause.first_text(first_s)
        if not flight.ahead and (settled or flight.aborted == CHANGED):
            self._rooms.pause.outcome(used=settled)
        self._rooms.targets.ended(flight)
        if settled:
            self._reports.success(plan.target)
        if plan.keeps and flight.error is None:
            for answer in flight.answers():
                self._rooms.known.put(answer, plan.left)
        self._ahead.look()

    def _away(self, target: Target) -> None:
        self._rooms.targets.restarted(target.endpoint)

    def _back(self, target: Target) -> None:
        self._rooms.known.drop_stand_ins(target, self._shown.said_at if self._shown else None)
        self._reports.back(target)

    async def _run(self, job: Job, key: tuple[str, Asked]) -> Result:
        loop = asyncio.get_running_loop()
        task = loop.create_task(job.run())
        self._tasks.add(task)
        task.add_done_callback(self._done)
        mine = _Open(task, loop.create_future())
        self._open[key] = mine
        try:
            waiting: set[asyncio.Future[Any]] = {task, mine.superseded}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            task.cancel()
            if self._open.get(key) is mine:
                del self._open[key]
        if mine.superseded.done():
            return Result(reason=mine.superseded.result(), record=job.record)
        try:
            return task.result()
        except Exception:  # logged by _done
            return Result(reason="an error inside twinny-lsp; its log says more", record=job.record)

    def _done(self, task: asyncio.Task[Result]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Its text may hold code of the user's.
            log.error("a completion request failed: %s", type(error).__name__)
            log.debug("the failure", exc_info=error)

    def _remember(self, uri: str, result: Result) -> Result:
        """Keep it for `why`, unless a newer request has an answer there already."""
        if result.record is not None:
            result.record.took_ms = result.record.elapsed_ms()
        if "superseded" not in result.reason and not self._closed:
            self._last[uri] = result
            self._last.move_to_end(uri)
            while len(self._last) > _REMEMBERED:
                self._last.popitem(last=False)
        return result


def _refused(request: Request) -> str:
    """Why this request is not asked at all; "" when it is."""
    settings = request.settings
    if not settings.enabled:
        return settings.off_reason or "completion is switched off"
    if not settings.automatic and request.trigger is Trigger.AUTOMATIC:
        return "only asked for on request (completion.automatic)"
    if settings.target is None:
        return settings.off_reason or "no model is set: see completion.provider and completion.model"
    if _larger(request.snapshot, settings.max_file_bytes):
        return f"the file is larger than {settings.max_file_bytes} bytes (completion.maxFileBytes)"
    return ""


def _larger(snapshot: Snapshot, limit: int) -> bool:
    """Whether the document has more bytes (UTF-8) than that. Whether a string is ASCII is known at once."""
    if snapshot.byte_count is not None:
        return snapshot.byte_count > limit
    text = "".join(snapshot.lines)
    if len(text) > limit or text.isascii() or len(text) * 4 <= limit:
        return len(text) > limit
    return len(text.encode("utf-8", "surrogatepass")) > limit
