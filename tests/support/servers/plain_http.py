"""Just enough HTTP/1.1 over asyncio streams for the stand-ins: read a request, send an answer, ask upstream.

The client's hanging up is noticed at once, also while nothing is being sent, and cancels the handler:
that is how real servers free a slot. Not a web server: no pipelining, no TLS, no limits.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

JSON = "application/json; charset=utf-8"
Made = dict[str, Any]


class HttpProblem(Exception):
    """An error answer: its status and the words that go into the server's own form of error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class CutConnection(Exception):
    """Break the connection here, without the last chunk."""


@dataclass(frozen=True)
class Request:
    """One request; header names are in lower case, `path` has no query."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def go_json(value: object) -> bytes:
    """JSON as Go writes it: no blanks, and <, > and & escaped."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e").encode()


class Answer:
    """The answer to one request: either `send` once, or `begin`, `chunk`…, `end`."""

    def __init__(self, writer: asyncio.StreamWriter, *, body: bool = True) -> None:
        self._writer, self._body = writer, body

    async def send(self, status: int, content: object, content_type: str = JSON) -> None:
        """A whole answer; text goes as it is, everything else as JSON."""
        data = content.encode() if isinstance(content, str) else go_json(content)
        self._head(status, content_type, f"Content-Length: {len(data)}")
        if self._body:
            self._writer.write(data)
        await self._writer.drain()

    async def begin(self, content_type: str) -> None:
        """Begin a stream with status 200."""
        self._head(200, content_type, "Transfer-Encoding: chunked")
        await self._writer.drain()

    async def chunk(self, data: bytes) -> None:
        """One HTTP chunk."""
        self._writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await self._writer.drain()

    async def end(self) -> None:
        """End the stream in good order."""
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    def _head(self, status: int, content_type: str, length: str) -> None:
        phrase = HTTPStatus(status).phrase
        self._writer.write(
            f"HTTP/1.1 {status} {phrase}\r\nContent-Type: {content_type}\r\n{length}\r\n\r\n".encode()
        )


Handler = Callable[[Request, Answer], Awaitable[None]]


class PlainServer:
    """Serves `handler` on a free port of 127.0.0.1 within `async with`; `url` has no trailing slash."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.url = ""

    async def start(self, port: int = 0) -> None:
        """Listen; `port` 0 is any free one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Close the listener and every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while (request := await _read_request(reader)) is not None:
                work = asyncio.ensure_future(
                    self._handler(request, Answer(writer, body=request.method != "HEAD"))
                )
                if not await _unless_hung_up(work, reader) or request.headers.get("connection") == "close":
                    break
        except (CutConnection, ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            pass  # the server is being stopped; asyncio would report a cancelled connection as an error
        finally:
            self._connections.discard(task)
            writer.close()


async def _unless_hung_up(work: asyncio.Future[None], reader: asyncio.StreamReader) -> bool:
    """Await `work`; when the client hangs up first, cancel it and return False."""
    watch = asyncio.create_task(reader.read(1))
    try:
        both: set[asyncio.Future[Any]] = {work, watch}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            return False
        work.result()
        return not watch.done()
    finally:
        work.cancel()
        watch.cancel()
        await asyncio.gather(work, watch, return_exceptions=True)


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    line = await reader.readline()
    if not line:
        return None
    method, target, _ = line.decode("latin-1").split(" ", 2)
    headers = await _read_headers(reader)
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, target.partition("?")[0], headers, body)


async def _read_headers(reader: asyncio.StreamReader) -> dict[str, str]:
    headers: dict[str, str] = {}
    while (line := await reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers


class LlamaUpstream:
    """The few calls to llama.cpp that a stand-in needs; each has a connection of its own."""

    def __init__(self, url: str, key: str = "") -> None:
        parts = urlsplit(url)
        self._host, self._port, self._key = parts.hostname or "", parts.port or 80, key

    async def ask(self, path: str, body: Made) -> Any:
        """POST and return the JSON answer."""
        _, parts = await self._post(path, body)
        async with aclosing(parts):
            return json.loads(b"".join([part async for part in parts]))

    async def complete(self, body: Made) -> AsyncGenerator[Made, None]:
        """Yield the events of a streamed /completion. Closing it makes llama.cpp stop."""
        status, parts = await self._post("/completion", {**body, "stream": True})
        async with aclosing(parts):
            held = b""
            async for part in parts:
                held += part
                while status == 200 and b"\n\n" in held:
                    event, _, held = held.partition(b"\n\n")
                    if event.startswith(b"data: {"):
                        yield json.loads(event[6:])
            if status != 200:
                raise HttpProblem(status, json.loads(held)["error"]["message"])

    async def _post(self, path: str, body: Made) -> tuple[int, AsyncGenerator[bytes, None]]:
        try:
            reader, writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            message = "model runner has unexpectedly stopped, this may be due to resource limitations"
            raise HttpProblem(500, message) from None
        data = json.dumps(body).encode()
        head = [f"POST {path} HTTP/1.1", f"Host: {self._host}", "Content-Type: application/json"]
        head += [f"Content-Length: {len(data)}", "Connection: close"]
        head += [f"Authorization: Bearer {self._key}"] if self._key else []
        writer.write("\r\n".join([*head, "", ""]).encode() + data)
        try:
            await writer.drain()
            status = int((await reader.readline()).split()[1])
            headers = await _read_headers(reader)
        except BaseException:
            writer.close()
            raise
        return status, _body_parts(headers, reader, writer)


async def _body_parts(
    headers: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> AsyncGenerator[bytes, None]:
    try:
        if headers.get("transfer-encoding") == "chunked":
            while size := int((await reader.readline()).strip() or b"0", 16):
                yield await reader.readexactly(size)
                await reader.readexactly(2)
        else:
            yield await reader.readexactly(int(headers.get("content-length", 0)))
    finally:
        writer.close()
