"""A small LSP client: what `twinny-lsp try`, the benchmarks and the protocol tests talk to a server with.

Standard library only; knows JSON-RPC, not the types of LSP: params and results are plain JSON. Not for
editors, and not for several servers at once. Everything it waits for is bounded in time.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import itertools
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from twinny_lsp.lsp import framing

Handler = Callable[[Any], Any | Awaitable[Any]]
METHOD_NOT_FOUND = -32601
DEFAULT_TIMEOUT_S = 30.0
END_TIMEOUT_S = 5.0
_STDERR_KEPT_BYTES = 64 * 1024


class JsonRpcError(Exception):
    """The server answered a request with an error."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(f"{message} ({code})")
        self.code, self.message, self.data = code, message, data


class SessionClosed(Exception):
    """The server ended while something was waited for. The message holds the end of its stderr."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification the server sent; `params` is plain JSON, None where there were none."""

    method: str
    params: Any


class Link(Protocol):
    """The bytes between the session and a server, whatever runs it."""

    async def read(self) -> bytes:
        """The next bytes of the server's output, b"" at its end."""
        ...

    def write(self, data: bytes) -> None:
        """Queue bytes for the server's input."""
        ...

    async def drain(self) -> None:
        """Wait until the server has taken most of what was written."""
        ...

    async def end(self, timeout_s: float) -> int:
        """Close the server's input, wait for its end (then force it); its exit code."""
        ...

    def diagnosis(self) -> str:
        """What the server said on stderr, the end of it."""
        ...


