"""Exactly one answer for every request: cancelled, doubled, superseded, in flight at the end."""

from __future__ import annotations

import asyncio
import gc
import random
from collections import Counter
from concurrent.futures import Future
from typing import Any

import pytest

from tests.protocol.harness import (
    NO_ANSWER,
    answer_now,
    barrier,
    command,
    in_process,
    popups,
    send_command,
    trap,
)
from twinny_lsp.cli.session import JsonRpcError
from twinny_lsp.lsp import core

EDIT = {"range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}, "text": ""}
OPEN = {"textDocument": {"uri": "file:///a", "languageId": "c", "version": 1, "text": "ab"}}
AT = {"textDocument": {"uri": "file:///a"}, "position": {"line": 0, "character": 0}}


@trap(ours=["started", "cancelled"], bare=["started", "finished"])
async def test_cancelling_a_command_ends_it(kind: str, expected: Any) -> None:
    async with in_process(kind) as (session, _):
        future = send_command(session, "wait", id="w")
        await barrier(session)
        session.cancel("w")
        assert await answer_now(session, future) == -32800
        await command(session, "release")
        await barrier(session)
        assert await command(session, "record") == expected


async def test_a_request_cancelled_before_it_began_never_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    # Both are read in one go, however slow the machine is.
    monkeypatch.setattr(core, "SLICE_S", 60)
    async with in_process("ours") as (session, _):
        future = send_command(session, "wait", id=5)
        session.cancel(5)
        assert await answer_now(session, future) == -32800
        assert await command(session, "record") == []


@trap(ours=-32800, bare=NO_ANSWER)
async def test_a_handler_that_cancels_itself_is_answered(kind: str, expected: Any) -> None:
    async with in_process(kind) as (session, _):
        assert await answer_now(session, send_command(session, "cancels-itself")) == expected


@trap(ours=-32800, bare="the read loop is gone")
async def test_a_sync_handler_that_raises_cancelled_is_answered(kind: str, expected: Any) -> None:
    async with in_process(kind) as (session, _):
        future = send_command(session, "cancels-itself-at-once")
        loop = session.link.link.task
        await asyncio.wait({loop, future}, return_when=asyncio.FIRST_COMPLETED, timeout=10)
        if kind == "bare":
            assert loop.cancelled()
            session.link.link.task = asyncio.create_task(asyncio.sleep(0))
        else:
            assert await answer_now(session, future) == expected


async def test_a_handler_deaf_to_cancelling_delays_no_answer() -> None:
    async with in_process("ours") as (session, server):
        release, ended = asyncio.Event(), asyncio.Event()

        @server.command("deaf")
        async def deaf() -> str:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await release.wait()
            ended.set()
            return "too late"

        future = send_command(session, "deaf", id="d")
        await barrier(session)
        session.cancel("d")
        assert await answer_now(session, future) == -32800
        release.set()
        await ended.wait()
        await barrier(session)
        assert [a["id"] for a in session.answers].count("d") == 1


async def test_an_id_in_use_is_refused_and_free_again_afterwards() -> None:
    async with in_process("ours") as (session, _):
        first = send_command(session, "wait", id=1000)
        await barrier(session)
        second = session.send_request("test/echo", {"say": 1}, id=1000)
        assert await answer_now(session, second) == -32600
        assert not first.done()
        await command(session, "release")
        await barrier(session)
        assert [a.get("result") for a in session.answers if a["id"] == 1000] == [None, "done"]
        assert await session.request("test/echo", {"say": 1}, id=1000) == 1


async def test_cancelling_nothing_is_nothing() -> None:
    async with in_process("ours") as (session, _):
        for params in ({"id": 123}, {"id": None}, {"id": [1]}, {}, None, 5):
            session.notify("$/cancelRequest", params)
        await barrier(session)
        assert len(session.answers) == 1 + 5
        assert popups(session) == 0


@pytest.mark.parametrize("end", ["shutdown", "eof"])
async def test_what_is_at_work_at_the_end_is_answered(end: str) -> None:
    async with in_process("ours") as (session, _):
        futures = [send_command(session, "wait") for _ in range(3)]
        await barrier(session)
        if end == "shutdown":
            await session.request("shutdown")
        await session.close()
        codes = [getattr(future.exception(), "code", None) for future in futures]
        assert codes == [-32800] * 3


async def test_a_storm_gets_one_answer_each() -> None:
    """Sync, async, failing, unknown, invalid, cancelled early and late, in any order."""
    rng = random.Random(7)
    async with in_process("ours") as (session, _):
        session.notify("textDocument/didOpen", OPEN)
        for number in range(600):
            msg_id = f"r{number}"
            method, params = rng.choice(
                [
                    ("textDocument/completion", AT),
                    ("textDocument/completion", {"textDocument": 1}),
                    ("test/echo", {"say": number}),
                    ("test/fails", {}),
                    ("test/nothing", {}),
                    *(
                        ("workspace/executeCommand", {"command": name, "arguments": []})
                        for name in (
                            "wait",
                            "fail",
                            "cancels-itself",
                            "cancels-itself-at-once",
                            "unspeakable",
                        )
                    ),
                ]
            )
            session.send_request(method, params, id=msg_id)
            if rng.random() < 0.4:
                session.cancel(f"r{rng.randrange(number + 1)}")
            if rng.random() < 0.1:
                await asyncio.sleep(0)
        await barrier(session)
        await command(session, "release")
        await barrier(session)
        counts = Counter(a["id"] for a in session.answers if str(a["id"]).startswith("r"))
        assert counts == Counter({f"r{number}": 1 for number in range(600)})


def futures_alive() -> int:
    gc.collect()
    return sum(isinstance(thing, Future | asyncio.Future) for thing in gc.get_objects())


@trap(ours=0, bare=1000)
async def test_notifications_leave_nothing_behind(kind: str, expected: int) -> None:
    """An async handler of didChange: bare pygls keeps two futures for each, for ever."""
    async with in_process(kind) as (session, _):
        session.notify("textDocument/didOpen", OPEN)
        await barrier(session)
        before = futures_alive()
        for version in range(500):
            document = {"uri": "file:///a", "version": version + 2}
            session.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [EDIT]})
        await barrier(session)
        assert abs(futures_alive() - before - expected) <= 5


