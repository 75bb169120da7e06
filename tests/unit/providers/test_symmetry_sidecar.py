"""The sidecar's life and its connections, with a scripted child in Python in place of Node.js."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.asking import limited
from tests.support.servers.processes import gone, runs
from twinny_lsp.providers.symmetry import sidecar as symmetry_sidecar
from twinny_lsp.providers.symmetry.sidecar import (
    Connection,
    Launch,
    PeerClosed,
    Sidecar,
    SidecarFailed,
    launch,
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the scripted children use POSIX signals")

HEAD = """
import base64, json, os, sys, time
def say(**event): print(json.dumps(event), flush=True)
def frame(id, data): say(ev="frame", id=id, data=base64.b64encode(data).decode())
def order(): return json.loads(sys.stdin.readline() or "null")
start = order()
"""
SERVE = """
say(ev="ready", node="20", hyperdht="6")
while (got := order()) is not None:
    match got["op"], got.get("topic") or got.get("text"):
        case "open", "silent": pass
        case "open", _: say(ev="open", id=got["id"])
        case "send", "flood":
            for _ in range(12000): frame(got["id"], b"x")
        case "send", "hang up": say(ev="closed", id=got["id"], why="ETIMEDOUT")
        case "send", "large": frame(got["id"], b"y" * 1048576)
        case "send", "die": os.kill(os.getpid(), 9)
        case "send", "crash":
            say(ev="failed", code="crash", why="it broke")
            sys.exit(70)
        case "send", "environment":
            frame(got["id"], json.dumps([dict(os.environ), os.getcwd(), start]).encode())
        case "send", text: frame(got["id"], text.encode())
        case "close", _: print("closed", got["id"], file=sys.stderr, flush=True)