class ProcessLink:
    """A server in a child process, over its stdin and stdout."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self._stderr = bytearray()
        self._collector = asyncio.create_task(self._collect_stderr())

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Start `argv`; `env` is laid over this process's own environment."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=pipe, stdout=pipe, stderr=pipe, env={**os.environ, **(env or {})}, cwd=cwd
        )
        return cls(process)

    async def read(self) -> bytes:
        """See Link."""
        assert self.process.stdout is not None  # noqa: S101 - started with a pipe
        return await self.process.stdout.read(65536)

    def write(self, data: bytes) -> None:
        """See Link."""
        assert self.process.stdin is not None  # noqa: S101 - started with a pipe
        self.process.stdin.write(data)

    async def drain(self) -> None:
        """See Link; a server that is gone is noticed by the reader, not here."""
        assert self.process.stdin is not None  # noqa: S101 - started with a pipe
        try:
            await self.process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            return

    async def end(self, timeout_s: float) -> int:
        """See Link. Asks with EOF, then with SIGTERM, then does not ask."""
        assert self.process.stdin is not None  # noqa: S101 - started with a pipe
        self.process.stdin.close()
        for force in (self.process.terminate, self.process.kill, self._disconnect):
            try:
                async with asyncio.timeout(timeout_s):
                    await self.process.wait()
                break
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    force()
        code = await self.process.wait()
        try:
            # A grandchild may hold stderr open; it is not ours to wait for.
            async with asyncio.timeout(1):
                await asyncio.shield(self._collector)
        except TimeoutError:
            self._collector.cancel()
        self._disconnect()
        return code

    def diagnosis(self) -> str:
        """See Link."""
        return bytes(self._stderr).decode("utf-8", "replace")

    def _disconnect(self) -> None:
        """Close the pipes: asyncio calls a process ended only when nothing is left unread in them.

        It would otherwise do this when the garbage is collected, after the loop.
        """
        transport = getattr(self.process, "_transport", None)
        if transport is not None:
            transport.close()

    async def _collect_stderr(self) -> None:
        assert self.process.stderr is not None  # noqa: S101 - started with a pipe
        while data := await self.process.stderr.read(4096):
            self._stderr += data
            del self._stderr[:-_STDERR_KEPT_BYTES]


class Session:
    """One client talking to one server.

    `notifications` holds everything the server notified, `answers` every raw answer (to check that each
    request got exactly one), `rubbish` what was no message, `requests` every request of the server. Those are
    answered by `handlers`: method → function of params, sync or async; a raised JsonRpcError becomes an error
    answer.
    """

    def __init__(self, link: Link, handlers: Mapping[str, Handler] | None = None) -> None:
        self.link = link
        self.handlers: dict[str, Handler] = dict(_DEFAULT_HANDLERS) | dict(handlers or {})
        self.notifications: list[Notification] = []
        self.requests: list[Notification] = []
        self.answers: list[dict[str, Any]] = []
        self.rubbish: list[bytes | framing.FramingError] = []
        self.exit_code: int | None = None
        self._ids = itertools.count(1)
        self._waiting: dict[int | str, asyncio.Future[Any]] = {}
        self._news = asyncio.Condition()
        self._closed = False
        self._replies: set[asyncio.Task[None]] = set()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def spawn(
        cls,
        argv: Sequence[str] | None = None,
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        handlers: Mapping[str, Handler] | None = None,
    ) -> Self:
        """Start a server process; by default this package's own over stdio."""
        command = argv or [sys.executable, "-m", "twinny_lsp", "serve", "--stdio"]
        return cls(await ProcessLink.start(command, env, cwd), handlers)

    async def __aenter__(self) -> Self:
        """The session itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the server, whatever happened."""
        await self.close()

    async def initialize(
        self, params: Mapping[str, Any] | None = None, timeout: float = DEFAULT_TIMEOUT_S
    ) -> Any:
        """`initialize`, then `initialized`; its InitializeResult. `params` are laid over defaults."""
        defaults: dict[str, Any] = {"processId": os.getpid(), "rootUri": None, "capabilities": {}}
        result = await self.request("initialize", defaults | dict(params or {}), timeout=timeout)
        self.notify("initialized", {})
        return result

    async def request(
        self,
        method: str,
        params: Any = None,
        *,
        id: int | str | None = None,
        timeout: float = DEFAULT_TIMEOUT_S,
    ) -> Any:
        """Send a request and wait for its result.

        Raises JsonRpcError for an error answer, TimeoutError, or SessionClosed when the server ends first.
        """
        future = self.send_request(method, params, id=id)
        await self.link.drain()
        async with asyncio.timeout(timeout):
            return await future

    def send_request(
        self, method: str, params: Any = None, *, id: int | str | None = None
    ) -> asyncio.Future[Any]:
        """Send a request without waiting; name it with `id` to be able to `cancel` it."""
        request_id = next(self._ids) if id is None else id
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_retrieved)
        if self._closed:
            future.set_exception(SessionClosed(self.link.diagnosis()))
            return future
        self._waiting[request_id] = future
        message = {"jsonrpc": "2.0", "id": request_id, "method": method}
        self._send(message if params is None else message | {"params": params})
        return future

    def cancel(self, request_id: int | str) -> None:
        """`$/cancelRequest`; the request is still answered by the server."""
        self.notify("$/cancelRequest", {"id": request_id})

    def notify(self, method: str, params: Any = None) -> None:
        """Send a notification."""
        message = {"jsonrpc": "2.0", "method": method}
        self._send(message if params is None else message | {"params": params})

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are, without a header."""
        self.link.write(data)

    def send_body(self, body: bytes) -> None:
        """Send bytes with a header, whatever they are."""
        self.link.write(framing.encode(body))

    async def wait_for(
        self,
        method: str,
        predicate: Callable[[Any], bool] | None = None,
        timeout: float = DEFAULT_TIMEOUT_S,
    ) -> Notification:
        """The first notification of that method, past or to come, whose params satisfy `predicate`."""

        def found() -> Notification | None:
            for notification in self.notifications:
                if notification.method == method and (predicate is None or predicate(notification.params)):
                    return notification
            return None

        await self.wait_until(lambda: found() is not None, timeout)
        notification = found()
        assert notification is not None  # noqa: S101 - just waited for
        return notification

    async def wait_until(self, condition: Callable[[], bool], timeout: float = DEFAULT_TIMEOUT_S) -> None:
        """Wait until `condition()` holds, tested after each message of the server.

        Raises TimeoutError, or SessionClosed when the server ends first.
        """
        async with asyncio.timeout(timeout), self._news:
            while not condition():
                if self._closed:
                    raise SessionClosed(self.link.diagnosis())
                await self._news.wait()

    async def shutdown(self, timeout: float = END_TIMEOUT_S) -> int:
        """`shutdown`, `exit`, and the server's exit code."""
        try:
            await self.request("shutdown", timeout=timeout)
        except (JsonRpcError, TimeoutError, SessionClosed):
            pass
        self.notify("exit")
        return await self.close(timeout, wait_for_end=True)

    async def close(self, timeout: float = END_TIMEOUT_S, *, wait_for_end: bool = False) -> int:
        """End the server without `shutdown`: by EOF, then by force; its exit code.

        With `wait_for_end` its output is awaited first, so that the end is its own and not EOF's.
        """
        if self.exit_code is not None:
            return self.exit_code
        if wait_for_end:
            await self.wait_closed(timeout)
        self.exit_code = await self.link.end(timeout)
        if not self._reader.done():
            await asyncio.wait({self._reader}, timeout=1)
        for task in {self._reader, *self._replies}:
            task.cancel()
        await asyncio.gather(self._reader, *self._replies, return_exceptions=True)
        return self.exit_code

    async def wait_closed(self, timeout: float = END_TIMEOUT_S) -> bool:
        """Wait for the end of the server's output without asking for it; False when it did not come."""
        await asyncio.wait({self._reader}, timeout=timeout)
        return self._reader.done()

    def _send(self, message: dict[str, Any]) -> None:
        self.link.write(framing.encode(json.dumps(message, separators=(",", ":")).encode()))

    async def _read(self) -> None:
        decoder = framing.FrameDecoder()
        try:
            while data := await self.link.read():
                for frame in decoder.feed(data):
                    self._receive_frame(frame)
                async with self._news:
                    self._news.notify_all()
        finally:
            self._closed = True
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(SessionClosed(self.link.diagnosis()))
            self._waiting.clear()
            async with self._news:
                self._news.notify_all()

    def _receive_frame(self, frame: bytes | framing.FramingError) -> None:
        """Rubbish is kept to be looked at: whoever tests a server wants to see it, not to fall over it."""
        try:
            message = json.loads(frame) if isinstance(frame, bytes) else None
        except ValueError:
            message = None
        if isinstance(message, dict):
            self._receive(message)
        else:
            self.rubbish.append(frame)

    def _receive(self, message: dict[str, Any]) -> None:
        method = message.get("method")
        if method is None:
            self.answers.append(message)
            future = self._waiting.pop(message.get("id"), None)  # type: ignore[arg-type]
            if future is None or future.done():
                return
            if (error := message.get("error")) is not None:
                future.set_exception(JsonRpcError(error["code"], error["message"], error.get("data")))
            else:
                future.set_result(message.get("result"))
        elif "id" in message:
            self.requests.append(Notification(method, message.get("params")))
            task = asyncio.create_task(self._reply(message["id"], method, message.get("params")))
            self._replies.add(task)
            task.add_done_callback(self._replies.discard)
        else:
            self.notifications.append(Notification(method, message.get("params")))

    async def _reply(self, request_id: int | str, method: str, params: Any) -> None:
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": request_id}
        try:
            handler = self.handlers.get(method)
            if handler is None:
                raise JsonRpcError(METHOD_NOT_FOUND, f"this client does not answer {method}")
            result = handler(params)
            reply["result"] = await result if inspect.isawaitable(result) else result
        except JsonRpcError as error:
            reply["error"] = {"code": error.code, "message": error.message}
        self._send(reply)


def _retrieved(future: asyncio.Future[Any]) -> None:
    """Callers may drop a request; that its answer was an error is then not worth a warning."""
    if not future.cancelled():
        future.exception()


_DEFAULT_HANDLERS: dict[str, Handler] = {
    "workspace/configuration": lambda params: [None for _ in params["items"]],
    "window/workDoneProgress/create": lambda _: None,
    "window/showMessageRequest": lambda _: None,
    "client/registerCapability": lambda _: None,
    "client/unregisterCapability": lambda _: None,
    "workspace/applyEdit": lambda _: {"applied": True},
}
