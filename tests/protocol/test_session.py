"""The client side: what `try` and all tests here rely on, also when the server misbehaves."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from tests.protocol.harness import in_process
from twinny_lsp.cli.session import JsonRpcError, Session, SessionClosed


async def run(code: str) -> Session:
    return await Session.spawn([sys.executable, "-c", code])


async def test_a_server_that_ends_tells_why() -> None:
    async with await run("import sys; sys.exit('no such thing')") as session:
        with pytest.raises(SessionClosed, match="no such thing"):
            await session.initialize()
        assert await session.close() == 1
        with pytest.raises(SessionClosed):
            await session.request("anything")


async def test_a_deaf_server_is_ended_by_force() -> None:
    code = (
        "import signal,time,sys; signal.signal(15, signal.SIG_IGN)\n"
        "print('up', file=sys.stderr, flush=True)\n"
        "while True: time.sleep(1)"
    )
    async with await run(code) as session:
        while "up" not in session.link.diagnosis():
            await asyncio.sleep(0.01)
        with pytest.raises(TimeoutError):
            await session.request("initialize", {}, timeout=0.01)
        assert await session.close(0.05) == -9


async def test_a_flood_of_rubbish_does_not_hold_the_end() -> None:
    code = "import sys\nwhile True: sys.stdout.write('Content-Length: 2\\r\\n\\r\\n{x'); sys.stdout.flush()"
    async with await run(code) as session:
        while not session.rubbish:
            await asyncio.sleep(0.01)
        assert session.rubbish[0] == b"{x"
        assert await session.close(0.2) != 0


async def test_the_servers_requests_are_answered() -> None:
    async def options(params: Any) -> list[int]:
        return [1 for _ in params["items"]]

    async with in_process("ours", {"workspace/configuration": options}) as (session, server):
        future = asyncio.wrap_future(server.protocol.send_request("workspace/configuration", {"items": [{}]}))
        assert list(await future) == [1]
        with pytest.raises(Exception, match="does not answer"):
            await server.protocol.send_request_async("client/unknown", {})
        assert [request.method for request in session.requests] == [
            "workspace/configuration",
            "client/unknown",
        ]


async def test_waiting_for_notifications_past_and_to_come() -> None:
    async with in_process("ours") as (session, server):
        server.protocol.notify("test/a", {"n": 1})
        assert (await session.wait_for("test/a")).params == {"n": 1}
        waiting = asyncio.create_task(session.wait_for("test/a", lambda params: params["n"] == 2))
        await asyncio.sleep(0)
        server.protocol.notify("test/a", {"n": 2})
        assert (await waiting).params == {"n": 2}
        with pytest.raises(TimeoutError):
            await session.wait_for("test/never", timeout=0.01)


async def test_errors_carry_what_the_server_said() -> None:
    async with in_process("ours") as (session, _):
        with pytest.raises(JsonRpcError, match="not supported") as caught:
            await session.request("test/nothing")
        assert (caught.value.code, caught.value.data) == (-32601, None)
