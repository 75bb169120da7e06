"""A scripted HTTP model server for tests: exact bytes, exact chunks, faults, and what the client did.

Routes map to a Reply (or a function that makes one from the request). A reply is a list of steps:

    bytes            sent as one HTTP chunk
    str              the same, encoded as UTF-8
    asyncio.Event    waits for it: the test decides when the stream goes on
    float            sleeps that many seconds (prefer events)
    CUT              the connection is closed here, without the last chunk
    RESET            the same, as a TCP reset
    HANG             nothing more comes until the client goes away

Every request is recorded; `request.closed` is set as soon as the client's side of the TCP connection
is gone. Not a model: see tests/support/servers for stand-ins that compute answers.

    async with FakeServer() as server:
        server.on("POST", "/api/generate", ndjson({"response": "a", "done": False}, gate, {"done": True}))
        ...                                   # use server.url
        request = await server.request(0)     # waits until the first request has been read
        await bounded(request.closed.wait())  # the socket was closed
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

T = TypeVar("T")


class Fault(Enum):
    """Ways in which a connection ends badly."""

    CUT = "cut"
    RESET = "reset"
    HANG = "hang"


CUT, RESET, HANG = Fault.CUT, Fault.RESET, Fault.HANG

Step = bytes | str | asyncio.Event | float | Fault


async def bounded(waiting: Awaitable[T], seconds: float = 10.0) -> T:
    """Await, but fail the test instead of hanging it."""
    return await asyncio.wait_for(waiting, seconds)


@dataclass
class Reply:
    """What is sent back. `framing`: chunked, length (Content-Length) or close (ends at EOF).

    `head` gates the status line and headers: a Step (event, sleep, HANG, CUT, RESET) run before them.
    """

    steps: Sequence[Step] = ()
    status: int = 200
    content_type: str = "application/json"
    headers: Sequence[tuple[str, str]] = ()
    framing: str = "chunked"
    head: Step | None = None
    keep_alive: bool = True


@dataclass
class Recorded:
    """One request as it came in. `connection` counts TCP connections from 0."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int
    closed: asyncio.Event
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


Answer = Reply | Callable[[Recorded], Reply]


def ndjson(*steps: object) -> Reply:
    """Ollama's stream: dicts become lines, other steps stay what they are."""
    return Reply([_line(s) for s in steps], content_type="application/x-ndjson")


def sse(*steps: object, done: bool = True) -> Reply:
    """Server-sent events: dicts become `data:` events; `[DONE]` at the end unless `done` is False."""
    made = [_event(s) for s in steps]
    return Reply([*made, "data: [DONE]\n\n"] if done else made, content_type="text/event-stream")


def json_reply(value: object, status: int = 200) -> Reply:
    """One JSON object with a Content-Length."""
    return Reply([json.dumps(value)], status=status, framing="length")


def text_reply(text: str, status: int = 200, content_type: str = "text/plain; charset=utf-8") -> Reply:
    """A plain body with a Content-Length."""
    return Reply([text], status=status, content_type=content_type, framing="length")


def ollama_stream(pieces: Iterable[object], reason: str = "stop") -> Reply:
    """`/api/generate`: strings become pieces, other steps stay; ends with a done object."""
    steps = [{"model": "m", "response": p, "done": False} if isinstance(p, str) else p for p in pieces]
    return ndjson(*steps, {"model": "m", "response": "", "done": True, "done_reason": reason})


def chat_stream(pieces: Iterable[object], reason: str = "stop") -> Reply:
    """`/v1/chat/completions`: strings become content deltas, other steps stay."""
    steps: list[object] = [
        {"choices": [{"index": 0, "delta": {"content": p}, "finish_reason": None}]}
        if isinstance(p, str)
        else p
        for p in pieces
    ]
    return sse(*steps, {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})


def completion_stream(pieces: Iterable[object], reason: str = "stop") -> Reply:
    """`/v1/completions`: strings become text chunks, other steps stay."""
    steps: list[object] = [
        {"choices": [{"index": 0, "text": p, "finish_reason": None}]} if isinstance(p, str) else p
        for p in pieces
    ]
    return sse(*steps, {"choices": [{"index": 0, "text": "", "finish_reason": reason}]})


def _line(step: object) -> Step:
    return json.dumps(step, ensure_ascii=False) + "\n" if isinstance(step, dict) else step  # type: ignore[return-value]


def _event(step: object) -> Step:
    if isinstance(step, dict):
        return f"data: {json.dumps(step, ensure_ascii=False)}\n\n"
    return step  # type: ignore[return-value]


