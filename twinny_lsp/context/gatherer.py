"""Gathers what else a model should see, beside the keystroke's way, and keeps a choice while it is good.

The loop's side: it notes what happens to documents, asks the worker's thread, and answers in time with the
best there is. While the user works in one region the answer is the same, byte for byte; it is made anew when
they come back to a region after something changed elsewhere, or when they rest.

Knows no LSP and no templates. What a piece is: sources.py, imported.py; which are chosen: selection.py.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol
from urllib.parse import unquote, urlsplit

from twinny_lsp.config.sources import path_of
from twinny_lsp.context.activity import Activity, OpenDocuments
from twinny_lsp.context.choices import Choice, Choices, Settings
from twinny_lsp.context.pieces import NOTHING, At, Gathered, Piece
from twinny_lsp.context.secrets import mask
from twinny_lsp.context.selection import ordered
from twinny_lsp.context.work import Pace, Query, Stopped, Worker, chosen
from twinny_lsp.documents.document import Document

log = logging.getLogger(__name__)

ANSWER_S = 0.035
"""How long a request waits for the worker; what is not there by then is there for the next one."""
REST_S = 3.0
"""How long nothing must happen until a choice is looked at again: longer than the pauses in typing."""
OPENED_S = 0.3
"""How long after a document was opened its files are read ahead of the first request."""
REFUSAL_S = 5.0
"""How long it is known of a document that a model may see it, until that is looked at again."""
DECIDE_S = CLOSE_S = 1.0
"""How long anybody waits for the thread in all other cases."""


class Timer(Protocol):
    """A call that is to come."""

    def cancel(self) -> None:
        """Let it not come."""
        ...


CallLater = Callable[[float, Callable[[], object]], Timer]


class _Kind(Enum):
    """ASK: a request waits. REST: the user rests. AHEAD: only so that files are read already."""

    ASK, REST, AHEAD = range(3)


@dataclass(slots=True, eq=False)
class _Job:
    """One query under way, and the choice that comes of it; `instead` is the one whose region it has."""

    kind: _Kind
    query: Query
    choice: Choice
    instead: Choice | None
    begun: float
    task: asyncio.Future[tuple[Piece, ...]]
    found: list[Piece]
    pace: Pace

    def answers(self, at: At, budget: int, settings: Settings) -> bool:
        """Whether what comes of it is an answer for that place as well."""
        choice = self.choice
        same = choice.has(at.snapshot.uri, at.snapshot.row) and choice.settings == settings
        return self.kind is _Kind.ASK and same and choice.budget <= budget


@dataclass(slots=True, eq=False)
class _Verdict:
    """Whether a model may see a document: as it was decided `before`, and as it is being decided."""

    before: str | None
    task: asyncio.Future[str]
    at: float


class Gatherer:
    """The context of all documents.

    Its events cost microseconds and may come at each key. `place_of` gives a document's path in its root and
    the root's uri ("" for none); `settings_of` what holds there. All methods are for the loop's thread.
    """

    def __init__(
        self,
        documents: OpenDocuments,
        place_of: Callable[[str], tuple[str, str]],
        settings_of: Callable[[str], Settings],
        *,
        clock: Callable[[], float] = time.monotonic,
        call_later: CallLater | None = None,
    ) -> None:
        self._documents, self._settings_of = documents, settings_of
        self._clock, self._call_later = clock, call_later
        self._activity, self._choices = Activity(place_of), Choices()
        self._worker, self._thread = Worker(), ThreadPoolExecutor(1, "twinny-context")
        self._active: Choice | None = None
        self._last: At | None = None
        self._job: _Job | None = None
        self._busy_at = 0.0
        self._rest_timer: Timer | None = None
        self._open_timer: Timer | None = None
        self._refusals: dict[str, _Verdict] = {}
        self._listeners: list[Callable[[str], object]] = []
        self._closed = False
        for document in documents:
            self.opened(document)

    # -- what happens in the editor

    def opened(self, document: Document) -> None:
        """A document was opened."""
        self._activity.opened(document)
        self._choices.forget(document.uri)
        self._choices.others_changed(document.uri)
        if self._open_timer is None and not self._closed:
            self._open_timer = self._later(OPENED_S, self._read_ahead)

    def changed(self, document: Document) -> None:
        """A document changed."""
        self._choices.edited(document.uri, self._activity.changed(document))
        self._busy()

    def closed(self, document: Document) -> None:
        """A document was closed."""
        self._activity.closed(document)
        self._choices.forget(document.uri)
        self._choices.others_changed(document.uri)
        self._refusals.pop(document.uri, None)

    def visited(self, uri: str, row: int) -> None:
        """A place was asked about, whether or not its pieces were."""
        self._activity.visited(uri, row)
        self._busy()

    def settings_changed(self) -> None:
        """What was chosen or allowed may be otherwise now."""
        self._choices.clear()
        self._refusals.clear()
        self._active = None
        self._stop()
        if not self._closed:
            self._thread.submit(self._worker.forget)

    def roots_changed(self) -> None:
        """The workspace folders are others."""
        self._activity.roots_changed()
        self.settings_changed()

    def on_better(self, listener: Callable[[str], object]) -> None:
        """Call `listener(uri)` when the user rests and what they get at their place has changed.

        That is the time to let a model server read it, before the next key.
        """
        self._listeners.append(listener)

    # -- what the engine asks

    def tokens(self, uri: str) -> int:
        """How many tokens of prompt the pieces may have in this document; 0: none are wanted."""
        context, _ = self._settings_of(uri)
        return context.tokens if context.enabled else 0

    def mask(self, uri: str, text: str) -> str:
        """A text of the document as it may be sent: same length, same lines, secrets as `xxxx`."""
        _, privacy = self._settings_of(uri)
        return mask(text) if privacy.mask_secrets else text

    async def refusal(self, uri: str) -> str:
        """Why no model may see this document; "" if one may.

        The reason is the end of a sentence that begins with the document's name. Costs a look-up but for the
        first time. What cannot be decided in time is refused.
        """
        now = self._clock()
        known = self._refusals.get(uri)
        if known is None or (known.task.done() and now - known.at > REFUSAL_S):
            before = None if known is None else _answer(known.task)
            known = self._refusals[uri] = _Verdict(before, self._decide(uri), now)
        if not known.task.done():
            if known.before is not None:
                return known.before
            await asyncio.wait({known.task}, timeout=DECIDE_S)
        return _answer(known.task)

    async def pieces(self, at: At, budget: int) -> Gathered:
        """What else the model should see at this place, in at most `budget` bytes of UTF-8.

        Comes within ANSWER_S, with the best there is by then. Never raises for a file or a setting.
        """
        uri, row = at.snapshot.uri, at.snapshot.row
        settings = self._settings_of(uri)
        self._last = at
        if self._closed or not settings[0].enabled or budget <= 0:
            return NOTHING
        known = self._choices.near(uri, row)
        fits = known is not None and known.fits(at, budget, settings)
        if known is not None and fits and (known is self._active or not known.stale):
            self._active = known
            return known.gathered
        job = self._job
        if job is None or not job.answers(at, budget, settings):
            job = self._start(_Kind.ASK, at, budget, settings, known)
        if job is None:
            return NOTHING
        await asyncio.wait({job.task}, timeout=ANSWER_S)
        if not job.task.done() and not job.choice.pieces:
            self._fill(job, chosen(job.query, tuple(job.found)), whole=False)
        return job.choice.gathered

    async def close(self) -> None:
        """End what is under way; afterwards there are no pieces."""
        self._closed = True
        for timer in (self._rest_timer, self._open_timer):
            if timer is not None:
                timer.cancel()
        job = self._job
        self._stop()
        self._thread.shutdown(wait=False, cancel_futures=True)
        if job is not None:
            await asyncio.wait({job.task}, timeout=CLOSE_S)

    # -- work on the thread

    def _start(
        self, kind: _Kind, at: At, budget: int, settings: Settings, instead: Choice | None
    ) -> _Job | None:
        """Begin to work out a choice; None when the document is not open."""
        uri, row = at.snapshot.uri, at.snapshot.row
        context, privacy = settings
        own = self._activity.text(uri, context.max_file_bytes)
        if own is None or self._closed:
            return None
        root = self._activity.root_of(uri)
        shown = instead if instead is not None else self._active
        query = Query(
            own=replace(own, lines=at.snapshot.lines),
            row=row,
            column=at.snapshot.column,
            window=range(at.first_row, at.last_row + 1),
            root=path_of(root) if root else None,
            others=self._activity.others(uri, context.max_file_bytes),
            closed=self._activity.closed_paths(uri),
            cells=self._documents.neighbours(uri),
            context=context,
            privacy=privacy,
            budget=budget,
            shown=shown.pieces if shown is not None else (),
        )
        choice = Choice(uri, row, budget, settings)
        if instead is not None and instead.fits(at, budget, settings):
            choice.take_over(instead)
        self._stop()
        pace, found = Pace(), list[Piece]()
        task = asyncio.get_running_loop().run_in_executor(
            self._thread, self._worker.pieces, query, found, pace
        )
        job = self._job = _Job(kind, query, choice, instead, self._clock(), task, found, pace)
        self._choices.pending = choice
        task.add_done_callback(lambda _: self._done(job))
        return job

    def _stop(self) -> None:
        """Nobody waits any more for what is under way."""
        if self._job is not None:
            self._job.pace.stopped = True
            self._job = self._choices.pending = None

    def _done(self, job: _Job) -> None:
        error = None if job.task.cancelled() else job.task.exception()
        if error is not None and not isinstance(error, Stopped):
            # Its text may hold code of the user's.
            log.error("gathering context failed: %s", type(error).__name__)
            log.debug("the failure", exc_info=error)
        if self._job is not job:
            return
        self._job = self._choices.pending = None
        if error is not None or job.task.cancelled() or job.kind is _Kind.AHEAD:
            return
        if job.kind is _Kind.REST and self._busy_at > job.begun:
            return  # they went on: their prompt must not change now
        self._fill(job, job.task.result(), whole=True)

    def _fill(self, job: _Job, pieces: tuple[Piece, ...], *, whole: bool) -> None:
        choice = job.choice
        before = choice.gathered
        choice.fill(ordered(pieces, choice.pieces or job.query.shown), job.query, whole=whole)
        self._choices.put(choice, job.instead)
        if (job.instead is not None and self._active is job.instead) or job.kind is _Kind.ASK:
            self._active = choice
        job.instead = choice
        if job.kind is _Kind.REST and choice.gathered is not before:
            for listener in self._listeners:
                listener(choice.uri)

    def _decide(self, uri: str) -> asyncio.Future[str]:
        loop = asyncio.get_running_loop()
        path = path_of(uri)
        _, privacy = self._settings_of(uri)
        if self._closed:
            nothing: asyncio.Future[str] = loop.create_future()
            nothing.set_result("")
            return nothing
        if path is None:
            name = unquote(urlsplit(uri).path).lstrip("/")
            return loop.run_in_executor(self._thread, self._worker.why_never_named, name, privacy)
        root = path_of(self._activity.root_of(uri)) or path.parent
        name = os.path.relpath(path, root).replace(os.sep, "/")
        return loop.run_in_executor(self._thread, self._worker.why_never, root, name, privacy)

    # -- rest

    def _busy(self) -> None:
        self._busy_at = self._clock()
        if self._rest_timer is None and not self._closed:
            self._rest_timer = self._later(REST_S, self._rested)

    def _rested(self) -> None:
        """Look again at the place the user is at, if nothing has happened for long enough."""
        self._rest_timer = None
        left = self._busy_at + REST_S - self._clock()
        if left > 0:
            self._rest_timer = self._later(left, self._rested)
            return
        choice, at = self._active, self._last
        if choice is None or at is None or at.snapshot.uri != choice.uri or self._job is not None:
            return
        own = self._activity.text(choice.uri, choice.settings[0].max_file_bytes)
        if own is not None and (choice.stale or choice.typed):
            row = min(at.snapshot.row, len(own.lines) - 1)
            at = replace(at, snapshot=replace(at.snapshot, lines=own.lines, row=row))
            self._start(_Kind.REST, at, choice.budget, choice.settings, choice)

    def _read_ahead(self) -> None:
        """Read what the document opened last will need."""
        self._open_timer = None
        document = self._activity.last()
        if document is None or self._job is not None or self._closed:
            return
        settings = self._settings_of(document.uri)
        if settings[0].enabled and settings[0].tokens:
            at = At(document.snapshot(0, 0), 0, 0)
            self._start(_Kind.AHEAD, at, settings[0].tokens, settings, None)

    def _later(self, seconds: float, call: Callable[[], object]) -> Timer:
        return (self._call_later or asyncio.get_running_loop().call_later)(seconds, call)


def _answer(task: asyncio.Future[str]) -> str:
    """What was decided; what could not be decided is a refusal."""
    if task.done() and not task.cancelled() and task.exception() is None:
        return task.result()
    return "cannot be checked against the ignore rules"
