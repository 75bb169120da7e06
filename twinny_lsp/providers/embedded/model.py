"""One model file run by llama.cpp, out of the `xllamacpp` wheel, in a child process of our own.

It starts with the first request, is restarted when it crashes (not for ever), stopped when idle, and
shared with this user's other editors. The requests themselves are ordinary HTTP to the child's
llama.cpp server, by the same HttpProvider as everywhere else. Not for choosing the file: that is
embedded.py.

Options (Endpoint.options): `context_tokens`, `batch_tokens`, `threads` (left out: chosen for this
machine), `idle_seconds` (0: never stop), `share` (True).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from twinny_lsp.errors import (
    BadAnswer,
    Interrupted,
    Loading,
    ProviderError,
    ServerFailure,
    Unreachable,
    Unsupported,
)
from twinny_lsp.exchange import FimPrompt, Generation, ModelFacts, Piece
from twinny_lsp.providers.base import Health, Provider, State
from twinny_lsp.providers.embedded.child import Orders
from twinny_lsp.providers.embedded.failures import Ending, NoRoom, OutOfMemory
from twinny_lsp.providers.embedded.file import ModelFile
from twinny_lsp.providers.embedded.gguf import GgufFacts
from twinny_lsp.providers.embedded.machine import Machine, measure
from twinny_lsp.providers.embedded.options import EmbeddedOptions, lacks_memory
from twinny_lsp.providers.embedded.process import ChildProcess, Ready
from twinny_lsp.providers.embedded.share import Board, board_folder, join
from twinny_lsp.providers.endpoint import Endpoint, KeySource, Route, Wire

SERVER = "llama.cpp (embedded)"
LOAD_SECONDS = 600.0
MAX_FALLS, FALLS_WINDOW_SECONDS = 3, 60.0
DEATH_SECONDS = 1.0


class Link(Protocol):
    """A hold on a running child: one we started (ChildProcess) or one we joined (Lease)."""

    dead: asyncio.Event

    @property
    def ready(self) -> Ready | None:
        """Where the child listens, once it does."""
        ...

    def release(self) -> None:
        """Give the hold back, without waiting."""
        ...

    async def stop(self) -> None:
        """Give the hold back and wait until that is done."""
        ...

    @property
    def ending(self) -> Ending:
        """How the child ended."""
        ...


@dataclass(slots=True, eq=False)
class _Running:
    """A child in use. `http` is closed by the last of its `streams` when it is `over` before they are:

    closing aiohttp's connections under a stream leaves the stream waiting for bytes for ever.
    """

    link: Link
    http: Provider
    streams: int = 0
    over: bool = False


class EmbeddedModel:
    """A file in llama.cpp in a child process. Makes no process and reads no file until asked."""

    def __init__(self, endpoint: Endpoint, name: str, path: Path) -> None:
        self.endpoint = endpoint
        self.name = name
        self._options = EmbeddedOptions.of(endpoint, path)
        self._path = path
        self._file = ModelFile(path, endpoint.name)
        self._running: _Running | None = None
        self._starting: asyncio.Task[_Running] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._mourner: asyncio.Task[None] | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._active = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._falls: deque[float] = deque()
        self._last_fall = ""
        self._hopeless = False
        self._closed = False
        self._machine: Machine | None = None

    async def stream(self, generation: Generation) -> AsyncGenerator[Piece, None]:
        """Start the child where needed and pass its answer on; see base.Provider.

        A child that dies before the first text is replaced and asked again, once.
        """
        self._hold()
        try:
            for last_try in (False, True):
                running = await self._get_running()
                running.streams += 1
                came = False
                try:
                    if isinstance(generation.prompt, FimPrompt) and generation.prompt.extra:
                        # It sends other files only where it knows of room for them; asked once.
                        await running.http.facts(generation.model)
                    async with aclosing(running.http.stream(generation)) as pieces:
                        async for piece in pieces:
                            came = came or bool(piece.text or piece.thinking)
                            yield piece
                    return
                except ProviderError as error:
                    if not await _died(running.link, error):
                        raise
                    if came or last_try:
                        raise self._interrupted(running.link) from error
                finally:
                    self._stream_ended(running)
        finally:
            self._let_go()

    async def health(self) -> Health:
        """How the child is; a model that is only waiting for its first request counts as ready."""
        if self._running is not None and not self._running.link.dead.is_set():
            return await self._running.http.health()
        if self._starting is not None:
            return Health(State.LOADING, f"loading {self._path.name}", SERVER)
        try:
            await asyncio.to_thread(self._file.header)
        except ProviderError as error:
            return Health(State.DOWN, str(error), error=error)
        return Health(State.READY, f"{self._path.name} starts with the first request", SERVER)

    @property
    def loaded(self) -> bool:
        """Whether a child of ours runs it, or is being started for it."""
        return self._starting is not None or self._running is not None

    async def facts(self) -> ModelFacts:
        """What the GGUF file's header tells, and how it would be run; no child is started."""
        header, orders = await asyncio.to_thread(self._plan)
        return ModelFacts(
            name=self.name,
            insert=header.insert,
            template=header.chat_template,
            context_tokens=orders.context,
            batch_tokens=orders.batch,
            capabilities=("completion", "insert") if header.insert else ("completion",),
            loaded=self._running is not None,
            slots=orders.parallel,
        )

    async def count_tokens(self, text: str, model: str) -> int | None:
        """By the running child; it is not started for this."""
        running = self._running
        if running is None or running.link.dead.is_set():
            return None
        return await running.http.count_tokens(text, model)

    async def close(self) -> None:
        """Let go of the child; it is gone afterwards unless another editor uses it."""
        self._closed = True
        self._cancel_idle()
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait({self._starting})
        running = self._running
        await self._stop_running()
        try:
            await asyncio.wait_for(self._quiet.wait(), DEATH_SECONDS)  # their child is gone: they end now
        except TimeoutError:
            if running is not None:
                await running.http.close()
        if self._tasks:
            await asyncio.wait(self._tasks)

    # --- starting ---

    async def _get_running(self) -> _Running:
        """The running child; starts it. A cancelled waiter does not stop the start: keys cancel often."""
        if self._closed:
            raise ServerFailure("the embedded model was closed", provider=self.endpoint.name)
        if self._running is not None and not self._running.link.dead.is_set():
            return self._running
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(self._started)
        starting = self._starting
        await asyncio.wait({starting}, timeout=self.endpoint.timeouts.first_byte)
        if not starting.done():
            message = f"{self._path.name} is still being loaded; try again soon"
            raise Loading(message, provider=self.endpoint.name)
        if starting.cancelled():
            raise ServerFailure("the embedded model was closed", provider=self.endpoint.name)
        return starting.result()

    def _started(self, starting: asyncio.Task[_Running]) -> None:
        self._starting = None
        if not starting.cancelled():
            starting.exception()  # whoever waits gets it; if nobody does, that is no event-loop error

    async def _start(self) -> _Running:
        await self._stop_running()
        self._refuse_after_falls()
        header, orders = await asyncio.to_thread(self._plan)
        try:
            link = await self._obtain(header, orders)
        except NoRoom:
            raise  # nothing was started: the next request may well find room
        except ProviderError as error:
            self._fell(str(error), isinstance(error, OutOfMemory | Unsupported))
            raise
        ready = link.ready
        assert ready is not None  # noqa: S101 (both kinds of link are ready when they are returned)
        self._running = _Running(link, self._make_http(ready, orders.batch))
        self._mourner = self._keep(self._mourn(self._running))
        return self._running

    async def _obtain(self, header: GgufFacts, orders: Orders) -> Link:
        """Join this user's child for the same model, or start one."""
        folder = await asyncio.to_thread(board_folder) if self._options.share else None
        if folder is None:
            return await self._launch(header, orders)
        board = Board(folder, orders)
        async with board.locked(LOAD_SECONDS) as mine:
            if not mine:
                return await self._launch(header, orders)
            if (known := board.read()) is not None and (lease := await join(known)) is not None:
                return lease
            board.remove()
            child = await self._launch(header, replace(orders, shared=True))
            if child.ready is not None:
                board.write(child.ready)
            return child

    async def _launch(self, header: GgufFacts, orders: Orders) -> ChildProcess:
        machine = await asyncio.to_thread(measure)
        if (lack := lacks_memory(header, orders.context, machine)) is not None:
            raise NoRoom(self.name, lack, self.endpoint.name)
        child = ChildProcess(orders, self.endpoint.name)
        await child.start(LOAD_SECONDS)
        return child

    def _make_http(self, ready: Ready, batch: int) -> Provider:
        from twinny_lsp.providers.http import HttpProvider

        return HttpProvider(
            Endpoint(
                name=self.endpoint.name,
                preset="llamacpp",
                base_url=ready.address,
                completion=Route(Wire.LLAMACPP_COMPLETION, "/completion"),
                chat=Route(Wire.OPENAI_CHAT, "/v1/chat/completions"),
                infill=Route(Wire.LLAMACPP_INFILL, "/infill"),
                key=KeySource(value=ready.key),
                timeouts=self.endpoint.timeouts,
                options={"batch_tokens": batch},  # the server itself does not tell it
            )
        )

    def _plan(self) -> tuple[GgufFacts, Orders]:
        """The model's header and how to run it here. Blocks: both are read from files."""
        header = self._file.header()
        if self._machine is None:
            self._machine = measure()  # cores and all memory: they stay, and facts are asked for often
        return header, self._options.orders(header, self._machine)

    # --- ending ---

    async def _mourn(self, running: _Running) -> None:
        """Wait for the child's end; nobody asked for it, so it counts as a fall."""
        await running.link.dead.wait()
        self._running = None
        ending = running.link.ending
        self._fell(f"the embedded model server ended: {ending.words(self.endpoint.name)}", ending.hopeless)
        running.link.release()
        await self._retire(running)

    async def _stop_running(self) -> None:
        """Let go of the child, if there is one."""
        running, self._running = self._running, None
        if running is not None:
            if self._mourner is not None:
                self._mourner.cancel()
            await running.link.stop()
            await self._retire(running)

    async def _retire(self, running: _Running) -> None:
        running.over = True
        if running.streams == 0:
            await running.http.close()

    def _stream_ended(self, running: _Running) -> None:
        running.streams -= 1
        if running.over and running.streams == 0:
            self._keep(running.http.close())

    def _hold(self) -> None:
        self._active += 1
        self._quiet.clear()
        self._cancel_idle()

    def _let_go(self) -> None:
        self._active -= 1
        if self._active == 0:
            self._quiet.set()
        if self._active == 0 and not self._closed and self._options.idle_seconds > 0:
            loop = asyncio.get_running_loop()
            self._idle = loop.call_later(self._options.idle_seconds, lambda: self._keep(self._stop_running()))

    def _cancel_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _keep(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run `work` beside, with a reference, so that it is neither lost nor left over."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- falls ---

    def _fell(self, what: str, hopeless: bool) -> None:
        self._falls.append(asyncio.get_running_loop().time())
        self._last_fall, self._hopeless = what, hopeless

    def _refuse_after_falls(self) -> None:
        """Raise ServerFailure when the child fell too often lately: a loop of crashes helps nobody."""
        now = asyncio.get_running_loop().time()
        while self._falls and now - self._falls[0] > FALLS_WINDOW_SECONDS:
            self._falls.popleft()
        if len(self._falls) > (0 if self._hopeless else MAX_FALLS):
            wait = self._falls[0] + FALLS_WINDOW_SECONDS - now
            times = f"failed {len(self._falls)} times, " if len(self._falls) > 1 else ""
            message = f"{self._last_fall}; {times}next attempt in {wait:.0f} s"
            raise ServerFailure(message, provider=self.endpoint.name)

    def _interrupted(self, link: Link) -> Interrupted:
        message = f"the embedded model server ended while answering: {link.ending.words(self.endpoint.name)}"
        return Interrupted(message, provider=self.endpoint.name)


async def _died(link: Link, error: ProviderError) -> bool:
    """Whether `error` is the child's death. The broken connection is often seen before the death is."""
    if isinstance(error, Interrupted | Unreachable | BadAnswer):
        try:
            await asyncio.wait_for(link.dead.wait(), DEATH_SECONDS)
        except TimeoutError:
            return False
    return link.dead.is_set()
