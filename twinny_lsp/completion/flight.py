"""One generation at work: reads a provider's stream and lets any number of requests follow it.

It outlives the request that began it: clients cancel at every key, while the text that is coming may
be just what is being typed. It ends when its shape is complete, when it is aborted, or a grace
after the last request has left it. Its end always closes the generator, and so the socket.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from twinny_lsp.completion.cache import Terms
from twinny_lsp.completion.cutter import Cutter, Reading
from twinny_lsp.completion.filters import Cleaned, FilterInput, clean
from twinny_lsp.completion.place import Place, Seat
from twinny_lsp.completion.seams import Clock, Handle, Prompted
from twinny_lsp.config.resolved import Target
from twinny_lsp.errors import ProviderError
from twinny_lsp.exchange import Finish, Piece, Usage

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked, and where. `slot` names what can do one generation at a time."""

    place: Place
    terms: Terms
    target: Target
    slot: str
    prompted: Prompted
    given: FilterInput
    window_tokens: int


class Flight:
    """A stream under way. `on_end` is called once, in the tick in which the text is final."""

    def __init__(self, plan: Plan, seat: Seat, clock: Clock, grace: float) -> None:
        self.plan = plan
        self.seat = seat
        asked = plan.prompted
        self.cutter = Cutter(
            plan.given.around,
            plan.given.shape,
            Reading(asked.ends or asked.stop, asked.opens, asked.restore, asked.chat),
        )
        self.error: Exception | None = None
        self.aborted = ""
        self.reported = False
        self.finish: Finish | None = None
        self.usage: Usage | None = None
        self.ended = False
        self.followers = 0
        self.began = clock.now()
        self.first_at: float | None = None
        self._cut = False
        self._clock = clock
        self._grace = grace
        self._timer: Handle | None = None
        self._waiting: set[asyncio.Future[None]] = set()
        self._cleaned: tuple[str, Cleaned] | None = None
        self._task: asyncio.Task[None] | None = None

    def start(
        self, stream: AsyncGenerator[Piece, None], on_end: Callable[[Flight], None]
    ) -> asyncio.Task[None]:
        """Begin to read; the task ends when the stream is closed."""
        self._task = asyncio.get_running_loop().create_task(self._read(stream, on_end))
        self._watch()
        return self._task

    def abort(self, reason: str) -> None:
        """Close the stream now; followers see `aborted`. One that has ended is closing already."""
        if self._task is None or self._task.done() or self.aborted or self.ended:
            return
        self.aborted = reason
        if self._timer is not None:
            self._timer.cancel()
        self._task.cancel()
        self._wake()

    @property
    def broke_off(self) -> bool:
        """Whether the stream ended without its shape's end and without the server saying that it was done."""
        return self.ended and self.finish in (None, Finish.INCOMPLETE) and not self._cut

    @property
    def text(self) -> str:
        """What may be shown of the text: all of it, or its whole lines where it did not end well."""
        text = self.cutter.text
        if self._cut or self.cutter.certain or (self.ended and self.finish is Finish.STOP):
            return text
        lines, newline, _ = text.rpartition("\n")
        if self.ended and self.finish is Finish.LENGTH and not newline:
            return text
        return lines

    def cleaned(self) -> Cleaned:
        """The text that may be shown, after the filters."""
        text = self.text
        if self._cleaned is None or self._cleaned[0] != text:
            self._cleaned = (text, clean(text, self.plan.given))
        return self._cleaned[1]

    def agrees(self, typed: str) -> bool:
        """Whether what was typed since and what has come can still be the beginning of one text."""
        if not typed:
            return True
        if not self.plan.given.shape.several and "\n" in typed.lstrip("\n"):
            return False
        raw = self.cutter.text
        if raw.startswith(typed) or (not self.ended and typed.startswith(raw)):
            return True
        shown = self.cleaned().text
        return shown is not None and (shown.startswith(typed) or (not self.ended and typed.startswith(shown)))

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Follow the stream: it will not end for want of followers meanwhile."""
        self.followers += 1
        self._watch()
        try:
            yield
        finally:
            self.followers -= 1
            self._watch()
            self._wake()

    def touch(self) -> None:
        """Begin the grace anew: the text still agrees with what is being typed."""
        self._watch()

    async def change(self) -> None:
        """Wait for the next piece, the end, or a follower that leaves."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)

    def wake(self) -> None:
        """Let all who wait for a change look again."""
        self._wake()

    async def _read(self, stream: AsyncGenerator[Piece, None], on_end: Callable[[Flight], None]) -> None:
        try:
            await self._take(stream)
        except ProviderError as error:
            self.error = error
        except Exception as error:  # a bug in an adapter must not leave a request without an answer
            log.error("reading a completion failed: %s", type(error).__name__)
            log.debug("the failure", exc_info=error)
            self.error = error
        finally:
            self.ended = True
            self._watch()
            if not self.aborted:
                on_end(self)
            self._wake()
            await _close(stream)

    async def _take(self, stream: AsyncGenerator[Piece, None]) -> None:
        async for piece in stream:
            if piece.text:
                self.first_at = self.first_at or self._clock.now()
                self.cutter.feed(piece.text)
            self.usage = piece.usage or self.usage
            if self.cutter.done:
                self._cut = True
                return
            if piece.finish is not None:
                self.finish = piece.finish
                break
            if piece.text:
                self._wake()
        self.cutter.finish(self.finish is Finish.STOP)

    def _wake(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    def _watch(self) -> None:
        """Start the grace when nobody follows, stop it when somebody does."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None and not (self.followers or self.ended or self.aborted):
            self._timer = self._clock.call_later(self._grace, lambda: self.abort("nobody took it up"))


async def _close(stream: AsyncGenerator[Piece, None]) -> None:
    try:
        await stream.aclose()
    except Exception:
        log.debug("closing a stream failed", exc_info=True)
