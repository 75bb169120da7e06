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

from twinny_lsp.completion.cutter import Reading
from twinny_lsp.completion.filters import FilterInput
from twinny_lsp.completion.known import Answer, Terms
from twinny_lsp.completion.place import Cursor, Place, Seat, Typed
from twinny_lsp.completion.record import Asking, Outcome
from twinny_lsp.completion.reply import Reply
from twinny_lsp.completion.seams import Clock, Handle, Prompted
from twinny_lsp.config.resolved import Target
from twinny_lsp.errors import ProviderError
from twinny_lsp.exchange import Piece, Usage

log = logging.getLogger(__name__)

NOTHING_TO_ADD = "the model had nothing to add"


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked, and where. `slot` names what can do one generation at a time.

    `left` stands left of the place on its line. `new_tokens` is what the prompt costs the server, about;
    `window_tokens` what the window of the document may have. `keeps`: its answer may be kept. `choices`: how
    many answers were asked for. `spare`: another one than the first, to choose from. `way` is set for what is
    asked ahead: the place where a text was shown, and that text; it leads to `place`.
    `warm`: the prompt is only to be read, nobody wants the text. `cold`: the model has to be loaded first.
    """

    place: Place
    left: str
    terms: Terms
    target: Target
    slot: str
    prompted: Prompted
    given: FilterInput
    asking: Asking
    window_tokens: int
    new_tokens: float
    keeps: bool
    choices: int = 1
    spare: bool = False
    way: tuple[Place, str] | None = None
    warm: bool = False
    cold: bool = False


class Flight:
    """A stream under way. `on_end` is called once, in the tick in which the text is final.

    The first of its `replies` is what requests follow; the others are to choose from.
    """

    def __init__(self, plan: Plan, seat: Seat, clock: Clock, grace: float) -> None:
        self.plan = plan
        self.seat = seat
        asked = plan.prompted
        reading = Reading(asked.ends or asked.stop, asked.opens, asked.restore, asked.chat)
        self.replies = tuple(Reply(plan.given, reading) for _ in range(plan.choices))
        self.error: Exception | None = None
        self.aborted = ""
        self.reported = False
        self.usage: Usage | None = None
        self.ended = False
        self.ahead = plan.way is not None or plan.warm
        """Asked ahead and not taken up by a request yet."""
        self.followers = 0
        self.began = clock.now()
        self.outcome = Outcome()
        self._clock = clock
        self._grace = grace
        self._timer: Handle | None = None
        self._waiting: set[asyncio.Future[None]] = set()
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
        self.wake()

    @property
    def reply(self) -> Reply:
        """The answer that is followed."""
        return self.replies[0]

    @property
    def loads(self) -> bool:
        """Whether it still loads the model: to close it would end the load, so it goes on for who is next."""
        waits = self.outcome.first_byte_ms is None and not (self.ended or self.aborted)
        return self.plan.cold and waits

    @property
    def first_text_s(self) -> float | None:
        """Seconds to the first text. None before it, and where the model was loaded: that tells nothing."""
        first_ms = self.outcome.first_byte_ms
        return None if first_ms is None or self.plan.cold else first_ms / 1000

    def typed_at(self, cursor: Cursor) -> Typed | None:
        """What was typed since it was asked; None where that does not agree with what comes."""
        typed = cursor.typed_since(self.plan.place)
        return typed if typed is not None and self.reply.agrees(typed.text) else None

    def on_the_way(self, cursor: Cursor) -> bool:
        """Whether the cursor is in the text that was shown, and accepting the rest leads to this place."""
        if self.plan.way is None:
            return False
        shown_at, text = self.plan.way
        typed = cursor.typed_since(shown_at)
        return typed is not None and text.startswith(typed.text)

    def answers(self) -> list[Answer]:
        """What is known by it now, to be kept; the one that is followed comes last, as the newest."""
        whole = self.ended and not self.aborted
        made = []
        for number, reply in reversed(list(enumerate(self.replies))):
            cleaned = reply.cleaned()
            reason = cleaned.notes[-1] if cleaned.notes else NOTHING_TO_ADD
            kept = whole and reply.over
            if not reply.broke_off and (cleaned.text or (kept and number == 0)):
                made.append(
                    Answer(
                        self.plan.place,
                        self.plan.terms,
                        cleaned.text or "",
                        reason,
                        kept,
                        cleaned.replaces,
                        spare=self.plan.spare or number > 0,
                        by_hand=self.plan.given.shape.whole,
                        target=self.plan.target,
                    )
                )
        return made

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Follow the stream: it will not end for want of followers meanwhile."""
        self.followers += 1
        self.ahead = False
        self._watch()
        try:
            yield
        finally:
            self.followers -= 1
            self._watch()
            self.wake()

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
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

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
            self._note_end()
            on_end(self)
            self.wake()
            await _close(stream)

    async def _take(self, stream: AsyncGenerator[Piece, None]) -> None:
        async for piece in stream:
            self.usage = piece.usage or self.usage
            if piece.choice < len(self.replies):
                self._feed(piece)
            if all(reply.over for reply in self.replies):
                return
            if piece.text:
                self.wake()
        for reply in self.replies:
            reply.close(None)

    def _feed(self, piece: Piece) -> None:
        outcome, reply = self.outcome, self.replies[piece.choice]
        if piece.text and outcome.first_byte_ms is None:
            outcome.first_byte_ms = self._age_ms()
            self._watch()
        if piece.text:
            reply.feed(piece.text)
        if outcome.first_line_ms is None and (reply.over or "\n" in reply.cutter.text.lstrip("\n")):
            outcome.first_line_ms = self._age_ms()
        if piece.finish is not None:
            reply.close(piece.finish)

    def _note_end(self) -> None:
        outcome, usage = self.outcome, self.usage
        outcome.end_ms = self._age_ms()
        outcome.ended = self.aborted or self.reply.cutter.why
        if usage is not None:
            outcome.prompt, outcome.cached, outcome.generated = usage.prompt, usage.cached, usage.generated

    def _age_ms(self) -> float:
        return (self._clock.now() - self.began) * 1000

    def _watch(self) -> None:
        """Start the grace when nobody follows, stop it when somebody does."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        kept = self.followers or self.ended or self.aborted or self.ahead or self.loads
        if self._task is not None and not kept:
            self._timer = self._clock.call_later(self._grace, lambda: self.abort("nobody took it up"))


async def _close(stream: AsyncGenerator[Piece, None]) -> None:
    try:
        await stream.aclose()
    except Exception:
        log.debug("closing a stream failed", exc_info=True)