@trap(ours=0, bare=20)
async def test_refused_questions_leave_nothing_behind(kind: str, expected: int) -> None:
    def refuse(params: Any) -> None:
        raise JsonRpcError(-32603, "no")

    async with in_process(kind, {"workspace/configuration": refuse}) as (session, _):
        await command(session, "ask-refused", 20)
        assert await command(session, "left-over") == expected


@trap(ours=(0, [-32601]), bare=(1, []))
async def test_a_late_answer_harms_nothing(kind: str, expected: Any) -> None:
    """Who asked the client has stopped waiting: bare pygls fails in its read loop, and pops it up."""
    answer = asyncio.Event()

    async def later(params: Any) -> list[None]:
        await answer.wait()
        return [None]

    async with in_process(kind, {"workspace/configuration": later}) as (session, _):
        await command(session, "ask-and-stop-waiting")
        answer.set()
        await barrier(session)
        assert popups(session) == expected[0]
        told = [n.params["id"] for n in session.notifications if n.method == "$/cancelRequest"]
        assert len(told) == len(expected[1])


@pytest.mark.parametrize("client", ["answers", "refuses"])
async def test_questions_to_the_client(client: str) -> None:
    def answer(params: Any) -> Any:
        if client == "refuses":
            raise JsonRpcError(-32601, "never heard of it")
        return [{"jsonrpc": "2.0", "a-b": 1} for _ in params["items"]]

    async with in_process("ours", {"workspace/configuration": answer}) as (session, _):
        asked = await answer_now(session, send_command(session, "ask"))
        assert asked == ([{"jsonrpc": "2.0", "a-b": 1}] if client == "answers" else -32601)
        assert await command(session, "left-over") == 0


async def test_a_client_that_never_answers_costs_no_memory() -> None:
    from twinny_lsp.lsp.outgoing import WAITING_KEPT

    async def never(params: Any) -> None:
        await asyncio.Event().wait()

    async with in_process("ours", {"workspace/configuration": never}) as (_, server):
        futures = [
            server.protocol.send_request("workspace/configuration", {"items": []}) for _ in range(1200)
        ]
        assert len(server.protocol.outgoing) == WAITING_KEPT
        assert sum(future.cancelled() for future in futures) == 1200 - WAITING_KEPT


@trap(ours=0, bare=-32603)
async def test_progress_tokens_end(kind: str, expected: Any) -> None:
    async with in_process(kind) as (session, _):
        future = send_command(session, "progress")
        await asyncio.wait({future}, timeout=10)
        assert await answer_now(session, future) == expected


async def test_progress_can_be_cancelled_by_the_client() -> None:
    async with in_process("ours") as (session, server):
        await server.work_done_progress.create_async("t")
        future = server.work_done_progress.tokens["t"]
        session.notify("window/workDoneProgress/cancel", {"token": "t"})
        session.notify("window/workDoneProgress/cancel", {"token": "never was"})
        await barrier(session)
        assert future.cancelled()
        assert popups(session) == 0


async def test_initialize_answer_comes_before_anything_else() -> None:
    async with in_process("ours", initialize=False) as (session, server):
        started = asyncio.Event()

        @server.feature("initialize")
        async def slowly(params: Any) -> None:
            started.set()
            await asyncio.sleep(0)

        first = session.send_request("initialize", {"processId": None, "capabilities": {}}, id=1)
        session.cancel(1)
        second = session.send_request("test/echo", {"say": 1}, id=2)
        await started.wait()
        assert "capabilities" in await first
        with pytest.raises(JsonRpcError) as caught:
            await second
        assert caught.value.code == -32002


async def test_tasks_are_kept_and_their_failures_told(caplog: pytest.LogCaptureFixture) -> None:
    async with in_process("ours") as (_, server):

        async def fails() -> None:
            raise KeyError("text of the user")

        await asyncio.gather(server.run_task(fails(), "a task"), return_exceptions=True)
        cancelled = server.run_task(asyncio.sleep(1000), "another")
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        await asyncio.sleep(0)
        assert not server._tasks - {t for t in server._tasks if t.get_name() != "a task"}
    errors = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert len(errors) == 1
    assert errors[0].startswith("a task failed: KeyError at test_answers.py:")
    assert "text of the user" not in errors[0]
