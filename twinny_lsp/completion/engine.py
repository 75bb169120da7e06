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
from typing import Any

from twinny_lsp.completion.around import look_around
from twinny_lsp.completion.cache import Cache, Terms
from twinny_lsp.completion.flights import Flights
from twinny_lsp.completion.job import Job, Rooms
from twinny_lsp.completion.place import Cursor
from twinny_lsp.completion.request import Asked, Request, Result, Trigger
from twinny_lsp.completion.seams import Clock, LoopClock, OnFailure, OnSuccess, Prompter, Registry
from twinny_lsp.completion.shape import Kind, decide
from twinny_lsp.completion.steps import Steps
from twinny_lsp.completion.targets import Targets
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


class CompletionEngine:
    """Answers completion requests."""

    def __init__(
        self,
        registry: Registry,
        prompter: Prompter,
        on_failure: OnFailure,
        *,
        on_success: OnSuccess = lambda _: None,
        clock: Clock | None = None,
        grace: float = GRACE,
    ) -> None:
        self._clock = clock or LoopClock()
        self._flights = Flights(self._clock)
        self._cache = Cache()
        self._targets = Targets(registry, self._clock)
        self._rooms = Rooms(
            registry,
            prompter,
            self._targets,
            self._flights,
            self._cache,
            self._clock,
            grace,
            on_failure,
            on_success,
        )
        self._open: dict[tuple[str, Asked], _Open] = {}
        self._tasks: set[asyncio.Task[Result]] = set()
        self._last: OrderedDict[str, Result] = OrderedDict()
        self._closed = False

    async def complete(self, request: Request) -> Result:
        """The one answer to this request; never raises a failure of a model server.

        Cancelling ends the answer at once and leaves the stream to the next request.
        """
        uri = request.snapshot.uri
        steps = Steps(self._clock)
        older = self._open.pop((uri, request.asked), None)
        if older is not None:
            older.end("superseded by a newer request")
        refused = "the server is shutting down" if self._closed else _refused(request)
        if refused:
            return self._remember(uri, Result(reason=refused, steps=steps.all()))
        cursor = Cursor(request.snapshot, request.selected)
        around = look_around(request.snapshot, request.selected)
        self._flights.drop_disagreeing(cursor)
        shape = decide(around, request.settings.multiline, invoked=request.trigger is Trigger.INVOKED)
        if shape.kind is Kind.NOTHING:
            return self._remember(uri, Result(reason=shape.why, steps=steps.all()))
        steps.add(f"{request.asked.value}, {request.trigger.value}; {shape.kind.value}: {shape.why}")
        job = Job(self._rooms, request, cursor, around, shape, Terms.of(request.settings), steps)
        known = job.known()
        if known is not None:
            return self._remember(uri, known)
        return self._remember(uri, await self._run(job, (uri, request.asked)))

    def last_result(self, uri: str = "") -> Result | None:
        """The last answer for a document ("": for any) that was not superseded, with its steps."""
        if not uri:
            return next(reversed(self._last.values()), None)
        return self._last.get(uri)

    def forget(self, uri: str) -> None:
        """The document was closed: end its requests and streams, drop what is known of it."""
        for key in [key for key in self._open if key[0] == uri]:
            self._open.pop(key).end("the document was closed")
        self._flights.forget(uri)
        self._cache.forget(uri)
        self._last.pop(uri, None)

    def clear(self) -> None:
        """Drop all known answers."""
        self._cache.clear()

    def settings_changed(self) -> None:
        """What was known and what is under way was asked for with other settings."""
        self._cache.clear()
        self._targets.forget()
        self._flights.abort_all("the settings have changed")

    async def close(self) -> None:
        """Answer what is open, close all streams; afterwards every request is answered empty."""
        self._closed = True
        for open_request in self._open.values():
            open_request.end("the server is shutting down")
        self._open.clear()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._flights.close()
        await self._targets.close()

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
            return Result(reason=mine.superseded.result(), steps=job.steps.all())
        try:
            return task.result()
        except Exception:  # logged by _done
            return Result(reason="an error inside twinny-lsp; its log says more", steps=job.steps.all())

    def _done(self, task: asyncio.Task[Result]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Its text may hold code of the user's.
            log.error("a completion request failed: %s", type(error).__name__)
            log.debug("the failure", exc_info=error)

    def _remember(self, uri: str, result: Result) -> Result:
        """Keep it for `why`, unless a newer request has an answer there already."""
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
    text = "".join(snapshot.lines)
    if len(text) > limit or text.isascii() or len(text) * 4 <= limit:
        return len(text) > limit
    return len(text.encode("utf-8", "surrogatepass")) > limit