"""


@asynccontextmanager
async def scripted(body: str = SERVE, **limits: float) -> AsyncIterator[Sidecar]:
    command = (sys.executable, "-c", HEAD + body)
    sidecar = Sidecar(lambda: Launch(command, ("127.0.0.1:1",)), **limits)
    try:
        yield sidecar
    finally:
        await sidecar.close()


async def ask(sidecar: Sidecar, text: str) -> bytes:
    connection = await sidecar.open(topic="t")
    await connection.opened()
    connection.send(text)
    try:
        return await connection.frame()
    finally:
        connection.close()


async def last(connection: Connection) -> None:
    """Read until it ends, which raises."""
    while True:
        await connection.frame()


@limited
async def test_a_frame_comes_back() -> None:
    async with scripted() as sidecar:
        assert sidecar.pid is None  # nothing starts by itself
        assert await ask(sidecar, "žluť\n🦊") == "žluť\n🦊".encode()
        assert len(await ask(sidecar, "large")) == 1048576
        assert sidecar.starts == 1


@limited
async def test_the_child_gets_no_keys_and_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("NODE_OPTIONS", "--require=x")
    async with scripted() as sidecar:
        variables, folder, start = json.loads(await ask(sidecar, "environment"))
    assert not {"OPENAI_API_KEY", "NODE_OPTIONS", "HOME"} & set(variables)
    assert folder == os.path.abspath(os.sep)
    assert start == {"op": "start", "bootstrap": ["127.0.0.1:1"]}


@limited
async def test_many_at_once() -> None:
    async with scripted() as sidecar:
        texts = [f"text {number}" for number in range(20)]
        assert await asyncio.gather(*(ask(sidecar, text) for text in texts)) == [t.encode() for t in texts]
        assert sidecar.starts == 1


@limited
async def test_the_other_side_hangs_up() -> None:
    async with scripted() as sidecar:
        with pytest.raises(PeerClosed, match="ETIMEDOUT"):
            await ask(sidecar, "hang up")
        connection = await sidecar.open(topic="t")
        connection.send("one")
        connection.send("hang up")
        assert await connection.frame() == b"one"  # what came before is not lost
        for _ in range(2):
            with pytest.raises(PeerClosed):
                await connection.frame()


@limited
async def test_a_flood_ends_the_connection_and_not_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted() as sidecar:
        connection = await sidecar.open(topic="t")
        connection.send("flood")
        assert await ask(sidecar, "hello") == b"hello"  # sent after it, so all of it has come
        with pytest.raises(PeerClosed, match="more than could be read"):
            await last(connection)


@pytest.mark.parametrize(("how", "said"), [("die", "SIGKILL"), ("crash", "it broke")])
@limited
async def test_it_dies_and_is_started_at_the_next_use(how: str, said: str) -> None:
    async with scripted() as sidecar:
        waiting = await sidecar.open(topic="silent")
        opening = asyncio.ensure_future(waiting.opened())
        with pytest.raises(SidecarFailed, match=said):
            await ask(sidecar, how)
        with pytest.raises(SidecarFailed, match=said):
            await opening
        assert sidecar.pid is None
        assert await ask(sidecar, "again") == b"again"
        assert sidecar.starts == 2


@pytest.mark.parametrize(
    ("body", "said", "modules"),
    [
        ("say(ev='failed', code='modules', why='Cannot find module')", "Cannot find module", True),
        ("sys.exit(3)", "ended with code 3", False),
        ("print('Debugger listening', flush=True); order()", "no event", False),
        ("say(ev='ready', node='20'); say(nonsense=1); order()", "no event", False),
        ("time.sleep(60)", "not ready within", False),
    ],
)
@limited
async def test_it_does_not_start(body: str, said: str, modules: bool) -> None:
    async with scripted(body, start=1.0) as sidecar:
        with pytest.raises(SidecarFailed, match=said) as raised:
            await last(await sidecar.open(topic="t"))
        assert raised.value.modules is modules
        assert sidecar.pid is None


@limited
async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    sidecar = Sidecar(lambda: launch(str(tmp_path / "node"), str(tmp_path), []))
    with pytest.raises(SidecarFailed, match="cannot be started: No such file"):
        await sidecar.open(topic="t")
    await sidecar.close()


@limited
async def test_it_ends_when_idle_and_not_before() -> None:
    async with scripted(idle=0.05) as sidecar:
        sidecar.hold()
        sidecar.hold()
        assert await ask(sidecar, "one") == b"one"
        pid = sidecar.pid
        assert pid is not None
        sidecar.let_go()
        assert runs(pid)
        sidecar.let_go()
        await gone(pid)
        sidecar.hold()
        assert await ask(sidecar, "two") == b"two"
        sidecar.let_go()


@limited
async def test_a_new_user_keeps_it() -> None:
    async with scripted(idle=30) as sidecar:
        sidecar.hold()
        await ask(sidecar, "one")
        sidecar.let_go()
        assert sidecar._idle is not None
        sidecar.hold()
        assert sidecar._idle is None
        sidecar.let_go()


@limited
async def test_a_cancelled_start_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    create = asyncio.create_subprocess_exec

    async def noted(*args: Any, **more: Any) -> asyncio.subprocess.Process:
        process = await create(*args, **more)
        started.append(process.pid)
        return process

    monkeypatch.setattr(symmetry_sidecar.asyncio, "create_subprocess_exec", noted)
    async with scripted("order()") as sidecar:
        opening = asyncio.ensure_future(sidecar.open(topic="t"))
        while not started:
            await asyncio.sleep(0.01)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await gone(started[0])


@limited
async def test_closed_is_closed() -> None:
    async with scripted() as sidecar:
        connection = await sidecar.open(topic="t")
        pid = sidecar.pid
        assert pid is not None
        await sidecar.close()
        await gone(pid)
        with pytest.raises(SidecarFailed):
            await connection.frame()
        with pytest.raises(SidecarFailed, match="closed"):
            await sidecar.open(topic="t")


@limited
async def test_one_that_does_not_listen_is_ended_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(symmetry_sidecar, "GRACE_SECONDS", 0.1)
    body = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); say(ev='ready'); time.sleep(600)"
    async with scripted(body) as sidecar:
        await sidecar.open(topic="t")
        pid = sidecar.pid
        assert pid is not None
        await sidecar.close()
        await gone(pid)
