"""Runs the server of server.py, ours or bare, in this process or in a child, behind one Session."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from pygls.io_ import run_async

from tests.protocol.server import build
from twinny_lsp.cli.session import Handler, JsonRpcError, Session

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
NO_ANSWER = "no answer"
BARRIERS = 5


def trap(ours: Any, bare: Any) -> Callable[[Any], Any]:
    """Run the test on both servers; `expected` is what each is known to do, so both are held by the test."""
    return pytest.mark.parametrize(
        ("kind", "expected"), [pytest.param("ours", ours, id="ours"), pytest.param("bare", bare, id="bare")]
    )


class MemoryLink:
    """A server in this process: what Session needs of a link, what serve() needs of source and sink."""

    def __init__(self) -> None:
        self.reader = asyncio.StreamReader()
        self.lost = asyncio.Event()
        self.congested = False
        self.ended = False
        self.sent: asyncio.Queue[bytes] = asyncio.Queue()
        self.task: asyncio.Task[Any] | None = None

    # the session's side

    async def from_server(self) -> bytes:
        return await self.sent.get()

    def to_server(self, data: bytes) -> None:
        if not self.ended:  # a pipe whose other end is gone takes nothing either
            self.reader.feed_data(data)

    async def end(self, timeout_s: float) -> int:
        if not self.ended:
            self.ended = True
            self.reader.feed_eof()
        assert self.task is not None
        async with asyncio.timeout(timeout_s):
            code = await self.task
        self.sent.put_nowait(b"")
        return code if isinstance(code, int) else 0


class ClientSide:
    """The session's view of a MemoryLink."""

    def __init__(self, link: MemoryLink) -> None:
        self.link, self.write, self.end, self.read = link, link.to_server, link.end, link.from_server

    async def drain(self) -> None:
        await asyncio.sleep(0)

    def diagnosis(self) -> str:
        return "in-process server"


class ServerSide:
    """The server's view of a MemoryLink: source and sink of ours, writer of bare pygls."""

    def __init__(self, link: MemoryLink) -> None:
        self.link, self.lost = link, link.lost

    async def read(self) -> bytes:
        return await self.link.reader.read(65536)

    def write(self, data: bytes) -> None:
        self.link.sent.put_nowait(data)

    @property
    def congested(self) -> bool:
        return self.link.congested

    async def drain(self) -> None:
        while self.link.congested:
            await asyncio.sleep(0)

    def close(self, flush_s: float | None = None) -> Any:
        return asyncio.sleep(0) if flush_s is not None else None


@contextlib.asynccontextmanager
async def in_process(
    kind: str, handlers: dict[str, Handler] | None = None, *, initialize: bool = True, **options: Any
) -> AsyncIterator[tuple[Session, Any]]:
    """(session, server), the server running on this loop."""
    link = MemoryLink()
    server: Any = build(kind, **options)
    side = ServerSide(link)
    if kind == "ours":
        serving = server.serve(side, side)
    else:
        server.protocol.set_writer(side)
        serving = run_async(threading.Event(), link.reader, server.protocol, None, server.report_server_error)
    link.task = asyncio.create_task(serving)
    async with Session(ClientSide(link), handlers) as session:
        if initialize:
            await session.initialize({"processId": None})
        yield session, server
    if kind == "bare":
        server.shutdown()


@contextlib.asynccontextmanager
async def spawned(
    kind: str, *args: str, env: dict[str, str] | None = None, initialize: dict[str, Any] | None = None
) -> AsyncIterator[Session]:
    """A session with the server in a child process; initialized when `initialize` is given."""
    async with await Session.spawn(argv(kind, *args), env=environment(env)) as session:
        if initialize is not None:
            await session.initialize(initialize)
        yield session


def argv(kind: str, *args: str) -> list[str]:
    return [sys.executable, str(HERE / "server.py"), kind, *args]


def environment(env: dict[str, str] | None = None) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]), **(env or {})}


async def barrier(session: Session, rounds: int = BARRIERS) -> None:
    """Several round trips later, whatever the server was going to do about earlier messages is done."""
    for _ in range(rounds):
        await command(session, "echo", 0)


async def command(session: Session, name: str, *arguments: Any, timeout: float = 10) -> Any:
    params = {"command": name, "arguments": list(arguments)}
    return await session.request("workspace/executeCommand", params, timeout=timeout)


def send_command(session: Session, name: str, *arguments: Any, id: int | str | None = None) -> Any:
    return session.send_request(
        "workspace/executeCommand", {"command": name, "arguments": list(arguments)}, id=id
    )


async def answer_now(session: Session, future: asyncio.Future[Any]) -> Any:
    """The result, the code of the error, or NO_ANSWER when none came though later requests are answered."""
    await barrier(session)
    if not future.done():
        return NO_ANSWER
    try:
        return future.result()
    except JsonRpcError as error:
        return error.code


def popups(session: Session) -> int:
    return sum(n.method == "window/showMessage" for n in session.notifications)
