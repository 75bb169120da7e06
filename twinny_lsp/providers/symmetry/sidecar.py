"""The Node.js child that holds Symmetry's connections, and those connections as asyncio sees them.

The child (assets/symmetry/sidecar.cjs) is started with the first connection, again at the next use when it
died, and ends with this process or when nobody needed it for a while. Not for what is said on a connection,
nor for how long to wait: whoever waits brings the limit.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from twinny_lsp.providers.symmetry.setup import ASSETS, NO_WINDOW, child_environment

START_SECONDS = 15.0
IDLE_SECONDS = 60.0
GRACE_SECONDS = 2.0
ROOT = os.path.abspath(os.sep)
"""Where the child runs: it keeps no folder of the user's busy."""
_LINE_BYTES = 4 * 2**20
"""More than a frame of 1 MiB, the largest the child passes on, takes as a line."""
_MAX_WAITING = 10_000
"""Frames of one connection that nobody has taken yet; a flood ends the connection."""


class SidecarFailed(Exception):
    """The child could not be started, or it died. `modules`: what is installed cannot be used."""

    def __init__(self, why: str, *, modules: bool = False) -> None:
        super().__init__(why)
        self.modules = modules


class PeerClosed(Exception):
    """The other side ended the connection, or it broke; the message is a short cause, or ""."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How a child is started: the command, and the DHT nodes to begin at (none: the public ones)."""

    command: tuple[str, ...]
    bootstrap: tuple[str, ...] = ()


def launch(node: str, modules: str, bootstrap: Sequence[str]) -> Launch:
    """The launch of the sidecar in this package."""
    return Launch((node, str(ASSETS / "sidecar.cjs"), modules), tuple(bootstrap))


class Connection:
    """One connection, opening or open. Everything it has to tell comes through `opened` and `frame`."""

    def __init__(self, child: _Child, number: int) -> None:
        self._child, self._number = child, number
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._frames: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        self._over: Exception | None = None
        self.closed = False

    async def opened(self) -> None:
        """Wait until it is open. Raises SidecarFailed."""
        await asyncio.shield(self._opened)

    def send(self, text: str) -> None:
        """Send one message."""
        self._child.order(op="send", id=self._number, text=text)

    async def frame(self) -> bytes:
        """The next frame. Raises PeerClosed after the last one, or SidecarFailed."""
        if self._over is not None and self._frames.empty():
            raise self._over
        item = await self._frames.get()
        if isinstance(item, Exception):
            self._over = item
            raise item
        return item

    def close(self) -> None:
        """End it at once; more than once is no error."""
        if not self.closed:
            self.closed = True
            self._child.forget(self._number)
            self._child.order(op="close", id=self._number)

    def tell(self, event: dict[str, Any]) -> None:
        """Take an event of the child's."""
        kind = event.get("ev")
        if kind == "open" and not self._opened.done():
            self._opened.set_result(None)
        elif kind == "frame" and self._frames.qsize() < _MAX_WAITING:
            self._frames.put_nowait(base64.b64decode(event["data"]))
        elif kind == "frame":
            self.close()
            self._frames.put_nowait(PeerClosed("it sent more than could be read"))
        elif kind == "closed":
            self.end(PeerClosed(str(event.get("why", ""))))

    def end(self, error: Exception) -> None:
        """Nothing more will come."""
        self.closed = True
        self._child.forget(self._number)
        self._frames.put_nowait(error)
        if not self._opened.done():
            self._opened.set_exception(error)
            self._opened.exception()  # perhaps nobody waits for it any more


class Sidecar:
    """The child and its life. Everything is on one event loop."""

    def __init__(
        self, plan: Callable[[], Launch], *, start: float = START_SECONDS, idle: float = IDLE_SECONDS
    ) -> None:
        self._plan, self._start_seconds, self._idle_seconds = plan, start, idle
        self._child: _Child | None = None
        self._lock = asyncio.Lock()
        self._users = 0
        self._idle: asyncio.TimerHandle | None = None
        self._stopping: set[asyncio.Task[None]] = set()
        self._closed = False
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._child.process.pid if self._child is not None and self._child.alive else None

    async def open(self, *, key: str = "", topic: str = "") -> Connection:
        """Begin a connection; `Connection.opened` tells when it stands. Raises SidecarFailed.

        With `key`, only who holds that key is connected to; without, whoever is announced on `topic`.
        """
        return (await self._running()).connect(key, topic)

    def hold(self) -> None:
        """Somebody needs the child; it is not ended for being idle until `let_go`."""
        self._users += 1
        self._cancel_idle()

    def let_go(self) -> None:
        """The opposite of `hold`."""
        self._users -= 1
        if self._users == 0 and self._child is not None:
            loop = asyncio.get_running_loop()
            self._idle = loop.call_later(self._idle_seconds, self._stop_later)

    async def close(self) -> None:
        """End the child and wait until it is gone; none is started any more."""
        self._closed = True
        self._cancel_idle()
        async with self._lock:
            child, self._child = self._child, None
        if child is not None:
            await child.stop()
        if self._stopping:
            await asyncio.wait(self._stopping)

    async def _running(self) -> _Child:
        async with self._lock:
            if self._closed:
                raise SidecarFailed("it was closed")
            if self._child is None or not self._child.alive:
                plan = await asyncio.to_thread(self._plan)
                self.starts += 1
                self._child = await _Child.start(plan, self._start_seconds)
            return self._child

    def _stop_later(self) -> None:
        child, self._child, self._idle = self._child, None, None
        if child is not None:
            task = asyncio.create_task(child.stop())
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)

    def _cancel_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None


