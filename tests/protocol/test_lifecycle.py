"""How it ends: exit codes, signals, a client that is gone, cleaning up; one client over TCP."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.protocol.harness import argv, barrier, command, environment, spawned, trap
from tests.protocol.test_stdio import THREADS
from twinny_lsp.cli.session import Session
from twinny_lsp.lsp import lifecycle
from twinny_lsp.lsp.framing import FrameDecoder

posix = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
RUNS_ON = "still running"


async def ended(session: Session, kind: str) -> Any:
    """The exit code of a server that ends by itself. Bare pygls is known not to: it gets less time to."""
    process = session.link.process
    try:
        async with asyncio.timeout(20 if kind == "ours" else 1.5):
            return await process.wait()
    except TimeoutError:
        return RUNS_ON


@trap(ours=0, bare=0)
async def test_exit_after_shutdown(kind: str, expected: int) -> None:
    async with spawned(kind, initialize={}) as session:
        assert await session.shutdown() == expected


@trap(ours=1, bare=0)
async def test_exit_without_shutdown(kind: str, expected: int) -> None:
    async with spawned(kind, initialize={}) as session:
        session.notify("exit")
        assert await ended(session, "ours") == expected


async def test_exit_before_initialize() -> None:
    async with spawned("ours") as session:
        session.notify("exit")
        assert await ended(session, "ours") == 1


@pytest.mark.parametrize("env", [{}, THREADS], ids=["pipes", "threads"])
@trap(ours=1, bare=0)
async def test_the_end_of_input_without_shutdown(kind: str, expected: int, env: dict[str, str]) -> None:
    async with spawned(kind, env=env, initialize={}) as session:
        session.link.process.stdin.close()
        assert await ended(session, "ours") == expected


async def test_the_end_of_input_after_shutdown() -> None:
    async with spawned("ours", initialize={}) as session:
        await session.request("shutdown")
        session.link.process.stdin.close()
        assert await ended(session, "ours") == 0


@posix
@pytest.mark.parametrize("env", [{}, THREADS], ids=["pipes", "threads"])
@trap(ours=130, bare=RUNS_ON)
async def test_sigint_while_idle(kind: str, expected: Any, env: dict[str, str]) -> None:
    async with spawned(kind, env=env, initialize={}) as session:
        await barrier(session)
        if kind == "bare":
            # It hangs when its thread is back in read(); only it knows when that is.
            await asyncio.sleep(0.5)
        session.link.process.send_signal(signal.SIGINT)
        assert await ended(session, kind) == expected


@posix
@trap(ours=(143, True), bare=(-15, False))
async def test_sigterm_cleans_up(kind: str, expected: Any) -> None:
    async with spawned(kind, initialize={}) as session:
        waiting = session.send_request("workspace/executeCommand", {"command": "wait", "arguments": []})
        await barrier(session)
        session.link.process.terminate()
        code = await ended(session, "ours")
        await session.close()
        # The request that was at work is still answered.
        assert (code, getattr(waiting.exception(), "code", None) == -32800) == expected


@posix
@trap(ours=1, bare=RUNS_ON)
async def test_a_client_that_died_with_the_pipe_open(kind: str, expected: Any) -> None:
    editor = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    async with spawned(kind, initialize={"processId": editor.pid}) as session:
        await barrier(session)
        editor.communicate()
        assert await ended(session, kind) == expected


async def test_a_process_number_that_means_nothing_here_ends_nothing() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    ends = lifecycle.Lifecycle()
    polled = asyncio.Event()
    watcher = asyncio.create_task(
        lifecycle.watch_parent(ends, gone.pid, 0.001, lambda _: polled.set() or False)
    )
    await polled.wait()
    for _ in range(5):
        await asyncio.sleep(0.002)
    assert not ends.is_stopping()
    watcher.cancel()
    await asyncio.gather(watcher, return_exceptions=True)


async def test_a_new_parent_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = lifecycle.Lifecycle()
    parents = iter([100, 100])
    monkeypatch.setattr(os, "getppid", lambda: next(parents, 1))
    async with asyncio.timeout(10):
        await lifecycle.watch_parent(ends, None, 0.001)
    assert (ends.reason, ends.exit_code) == ("the parent process is gone", 1)


@posix
def test_processes_of_others_are_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_yours(pid: int, number: int) -> None:
        raise PermissionError

    assert lifecycle.process_alive(os.getpid())
    monkeypatch.setattr(os, "kill", not_yours)
    assert lifecycle.process_alive(1)


class Kernel32:
    """What Windows says of a process."""

    def __init__(self, handle: int, waited: int = 0, error: int = 0) -> None:
        self.handle, self.waited, self.error, self.closed = handle, waited, error, 0

    def OpenProcess(self, access: int, inherit: bool, pid: int) -> int:  # noqa: N802
        assert (access, inherit) == (0x00100000, False)
        return self.handle

    def WaitForSingleObject(self, handle: int, wait_ms: int) -> int:  # noqa: N802
        assert (handle, wait_ms) == (self.handle, 0)
        return self.waited

    def GetLastError(self) -> int:  # noqa: N802
        return self.error

    def CloseHandle(self, handle: int) -> None:  # noqa: N802
        self.closed += 1


@pytest.mark.parametrize(
    ("kernel", "alive"),
    [
        (Kernel32(7, 0x102), True),
        (Kernel32(7, 0), False),
        (Kernel32(0, error=87), False),
        (Kernel32(0, error=5), True),
    ],
    ids=["running", "ended", "never-was", "not-ours"],
)
def test_processes_on_windows(kernel: Kernel32, alive: bool) -> None:
    assert lifecycle._process_alive_windows(123, kernel) is alive
    assert kernel.closed == bool(kernel.handle)


async def test_cleaning_up_runs_all_and_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    ends, done = lifecycle.Lifecycle(), []

    async def quick() -> None:
        done.append("quick")

    async def fails() -> None:
        raise OSError("a path of the user")

    async def stuck() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            done.append("cut off")

    for callback in (quick, fails, stuck):
        ends.on_shutdown(callback)
    async with asyncio.timeout(10):
        await ends.clean_up(0.05)
        await ends.clean_up(0.05)
    assert done == ["quick", "cut off"]
    assert "cleaning up failed: OSError" in caplog.messages


def test_the_first_reason_decides() -> None:
    ends = lifecycle.Lifecycle()
    ends.stop("first", 7)
    ends.stop("second")
    assert (ends.reason, ends.exit_code) == ("first", 7)


@posix
async def test_cleaning_up_happens_however_it_ends(tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text(
        "import asyncio, pathlib, sys, threading\n"
        "from twinny_lsp.lsp import core\n"
        "core.EXIT_S = 0.2\n"
        "server = core.TwinnyLanguageServer('t', '1')\n"
        "async def clean(): pathlib.Path(sys.argv[1]).write_text('cleaned')\n"
        "server.on_shutdown(clean)\n"
        # A thread that never ends must not hold the process.
        "@server.command('block')\n"
        "async def block(): server.run_task(asyncio.to_thread(threading.Event().wait), 'stuck')\n"
        "sys.exit(server.run_stdio())\n"
    )
    for number, end in enumerate(("exit", "eof", "signal")):
        mark = tmp_path / str(number)
        async with await Session.spawn(
            [sys.executable, str(script), str(mark)], env=environment()
        ) as session:
            await session.initialize()
            await command(session, "block")
            if end == "exit":
                await session.request("shutdown")
                session.notify("exit")
            elif end == "eof":
                session.link.process.stdin.close()
            else:
                session.link.process.terminate()
            assert await ended(session, "ours") == {"exit": 0, "eof": 1, "signal": 143}[end]
        assert mark.read_text() == "cleaned"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class TcpLink:
    """A session's link to a server over TCP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port: int) -> TcpLink:
        deadline = time.monotonic() + 20
        while True:
            try:
                return cls(*await asyncio.open_connection("127.0.0.1", port))
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.02)

    async def read(self) -> bytes:
        try:
            return await self.reader.read(65536)
        except ConnectionError:
            return b""

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    async def drain(self) -> None:
        await self.writer.drain()

    async def end(self, timeout_s: float) -> int:
        self.writer.close()
        return 0

    def diagnosis(self) -> str:
        return "over TCP"


