"""Bytes in and out: stdio and TCP, as one readable source and one writable sink. Knows nothing of messages.

On POSIX, pipes and sockets are served by the loop itself. What it cannot serve (regular files, terminals,
every anonymous pipe on Windows) goes through one thread per direction. In both cases writing never blocks
the loop: what the client does not read is queued, and the queue is bounded by what the caller does about
`congested`: drop what may be dropped, and stop reading (see protocol.py and core.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import stat
import sys
import threading
from collections import deque
from collections.abc import Iterator
from typing import Protocol

logger = logging.getLogger(__name__)

READ_BYTES = 64 * 1024
BACKLOG_BYTES = 64 * 1024 * 1024
"""Above this many unsent bytes a sink is congested, until half of them are gone."""

THREADS_VARIABLE = "TWINNY_LSP_TRANSPORT"
"""Environment variable; the value `threads` forces the fallback (used by tests, and if a pipe misbehaves)."""


class Source(Protocol):
    """Where messages come from."""

    async def read(self) -> bytes:
        """Some bytes, b"" at the end."""
        ...

    def close(self) -> None:
        """Stop reading; does not wait."""
        ...


class Sink(Protocol):
    """Where messages go. `lost` is set when the other side does not listen any more."""

    lost: asyncio.Event

    def write(self, data: bytes) -> None:
        """Queue bytes; never blocks. Loop thread only."""
        ...

    @property
    def congested(self) -> bool:
        """True while more than BACKLOG_BYTES wait to be sent."""
        ...

    async def drain(self) -> None:
        """Wait until the sink is not congested any more."""
        ...

    async def close(self, flush_s: float) -> None:
        """Send what is queued, for at most `flush_s` seconds, and close."""
        ...


class StreamSource:
    """A source served by the loop."""

    def __init__(self, reader: asyncio.StreamReader, transport: asyncio.BaseTransport) -> None:
        self._reader, self._transport = reader, transport

    async def read(self) -> bytes:
        """See Source. A connection that breaks is one that ends."""
        try:
            return await self._reader.read(READ_BYTES)
        except ConnectionError:
            return b""

    def close(self) -> None:
        """See Source."""
        self._transport.close()


class StreamSink:
    """A sink served by the loop."""

    def __init__(self, writer: asyncio.StreamWriter, backlog_bytes: int = BACKLOG_BYTES) -> None:
        self.lost = asyncio.Event()
        self._writer, self._backlog = writer, backlog_bytes
        self._full = False
        writer.transport.set_write_buffer_limits(high=backlog_bytes, low=backlog_bytes // 2)
        self._watcher = asyncio.create_task(self._watch())

    def write(self, data: bytes) -> None:
        """See Sink."""
        if not self.lost.is_set() and not self._writer.is_closing():
            self._writer.write(data)

    @property
    def congested(self) -> bool:
        """See Sink."""
        unsent = self._writer.transport.get_write_buffer_size()
        self._full = unsent > (self._backlog // 2 if self._full else self._backlog)
        return self._full

    async def drain(self) -> None:
        """See Sink."""
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    async def close(self, flush_s: float) -> None:
        """See Sink."""
        self._writer.close()
        done, _ = await asyncio.wait({self._watcher}, timeout=flush_s)
        if not done:
            self._writer.transport.abort()
            await asyncio.wait({self._watcher}, timeout=1)
        self._watcher.cancel()
        await asyncio.gather(self._watcher, return_exceptions=True)

    async def _watch(self) -> None:
        try:
            await self._writer.wait_closed()
        except (OSError, ConnectionError):
            logger.debug("the client closed its side")
        finally:
            self.lost.set()


class ThreadSource:
    """A source read by a thread, for what the loop cannot wait on."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        # Two chunks ahead at most: the thread waits for the loop to take them.
        self._room = threading.Semaphore(2)
        self._closed = False
        # A daemon: a read that never returns must not hold the process.
        threading.Thread(target=self._run, name="lsp-read", daemon=True).start()

    async def read(self) -> bytes:
        """See Source."""
        if self._closed:
            return b""
        data = await self._chunks.get()
        self._room.release()
        if not data:
            self._closed = True
        return data

    def close(self) -> None:
        """See Source. The descriptor stays open: closing it under a blocked read helps nobody."""
        self._closed = True

    def _run(self) -> None:
        data = b"-"
        while data and not self._closed:
            self._room.acquire()
            try:
                data = os.read(self._fd, READ_BYTES)
            except OSError:
                data = b""
            try:
                self._loop.call_soon_threadsafe(self._chunks.put_nowait, data)
            except RuntimeError:  # the loop is gone, and the process with it soon
                return