class _Child:
    """One process, from its start to its end."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.alive = True
        self._numbers = itertools.count(1)
        self._connections: dict[int, Connection] = {}
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._failed: SidecarFailed | None = None
        self._listener = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, plan: Launch, seconds: float) -> _Child:
        """Start it and wait until it is ready. Raises SidecarFailed; no process is left behind then."""
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *plan.command,
                stdin=pipe,
                stdout=pipe,
                stderr=asyncio.subprocess.DEVNULL,
                limit=_LINE_BYTES,
                env=child_environment(os.environ),
                cwd=ROOT,
                start_new_session=True,  # Ctrl-C in the editor's terminal is not meant for it
                creationflags=NO_WINDOW,
            )
        except OSError as error:
            raise SidecarFailed(f"it cannot be started: {error.strerror}") from error
        child = cls(process)
        try:
            child.order(op="start", bootstrap=list(plan.bootstrap))
            async with asyncio.timeout(seconds):
                await asyncio.shield(child._ready)
        except TimeoutError:
            await child.stop()
            raise SidecarFailed(f"it was not ready within {seconds:.0f} s") from None
        except BaseException:
            await child.stop()
            raise
        return child

    def connect(self, key: str, topic: str) -> Connection:
        number = next(self._numbers)
        connection = self._connections[number] = Connection(self, number)
        self.order(op="open", id=number, key=key or None, topic=topic or None)
        return connection

    def forget(self, number: int) -> None:
        self._connections.pop(number, None)

    def order(self, **order: object) -> None:
        """Write one order; a child that is gone is noticed by the reader, not here."""
        stdin = self.process.stdin
        if self.alive and stdin is not None and not stdin.is_closing():
            stdin.write(json.dumps(order).encode() + b"\n")

    async def stop(self) -> None:
        """End it by closing its input, by force when it does not end then, and wait for that."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                await asyncio.shield(self._listener)
        except TimeoutError:
            self._kill()
            await asyncio.wait({self._listener}, timeout=GRACE_SECONDS)
        except asyncio.CancelledError:
            self._kill()
            raise

    async def _listen(self) -> None:
        stdout = self.process.stdout
        assert stdout is not None  # noqa: S101 - started with a pipe
        try:
            while line := await stdout.readline():
                self._hear(json.loads(line))
        except (ValueError, KeyError, TypeError):  # a line without end, or none of ours
            self._failed = SidecarFailed("it wrote something that is no event")
            self._kill()
        finally:
            self.alive = False
            await self._bury()

    def _hear(self, event: dict[str, Any]) -> None:
        kind = event["ev"]
        if kind == "ready":
            if not self._ready.done():
                self._ready.set_result(None)
        elif kind == "failed":
            self._failed = SidecarFailed(str(event["why"]), modules=event["code"] == "modules")
        elif (connection := self._connections.get(event["id"])) is not None:
            connection.tell(event)

    def _kill(self) -> None:
        if self.process.returncode is None:
            try:
                self.process.kill()
            except ProcessLookupError:
                pass

    async def _bury(self) -> None:
        """Wait for the process itself, whose output ended first, and tell everybody who waits."""
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                await self.process.wait()
        except TimeoutError:
            pass
        finally:
            self._kill()
            # Closes the pipes; asyncio else does this when the garbage is collected, after the loop.
            transport = getattr(self.process, "_transport", None)
            if transport is not None:
                transport.close()
            # The child says itself why it ends (`failed`), so its standard error is not read.
            error = self._failed or SidecarFailed(self._obituary())
            for connection in list(self._connections.values()):
                connection.end(error)
            if not self._ready.done():
                self._ready.set_exception(error)
                self._ready.exception()  # perhaps nobody waits for it any more

    def _obituary(self) -> str:
        code = self.process.returncode
        if code is None:
            return "it hung up"
        if code >= 0:
            return f"it ended with code {code}"
        try:
            return f"it was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"it was ended by signal {-code}"