class FakeServer:
    """The server; listens on a (free) port of `host`, or on a Unix socket. Leaving `async with` closes it."""

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None, socket: str = ""
    ) -> None:
        self._host, self._port, self._tls, self._socket = host, port, tls, socket
        self.requests: list[Recorded] = []
        self.connections = 0
        self._routes: dict[tuple[str, str], Answer | list[Answer]] = {}
        self._arrived = asyncio.Condition()
        self._open: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self.url = ""

    def on(self, method: str, path: str, *answers: Answer) -> FakeServer:
        """Answer `method path`; with several answers each is used once, the last one for ever."""
        self._routes[method, path] = answers[0] if len(answers) == 1 else list(answers)
        return self

    def last(self, path: str) -> Recorded:
        """The last request for that path: how the server is may be asked at any time."""
        return [request for request in self.requests if request.path == path][-1]

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def request(self, index: int) -> Recorded:
        """The request with that number, as soon as it has been read (fails after 10 s)."""
        async with self._arrived:
            await bounded(self._arrived.wait_for(lambda: len(self.requests) > index))
        return self.requests[index]

    @property
    def open_connections(self) -> int:
        """How many TCP connections are open now."""
        return len(self._open)

    async def stop_listening(self) -> None:
        """Refuse new connections from now on; nothing listens at `url` any more."""
        assert self._server is not None
        self._server.close()

    def drop_idle(self) -> None:
        """Close all connections that are not answering, as servers do after some idle seconds."""
        for connection in list(self._open):
            if not connection.busy:
                connection.close()

    async def __aenter__(self) -> FakeServer:
        loop = asyncio.get_running_loop()
        if self._socket:
            self._server = await loop.create_unix_server(lambda: _Connection(self), self._socket)
            return self
        self._server = await loop.create_server(
            lambda: _Connection(self), self._host, self._port, ssl=self._tls
        )
        host = f"[{self._host}]" if ":" in self._host else self._host
        scheme = "https" if self._tls else "http"
        self.url = f"{scheme}://{host}:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        tasks = [c.task for c in self._open if c.task]
        for connection in list(self._open):
            connection.close()
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, ConnectionError):
                raise result

    async def arrived(self, request: Recorded) -> Answer | None:
        """Record a request and find its answer (called by the connection)."""
        found = self._routes.get((request.method, request.path.partition("?")[0]))
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        async with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()
        return found


class _Connection(asyncio.Protocol):
    """One TCP connection: reads requests, plays replies, notices the client's EOF at once."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.reader = asyncio.StreamReader(limit=2**26)
        self.closed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.busy = False
        self.number = 0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.number = self.server.connections
        self.server.connections += 1
        self.server._open.add(self)
        self.task = asyncio.get_running_loop().create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        self.reader.feed_data(data)

    def eof_received(self) -> bool:
        self.closed.set()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()
        self.reader.feed_eof()
        self.server._open.discard(self)

    def close(self) -> None:
        assert self.transport is not None
        self.transport.close()

    async def _serve(self) -> None:
        try:
            while (request := await self._read()) is not None:
                self.busy = True
                answer = await self.server.arrived(request)
                reply = answer(request) if callable(answer) else answer
                reply = reply or text_reply("404 page not found", 404)
                alive = await self._play(reply)
                request.answered.set()
                self.busy = False
                if not (alive and reply.keep_alive):
                    break
        finally:
            self.close()

    async def _read(self) -> Recorded | None:
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Recorded(method, path, headers, body, self.number, self.closed)

    async def _play(self, reply: Reply) -> bool:
        """Send the reply; False when the connection is not to be used again."""
        if reply.head is not None and not await self._wait(reply.head):
            return False
        self._write(self._head(reply))
        for step in reply.steps:
            if isinstance(step, str | bytes):
                data = step.encode("utf-8") if isinstance(step, str) else step
                chunked = reply.framing == "chunked"
                self._write(b"%x\r\n%b\r\n" % (len(data), data) if chunked and data else data)
                await asyncio.sleep(0)
            elif not await self._wait(step):
                return False
        if reply.framing == "chunked":
            self._write(b"0\r\n\r\n")
        return reply.framing != "close"

    def _head(self, reply: Reply) -> bytes:
        lines = [f"HTTP/1.1 {reply.status} X", f"Content-Type: {reply.content_type}"]
        lines += [f"{k}: {v}" for k, v in reply.headers]
        if reply.framing == "chunked":
            lines.append("Transfer-Encoding: chunked")
        elif reply.framing == "length":
            size = sum(
                len(s.encode() if isinstance(s, str) else s)
                for s in reply.steps
                if isinstance(s, str | bytes)
            )
            lines.append(f"Content-Length: {size}")
        else:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    async def _wait(self, step: Step) -> bool:
        """Run a step that sends nothing; False when the connection ends with it."""
        if step is RESET:
            assert self.transport is not None
            self.transport.abort()
            return False
        if step is CUT:
            return False
        gate = asyncio.Event() if step is HANG else step
        if isinstance(gate, asyncio.Event):
            waits = [asyncio.ensure_future(e.wait()) for e in (gate, self.closed)]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
        elif isinstance(gate, float | int):
            await asyncio.sleep(gate)
        return not self.closed.is_set()

    def _write(self, data: bytes) -> None:
        assert self.transport is not None
        if not self.transport.is_closing():
            self.transport.write(data)