class ThreadSink:
    """A sink written by a thread, for what the loop cannot wait on."""

    def __init__(self, fd: int, backlog_bytes: int = BACKLOG_BYTES) -> None:
        self.lost = asyncio.Event()
        self._fd, self._backlog = fd, backlog_bytes
        self._loop = asyncio.get_running_loop()
        self._queue: deque[bytes] = deque()
        self._unsent = 0
        self._closing = False
        self._changed = threading.Condition()
        self._roomy = asyncio.Event()
        self._roomy.set()
        self._ended = asyncio.Event()
        threading.Thread(target=self._run, name="lsp-write", daemon=True).start()

    def write(self, data: bytes) -> None:
        """See Sink."""
        if self.lost.is_set() or self._closing:
            return
        with self._changed:
            self._queue.append(data)
            self._unsent += len(data)
            if self._unsent > self._backlog:
                self._roomy.clear()
            self._changed.notify()

    @property
    def congested(self) -> bool:
        """See Sink."""
        return not self._roomy.is_set()

    async def drain(self) -> None:
        """See Sink."""
        await self._roomy.wait()

    async def close(self, flush_s: float) -> None:
        """See Sink."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(flush_s):
                await self._ended.wait()

    def _run(self) -> None:
        try:
            while (data := self._take()) is not None:
                view = memoryview(data)
                while view:
                    view = view[os.write(self._fd, view) :]
                self._sent(len(data))
            os.close(self._fd)
        except OSError:
            logger.debug("the client closed its side")
        with contextlib.suppress(RuntimeError):  # the loop may be gone
            self._loop.call_soon_threadsafe(self._end)

    def _take(self) -> bytes | None:
        with self._changed:
            while not self._queue:
                if self._closing:
                    return None
                self._changed.wait()
            return self._queue.popleft()

    def _sent(self, count: int) -> None:
        with self._changed:
            self._unsent -= count
            if self._unsent <= self._backlog // 2 and not self._roomy.is_set():
                self._loop.call_soon_threadsafe(self._roomy.set)

    def _end(self) -> None:
        self._ended.set()
        self.lost.set()
        self._roomy.set()


@contextlib.contextmanager
def claim_stdio() -> Iterator[tuple[int, int]]:
    """Take stdin and stdout for the transport; gives (input, output) descriptors of our own.

    While it holds, descriptor 0 is empty, descriptor 1 and `sys.stdout` are stderr, so that neither a stray
    `print` nor a child process that inherits them can get into the stream (pygls #240).
    """
    source, sink = os.dup(0), os.dup(1)
    saved = sys.stdin, sys.stdout
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        os.dup2(null, 0)
        try:
            os.dup2(2, 1)
        except OSError:  # started without a stderr
            out = os.open(os.devnull, os.O_WRONLY)
            os.dup2(out, 1)
            os.close(out)
        sys.stdout = sys.stderr
        if sys.platform == "win32":
            import msvcrt

            msvcrt.setmode(source, os.O_BINARY)
            msvcrt.setmode(sink, os.O_BINARY)
        yield source, sink
    finally:
        os.close(null)
        sys.stdin, sys.stdout = saved


def _loop_can_serve(fd: int) -> bool:
    """Pipes and sockets on POSIX; not files, terminals, devices."""
    if os.name == "nt" or os.environ.get(THREADS_VARIABLE) == "threads":
        return False
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


async def open_source(fd: int) -> Source:
    """A source that reads the descriptor `fd`, which it owns from now on."""
    if not _loop_can_serve(fd):
        return ThreadSource(fd)
    reader = asyncio.StreamReader(limit=READ_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(fd, "rb", buffering=0)
    )
    return StreamSource(reader, transport)


async def open_sink(fd: int, backlog_bytes: int = BACKLOG_BYTES) -> Sink:
    """A sink that writes the descriptor `fd`, which it owns from now on."""
    if not _loop_can_serve(fd):
        return ThreadSink(fd, backlog_bytes)
    loop = asyncio.get_running_loop()
    # The protocol of a StreamReader is what gives StreamWriter its flow control; nothing is read with it.
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), os.fdopen(fd, "wb", buffering=0)
    )
    return StreamSink(asyncio.StreamWriter(transport, protocol, None, loop), backlog_bytes)


class TcpListener:
    """Waits for exactly one client; further connections are closed at once and disturb nobody."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._first: asyncio.Future[tuple[Source, Sink]] = asyncio.get_running_loop().create_future()

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Start listening; the address that is listened on (useful with port 0)."""
        self._server = await asyncio.start_server(self._connected, host, port)
        address = self._server.sockets[0].getsockname()
        return str(address[0]), int(address[1])

    async def accept(self) -> tuple[Source, Sink]:
        """The one client."""
        return await self._first

    def close(self) -> None:
        """Stop listening; the client stays connected."""
        if self._server is not None:
            self._server.close()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._first.done():
            logger.warning("a second client was turned away: one process serves one client")
            writer.close()
            return
        self._first.set_result((StreamSource(reader, writer.transport), StreamSink(writer)))
