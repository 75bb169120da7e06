"""The base a language server is built on: one client, its documents, tasks that are looked after, and an end.

Features, commands and settings are the business of who builds on it. Until `initialized` nothing is imported
here but pygls, lsprotocol and the standard library.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.protocol import default_converter

from twinny_lsp.documents.encoding import Encoding
from twinny_lsp.lsp import transport
from twinny_lsp.lsp.framing import FrameDecoder, FramingError
from twinny_lsp.lsp.lifecycle import PARENT_POLL_S, Lifecycle, signals_end, watch_parent
from twinny_lsp.lsp.protocol import TwinnyProtocol
from twinny_lsp.lsp.workspace import Documents

logger = logging.getLogger(__name__)

FLUSH_S = 1.0
EXIT_S = 5.0
SLICE_S = 0.005
"""After so long in the messages that lie ready, the other tasks get their turn."""

ErrorWatcher = Callable[[str, BaseException], None]

# pygls logs whole message bodies at INFO: prompts, code and keys.
logging.getLogger("pygls").setLevel(logging.WARNING)


class TwinnyLanguageServer(LanguageServer):
    """A server for one client. Register features and commands as with pygls, then `run_stdio()`."""

    protocol: TwinnyProtocol

    def __init__(
        self,
        name: str,
        version: str,
        *,
        sync: types.TextDocumentSyncKind = types.TextDocumentSyncKind.Incremental,
        notebooks: types.NotebookDocumentSyncOptions | None = None,
        parent_poll_s: float = PARENT_POLL_S,
    ) -> None:
        self.documents = Documents()
        self.lifecycle = Lifecycle()
        self.client_name = ""
        """What the client calls itself; empty when it does not say, or before `initialize`."""
        self.client_version = ""
        self.initialize_params: types.InitializeParams | None = None
        self._parent_poll_s = parent_poll_s
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ready_callbacks: list[Callable[[], Awaitable[object] | None]] = []
        self._error_watchers: list[ErrorWatcher] = []
        super().__init__(
            name,
            version,
            text_document_sync_kind=sync,
            notebook_document_sync=notebooks or _every_notebook(),
            protocol_cls=TwinnyProtocol,
            converter_factory=default_converter,
        )

    # -- what those who build on this use

    @property
    def position_encoding(self) -> Encoding:
        """What the client counts characters in."""
        return self.documents.encoding

    @property
    def client_capabilities(self) -> types.ClientCapabilities:
        """What the client can do; empty before `initialize`."""
        params = self.initialize_params
        return types.ClientCapabilities() if params is None else params.capabilities

    def on_initialized(self, callback: Callable[[], Awaitable[object] | None]) -> None:
        """Call `callback` when the client is ready, in the order of registration; async ones as tasks."""
        self._ready_callbacks.append(callback)

    def on_shutdown(self, callback: Callable[[], Awaitable[object]]) -> None:
        """Run an async function once at the end, however it comes; all of them together get 2 s."""
        self.lifecycle.on_shutdown(callback)

    def on_internal_error(self, watcher: ErrorWatcher) -> None:
        """Call `watcher(method or task, error)` for each programming error; nothing is popped up for it."""
        self._error_watchers.append(watcher)

    def run_task(self, coro: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run a coroutine beside everything else: kept alive, its failure logged, cancelled at the end."""
        task = asyncio.get_running_loop().create_task(coro, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def internal_error(self, where: str, error: BaseException) -> None:
        """Log a programming error by type and place, and tell who watches. Its text is for DEBUG only."""
        last = traceback.extract_tb(error.__traceback__)[-1:]
        place = f"{os.path.basename(last[0].filename)}:{last[0].lineno}" if last else "?"
        logger.error("%s failed: %s at %s", where, type(error).__name__, place)
        logger.debug("the failure of %s", where, exc_info=error)
        for watcher in self._error_watchers:
            with contextlib.suppress(Exception):
                watcher(where, error)

    def report_server_error(self, error: Exception, source: Any) -> None:
        """What is left of pygls' own error reports: to the log, never into a pop-up."""
        self.internal_error("pygls", error)

    # -- what the protocol tells

    def client_arrived(self, params: types.InitializeParams) -> None:
        """`initialize` came: note who it is, and watch over its process."""
        self.initialize_params = params
        if params.client_info is not None:
            self.client_name = params.client_info.name
            self.client_version = params.client_info.version or ""
        watcher = watch_parent(self.lifecycle, params.process_id, self._parent_poll_s)
        self.run_task(watcher, "watch the client's process")

    def client_ready(self) -> None:
        """`initialized` came: now there is time for what was put off."""
        for callback in self._ready_callbacks:
            try:
                outcome = callback()
            except Exception as error:
                self.internal_error("initialized", error)
                continue
            if outcome is not None:
                self.run_task(_await(outcome), "initialized")
        from twinny_lsp.lsp.warm import warm_converter

        self.run_task(warm_converter(self.protocol._converter), "warm up")

    # -- running

    def run_stdio(self) -> int:
        """Serve the client on stdin and stdout until one of the two ends it; the exit code."""

        async def main(source_fd: int, sink_fd: int) -> int:
            with signals_end(self.lifecycle):
                source = await transport.open_source(source_fd)
                sink = await transport.open_sink(sink_fd)
                return await self.serve(source, sink)

        with transport.claim_stdio() as (source_fd, sink_fd):
            return self._run(main(source_fd, sink_fd))

    def run_tcp(self, host: str, port: int) -> int:
        """Serve exactly one client over TCP, for debugging; the address is told on stderr. The exit code."""

        async def main() -> int:
            listener = transport.TcpListener()
            with signals_end(self.lifecycle):
                address = await listener.listen(host, port)
                print(f"listening on {address[0]}:{address[1]}", file=sys.stderr, flush=True)
                accepting = asyncio.create_task(listener.accept())
                stopping = asyncio.create_task(self.lifecycle.stopped())
                await asyncio.wait({accepting, stopping}, return_when=asyncio.FIRST_COMPLETED)
                stopping.cancel()
                try:
                    if accepting.done():
                        return await self.serve(*accepting.result())
                    accepting.cancel()
                    return self.lifecycle.exit_code
                finally:
                    listener.close()

        return self._run(main())

    async def serve(self, source: transport.Source, sink: transport.Sink) -> int:
        """Serve one client until it leaves or `lifecycle.stop` is called; the exit code."""
        self.protocol.sink = sink
        watched = [
            asyncio.create_task(self._read(source, sink)),
            asyncio.create_task(sink.lost.wait()),
            asyncio.create_task(self.lifecycle.stopped()),
        ]
        try:
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            self.lifecycle.stop("the client closed the connection")
        finally:
            for task in watched:
                task.cancel()
            await asyncio.gather(*watched, return_exceptions=True)
            await self._end(source, sink)
        return self.lifecycle.exit_code

    async def _read(self, source: transport.Source, sink: transport.Sink) -> None:
        decoder = FrameDecoder()
        slice_end = time.monotonic() + SLICE_S
        while not self.lifecycle.is_stopping() and (data := await source.read()):
            for frame in decoder.feed(data):
                if isinstance(frame, FramingError):
                    self.protocol.refuse_frame(frame.reason)
                else:
                    self.protocol.receive(frame)
                if self.lifecycle.is_stopping():
                    return
                if time.monotonic() > slice_end:
                    await asyncio.sleep(0)
                    slice_end = time.monotonic() + SLICE_S
            if sink.congested:
                # Answers are never dropped; a client that takes none is not given more to answer.
                await sink.drain()

    async def _end(self, source: transport.Source, sink: transport.Sink) -> None:
        self.protocol.cancel_all()
        source.close()
        tasks = [task for task in self._tasks if not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1)
        await self.lifecycle.clean_up()
        await sink.close(FLUSH_S)
        if self._thread_pool is not None:
            self._thread_pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, main: Coroutine[Any, Any, int]) -> int:
        """Run the loop, and see to it that a thread nobody can stop does not hold the process."""
        with asyncio.Runner() as runner:
            code = runner.run(main)
            ended = threading.Event()
            threading.Thread(target=_exit_unless, args=(ended, code), daemon=True).start()
        ended.set()
        return code

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.internal_error(task.get_name(), error)


def _exit_unless(ended: threading.Event, code: int) -> None:
    """Closing the loop waits for its threads without a limit; this is the limit."""
    if not ended.wait(EXIT_S):
        logging.shutdown()
        os._exit(code)


async def _await(outcome: Awaitable[object]) -> None:
    await outcome


def _every_notebook() -> types.NotebookDocumentSyncOptions:
    every = types.NotebookDocumentFilterWithNotebook(notebook="*")
    return types.NotebookDocumentSyncOptions(notebook_selector=[every], save=True)
