"""stdin and stdout of a real process: nothing blocks it, nothing strays into its stream, it is frugal."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.protocol.harness import argv, command, environment, in_process, send_command, spawned, trap
from tests.protocol.server import SECRET
from twinny_lsp.lsp import transport
from twinny_lsp.lsp.framing import FrameDecoder, encode

THREADS = {transport.THREADS_VARIABLE: "threads"}
posix = pytest.mark.skipif(os.name == "nt", reason="asyncio serves no pipes there")


def message(method: str, params: Any = None, id: int | None = None) -> bytes:
    content = {"jsonrpc": "2.0", "method": method, "params": params}
    return encode(json.dumps(content if id is None else content | {"id": id}).encode())


HELLO = message("initialize", {"processId": None, "capabilities": {}}, 1) + message("initialized", {})
GOODBYE = message("shutdown", None, 2) + message("exit")


class Unread:
    """A server whose output nobody reads but the test, when it wants to."""

    def __init__(self, kind: str, env: dict[str, str] | None = None) -> None:
        pipe = subprocess.PIPE
        every = {**os.environ, **environment(env)}
        self.process = subprocess.Popen(
            argv(kind), stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, bufsize=0, env=every
        )

    def __enter__(self) -> Unread:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)

    async def read(self) -> bytes:
        assert self.process.stdout is not None
        return await asyncio.to_thread(os.read, self.process.stdout.fileno(), 1 << 20)


async def beats(path: Path, count: int) -> int:
    """Wait until the file was rewritten `count` times; the server's loop does that."""
    seen: set[str] = set()
    while len(seen) < count:
        await asyncio.sleep(0.01)
        if path.exists():
            seen.add(path.read_text())
    return len(seen)


def run_command(name: str, *arguments: Any, id: int) -> bytes:
    return message("workspace/executeCommand", {"command": name, "arguments": list(arguments)}, id)


@pytest.mark.parametrize("env", [pytest.param({}, marks=posix), THREADS], ids=["pipes", "threads"])
@trap(ours="turns", bare="stands still")
async def test_a_client_that_does_not_read_stops_nobody(
    kind: str, expected: str, env: dict[str, str], tmp_path: Path
) -> None:
    beat = tmp_path / "beat"
    with Unread(kind, env) as process:
        process.write(HELLO + run_command("beat", str(beat), id=2))
        await asyncio.wait_for(beats(beat, 2), 20)
        for number in range(3):
            process.write(run_command("big", 300_000, id=10 + number))
        process.write(run_command("echo", 1, id=20))
        process.write(run_command("beat", str(tmp_path / "second"), id=21))
        try:
            # Bare pygls: the second beat is read only after the answers before it are written.
            await asyncio.wait_for(beats(tmp_path / "second", 5), 20 if kind == "ours" else 1)
            assert expected == "turns"
        except TimeoutError:
            assert expected == "stands still"


@pytest.mark.parametrize("env", [pytest.param({}, marks=posix), THREADS], ids=["pipes", "threads"])
async def test_what_is_not_read_is_bounded(env: dict[str, str], tmp_path: Path) -> None:
    """150 MB of notifications nobody reads: at most the backlog is kept, and every answer comes."""
    count, size = 1500, 100_000
    with Unread("ours", env) as process:
        done = tmp_path / "done"
        process.write(HELLO + run_command("chatter", count, size, str(done), id=5))
        process.write(run_command("echo", "after", id=6))
        await asyncio.wait_for(beats(done, 1), 60)
        decoder, received, chatter, answers = FrameDecoder(), 0, 0, []
        async with asyncio.timeout(60):
            while "after" not in answers:
                data = await process.read()
                received += len(data)
                for frame in decoder.feed(data):
                    content = json.loads(frame)
                    chatter += content.get("method") == "test/chatter"
                    answers.append(content.get("result"))
        assert "chattered" in answers
        assert 0 < chatter < count
        assert received < transport.BACKLOG_BYTES + 3 * size


async def test_congestion_drops_notifications_only(caplog: pytest.LogCaptureFixture) -> None:
    async with in_process("ours") as (session, server):
        session.link.link.congested = True
        future = send_command(session, "chatter", 5, 10, "")
        while not future.done():
            await asyncio.sleep(0)
        assert future.result() == "chattered"
        assert session.notifications == []
        assert server.protocol.dropped == 5
        later = session.send_request("test/echo", {"say": 1})
        for _ in range(50):
            await asyncio.sleep(0)
        assert not later.done()  # not taken in either: its answer would have to be kept
        session.link.link.congested = False
        assert await later == 1
    assert [r.levelname for r in caplog.records if "does not read" in r.getMessage()] == ["WARNING"]


@trap(ours=[], bare=[b"a stray line\n", b"another\n"])
async def test_prints_do_not_stray_into_the_stream(kind: str, expected: list[bytes]) -> None:
    with Unread(kind) as process:
        process.write(HELLO + run_command("print", id=2))
        stream = b""
        async with asyncio.timeout(20):
            while b"printed" not in stream:
                stream += await process.read()
        assert sorted(line for line in (b"a stray line\n", b"another\n") if line in stream) == expected


