"""Small things of the base class that no trap of pygls is about."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

from tests.protocol.harness import barrier, in_process
from twinny_lsp.lsp.imports import lean_imports


def test_lean_imports_put_the_collector_back() -> None:
    before = gc.get_threshold()
    try:
        with lean_imports():
            assert gc.get_threshold()[2] > before[2]
        assert gc.get_threshold() == before
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


async def test_callbacks_run_when_the_client_is_ready() -> None:
    done: list[str] = []
    async with in_process("ours", initialize=False) as (session, server):

        def fails() -> None:
            done.append("fails")
            raise KeyError

        async def later() -> None:
            await asyncio.sleep(0)
            done.append("later")

        for callback in (fails, later, lambda: done.append("now")):
            server.on_initialized(callback)
        await session.request("initialize", {"processId": None, "capabilities": {}})
        assert done == []
        session.notify("initialized")  # without params, as some clients send it
        await barrier(session)
        assert done == ["fails", "now", "later"]


async def test_what_a_client_says_of_itself() -> None:
    async with in_process("ours", initialize=False) as (session, server):
        assert (server.client_name, server.client_capabilities.general) == ("", None)
        info = {"name": "Neovim", "version": "0.12"}
        await session.initialize({"processId": None, "clientInfo": info})
        assert (server.client_name, server.client_version) == ("Neovim", "0.12")


async def test_an_endless_stream_of_messages_lets_others_run() -> None:
    """Messages that lie ready are taken in slices, so that tasks and timers get their turn in between."""
    async with in_process("ours") as (session, server):
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        server.run_task(count(), "count")
        seen: list[int] = []

        @server.feature("test/slow")
        def slow(params: Any) -> None:
            end = asyncio.get_running_loop().time() + 0.003
            while asyncio.get_running_loop().time() < end:
                pass
            seen.append(turns)

        for _ in range(20):
            session.notify("test/slow", {})
        await barrier(session)
        assert len(set(seen)) > 3