@trap(ours=("refused", "mine"), bare=("accepted", "no answer"))
async def test_tcp_serves_one_client(kind: str, expected: Any) -> None:
    port = free_port()
    every = {**os.environ, **environment()}
    process = await asyncio.create_subprocess_exec(
        *argv(kind, "--tcp", str(port)), env=every, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with Session(await TcpLink.connect(port)) as first:
            await first.initialize()
            second = await TcpLink.connect(port)
            second.write(b"Content-Length: 0\r\n\r\n" if kind == "ours" else b"")
            if kind == "ours":
                async with asyncio.timeout(10):
                    refused = "accepted" if await second.read() else "refused"
            else:
                # Its read loop must have taken the second client before the first one asks again.
                second.write(frame_echo("theirs"))
                async with asyncio.timeout(10):
                    refused = "accepted" if FrameDecoder().feed(await second.read()) else "refused"
            try:
                own = await first.request("test/echo", {"say": "mine"}, timeout=10 if kind == "ours" else 1)
            except TimeoutError:
                own = "no answer"
            await second.end(0)
            if kind == "ours":
                await first.request("shutdown")
        assert (refused, own) == expected
        if kind == "ours":
            async with asyncio.timeout(10):
                assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def frame_echo(say: str) -> bytes:
    from twinny_lsp.lsp.framing import encode

    return encode(b'{"jsonrpc":"2.0","id":1,"method":"test/echo","params":{"say":"%s"}}' % say.encode())


@posix
async def test_tcp_ends_by_signal_while_nobody_came() -> None:
    process = await asyncio.create_subprocess_exec(
        *argv("ours", "--tcp", "0"), env={**os.environ, **environment()}, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(20):
        line = await process.stderr.readline()
        assert line.startswith(b"listening on 127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