async def test_a_child_gets_neither_end_of_the_stream() -> None:
    code = (
        "import os,subprocess,sys\n"
        "from twinny_lsp.lsp.transport import claim_stdio\n"
        "with claim_stdio() as (source, sink):\n"
        "    child = 'import sys; print(len(sys.stdin.read()), flush=True)'\n"
        "    subprocess.run([sys.executable, '-c', child], check=True, timeout=20)\n"
        "    os.write(sink, b'answer ' + os.read(source, 100))\n"
    )
    command_line = [argv("ours")[0], "-c", code]
    env = {**os.environ, **environment()}
    done = subprocess.run(
        command_line, input=b"question", capture_output=True, env=env, timeout=60, check=True
    )
    assert done.stdout == b"answer question"
    assert done.stderr.strip() == b"0"


@pytest.mark.parametrize("output", ["pipe", "file"])
async def test_input_from_a_regular_file(output: str, tmp_path: Path) -> None:
    """What asyncio cannot wait on goes through threads; so do pipes on Windows."""
    script = tmp_path / "in"
    script.write_bytes(HELLO + run_command("big", 2_000_000, id=3) + GOODBYE)
    with script.open("rb") as stdin, (tmp_path / "out").open("wb") as file:
        stdout = file if output == "file" else asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *argv("ours"), stdin=stdin, stdout=stdout, env={**os.environ, **environment()}
        )
        async with asyncio.timeout(30):
            data, _ = await process.communicate()
    stream = (tmp_path / "out").read_bytes() if output == "file" else data
    answers = [json.loads(frame) for frame in FrameDecoder().feed(stream)]
    assert {a["id"]: len(str(a["result"])) > 1_000_000 for a in answers} == {1: False, 3: True, 2: False}
    assert process.returncode == 0


@pytest.mark.parametrize("env", [{}, THREADS], ids=["pipes", "threads"])
async def test_large_messages_both_ways(env: dict[str, str]) -> None:
    text = "ü" * 3_000_000
    async with spawned("ours", env=env, initialize={}) as session:
        assert await command(session, "echo", text, timeout=60) == text
        assert await session.shutdown() == 0


@trap(ours=False, bare=True)
async def test_no_bodies_in_the_log(kind: str, expected: bool, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with spawned(kind, env={"TEST_LOG": str(log)}, initialize={}) as session:
        await command(session, "echo", SECRET)
        futures = [
            session.send_request("test/echo", {"nothing": SECRET}),
            session.send_request("textDocument/completion", {"textDocument": SECRET}),
            send_command(session, "no-such-command", SECRET),
        ]
        session.notify("textDocument/didOpen", {"textDocument": {"text": SECRET}})
        await command(session, "echo", 1)
        await session.shutdown()
        assert futures[0].exception() is not None
    text = log.read_text()
    assert "ending: exit" in text or kind == "bare"
    assert (SECRET in text) is expected


async def test_nothing_heavy_before_initialized() -> None:
    async with spawned("ours", initialize={}) as session:
        modules = set(await command(session, "modules"))
    assert "pygls" in modules
    heavy = {"aiohttp", "pydantic", "pybars", "xllamacpp", "websockets", "tree_sitter", "psutil"}
    assert modules & heavy == set()


async def test_a_sink_tells_when_its_reader_is_gone() -> None:
    for open_sink in (transport.open_sink, thread_sink):
        source, target = os.pipe()
        sink = await open_sink(target)
        os.close(source)
        sink.write(b"x")
        async with asyncio.timeout(10):
            await sink.lost.wait()
        sink.write(b"ignored")
        await sink.close(1)


async def thread_sink(fd: int, backlog_bytes: int = 1000) -> transport.Sink:
    return transport.ThreadSink(fd, backlog_bytes)


async def test_sinks_are_congested_until_read() -> None:
    for open_sink in (transport.open_sink, thread_sink):
        source, target = os.pipe()
        sink = await open_sink(target, backlog_bytes=100_000)
        assert not sink.congested
        for _ in range(50):
            sink.write(b"x" * 10_000)
        assert sink.congested
        drained = asyncio.create_task(sink.drain())
        left = 500_000
        async with asyncio.timeout(10):
            while left:
                left -= len(await asyncio.to_thread(os.read, source, left))
            await drained
        assert not sink.congested
        await sink.close(5)
        assert os.read(source, 1) == b""
        os.close(source)


async def test_closing_a_sink_nobody_reads_is_bounded() -> None:
    for open_sink in (transport.open_sink, thread_sink):
        source, target = os.pipe()
        sink = await open_sink(target)
        sink.write(b"x" * 1_000_000)
        async with asyncio.timeout(10):
            await sink.close(0.05)
        os.close(source)
