"""The life of one embedded model, with a scripted child in place of llama.cpp's."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import stat
import struct
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.support.fake_server import bounded
from tests.support.servers.llama import TINY_MODEL, write_model_without_fim
from tests.support.servers.processes import gone
from tests.support.stand_in import StandIn
from twinny_lsp.errors import (
    Interrupted,
    ModelMissing,
    ProviderError,
    ServerFailure,
    TimedOut,
    Unsupported,
)
from twinny_lsp.exchange import Finish, Generation, Piece, RawPrompt
from twinny_lsp.providers.base import Health, Provider, State
from twinny_lsp.providers.embedded import child as embedded_child
from twinny_lsp.providers.embedded import model as embedded_model
from twinny_lsp.providers.embedded import process as embedded_process
from twinny_lsp.providers.embedded.child import Orders
from twinny_lsp.providers.embedded.gguf import NotGguf, read_facts
from twinny_lsp.providers.embedded.machine import Machine
from twinny_lsp.providers.embedded.model import EmbeddedModel
from twinny_lsp.providers.embedded.process import ChildProcess, Ready
from twinny_lsp.providers.embedded.share import Board, board_folder, join
from twinny_lsp.providers.endpoint import Endpoint

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the scripted children use POSIX signals")

SECONDS = 20.0
ASK = Generation("m", RawPrompt("x"), 8, 0.0)
SERVE = """
import json, os, sys
orders = json.loads(sys.stdin.buffer.readline())
print(json.dumps({"address": "http://127.0.0.1:1", "control": 0, "pid": os.getpid()}), flush=True)
sys.stdin.buffer.read()
"""


def make_endpoint(**options: object) -> Endpoint:
    return Endpoint("mine", "embedded", "", None, None, options={"share": False, **options})


def make_model(model_path: str = "", **options: object) -> EmbeddedModel:
    return EmbeddedModel(make_endpoint(**options), "tiny", Path(model_path) if model_path else TINY_MODEL)


class FakeHttp(StandIn):
    """Stands in for HttpProvider: `answers` says what each stream does."""

    def __init__(self, ready: Ready, answers: list[str]) -> None:
        self.ready, self.answers, self.closed = ready, answers, False
        self.endpoint = make_endpoint()

    async def stream(self, generation: Generation) -> AsyncGenerator[Piece, None]:
        answer = self.answers.pop(0) if self.answers else "text"
        if answer == "late crash":
            yield Piece("a")
        if answer.endswith("crash"):
            os.kill(self.ready.pid, signal.SIGKILL)
            raise Interrupted("the connection broke", provider="mine")
        if answer == "error":
            raise Interrupted("the connection broke", provider="mine")
        yield Piece("ab")
        yield Piece(finish=Finish.STOP)

    async def health(self) -> Health:
        return Health(State.READY, "asked over HTTP")

    async def count_tokens(self, text: str, model: str) -> int | None:
        return len(text)

    async def close(self) -> None:
        self.closed = True


class Stage:
    """A provider over scripted children; `pids` has every child that was started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._monkeypatch, self._script = monkeypatch, folder / "child.py"
        self.answers: list[str] = []
        self.pids: list[int] = []
        monkeypatch.setattr(embedded_child, "__file__", str(self._script))
        self.play(SERVE)

    def play(self, script: str) -> None:
        self._script.write_text(script)

    @asynccontextmanager
    async def provider(self, model_path: str = "", **options: object) -> AsyncIterator[EmbeddedModel]:
        def make_http(ready: Ready, batch: int) -> Provider:
            self.pids.append(ready.pid)
            return FakeHttp(ready, self.answers)

        made = make_model(model_path, **options)
        self._monkeypatch.setattr(made, "_make_http", make_http)
        try:
            yield made
        finally:
            await made.close()


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    return Stage(monkeypatch, tmp_path)


async def collect(provider: EmbeddedModel) -> str:
    return "".join([piece.text async for piece in provider.stream(ASK)])


# --- starting and stopping ---


async def test_nothing_is_started_before_the_first_request(stage: Stage) -> None:
    async with stage.provider() as provider:
        health = await provider.health()
        facts = await provider.facts()
        assert (health.state, stage.pids) == (State.READY, [])
        assert "starts with the first request" in health.detail
        assert (facts.name, facts.insert, facts.context_tokens, facts.batch_tokens, facts.loaded) == (
            "tiny",
            True,
            2048,
            1024,
            False,
        )


async def test_one_child_serves_all_requests_and_goes_with_close(stage: Stage) -> None:
    async with stage.provider() as provider:
        assert await asyncio.gather(collect(provider), collect(provider)) == ["ab", "ab"]
        assert await collect(provider) == "ab"
        assert len(stage.pids) == 1
        assert (await provider.health()).detail == "asked over HTTP"
        assert (await provider.facts()).loaded is True
    await bounded(gone(stage.pids[0]))
    with pytest.raises(ServerFailure, match="closed"):
        await collect(provider)


async def test_a_cancelled_request_does_not_stop_the_start(stage: Stage, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    stage.play(SERVE.replace("print(", f"open({str(gate)!r}).read()\nprint(", 1))
    async with stage.provider() as provider:
        first = asyncio.create_task(collect(provider))
        writing = await bounded(asyncio.to_thread(open, gate, "w"))
        assert (await provider.health()).state is State.LOADING
        first.cancel()
        await asyncio.wait({first})
        writing.close()
        assert await collect(provider) == "ab"
        assert len(stage.pids) == 1


async def test_close_while_loading_leaves_no_process(stage: Stage, tmp_path: Path) -> None:
    told = tmp_path / "pid"
    os.mkfifo(told)
    stage.play(f"import os, time\nopen({str(told)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)")
    async with stage.provider() as provider:
        asking = asyncio.create_task(collect(provider))
        pid = int(await bounded(asyncio.to_thread(told.read_text)))
        await provider.close()
        with pytest.raises(ServerFailure, match="closed"):
            await asking
        await bounded(gone(pid))


async def test_it_stops_when_idle_and_starts_again(stage: Stage) -> None:
    async with stage.provider(idle_seconds=0.05) as provider:
        assert await collect(provider) == "ab"
        await bounded(gone(stage.pids[0]))
        assert await collect(provider) == "ab"
        assert len(set(stage.pids)) == 2


async def test_a_stream_under_way_is_not_idle(stage: Stage) -> None:
    async with stage.provider(idle_seconds=0.001) as provider:
        pieces = provider.stream(ASK)
        assert (await anext(pieces)).text == "ab"
        assert provider._idle is None
        await pieces.aclose()
        await bounded(gone(stage.pids[0]))


# --- falls ---


async def test_a_child_that_dies_before_the_first_piece_is_replaced_unseen(stage: Stage) -> None:
    stage.answers = ["crash"]
    async with stage.provider() as provider:
        assert await collect(provider) == "ab"
        assert len(stage.pids) == 2


async def test_a_child_that_dies_later_is_told_and_replaced_for_the_next(stage: Stage) -> None:
    stage.answers = ["late crash"]
    async with stage.provider() as provider:
        with pytest.raises(Interrupted, match="ended while answering: it was ended by SIGKILL"):
            await collect(provider)
        assert await collect(provider) == "ab"


async def test_an_error_of_a_living_child_is_passed_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_model, "DEATH_SECONDS", 0.01)
    stage.answers = ["error"]
    async with stage.provider() as provider:
        with pytest.raises(Interrupted, match="the connection broke"):
            await collect(provider)
        assert await collect(provider) == "ab"
        assert len(stage.pids) == 1


async def test_it_gives_up_on_a_child_that_keeps_dying(stage: Stage) -> None:
    stage.answers = ["crash"] * 20
    async with stage.provider() as provider:
        with pytest.raises(Interrupted):
            await collect(provider)
        with pytest.raises(Interrupted):
            await collect(provider)
        with pytest.raises(ServerFailure, match=r"SIGKILL.*; failed 4 times, next attempt in \d+ s"):
            await collect(provider)
        assert len(stage.pids) == 4


@pytest.mark.parametrize(
    "last_words",
    [
        "import os, signal; os.kill(os.getpid(), signal.SIGILL)",
        "import sys; sys.exit('MemoryError')",
        "import os, sys; sys.stderr.write('std::bad_alloc'); sys.stderr.flush(); os.abort()",
        "import sys; sys.stderr.write('0.1 E ggml_aligned_malloc: insufficient memory (attempted)')\n"
        'print(\'{"failed": "load-failed", "message": "Failed to init"}\')',
    ],
    ids=["processor", "python", "allocator", "loader"],
)
async def test_what_would_fail_again_is_not_tried_at_once(
    stage: Stage, tmp_path: Path, last_words: str
) -> None:
    starts = tmp_path / "starts"
    stage.play(f"open({str(starts)!r}, 'a').write('x')\n{last_words}")
    async with stage.provider() as provider:
        with pytest.raises((ServerFailure, Unsupported)) as first:
            await collect(provider)
        with pytest.raises(ServerFailure, match=r"next attempt in \d+ s") as second:
            await collect(provider)
        assert str(second.value).startswith(str(first.value))
        assert starts.read_text() == "x"


async def test_a_child_the_kernel_ended_for_memory_is_told_and_not_started_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills = iter(range(100))  # one more each time somebody looks
    monkeypatch.setattr(embedded_process, "oom_kills", lambda: next(kills))
    stage.answers = ["late crash"]
    async with stage.provider() as provider:
        with pytest.raises(Interrupted, match=r"memory ran out\. .*smaller model"):
            await collect(provider)
        with pytest.raises(ServerFailure, match=r"memory ran out.*next attempt in \d+ s"):
            await collect(provider)
        assert len(stage.pids) == 1


async def test_a_model_for_which_there_is_no_room_is_not_started(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines = [Machine(2, 8 * 10**9, 10**8), Machine(2, 8 * 10**9, 4 * 10**9)]
    monkeypatch.setattr(embedded_model, "measure", lambda: machines[0])
    async with stage.provider() as provider:
        for _ in range(5):
            with pytest.raises(ServerFailure, match=r"needs about 215 MB, and 100 MB are free"):
                await collect(provider)
        assert stage.pids == []
        machines.pop(0)
        assert await collect(provider) == "ab"  # no waiting once there is room


@pytest.mark.parametrize(
    ("script", "kind", "message"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", Unsupported, "lacks instructions .AVX2"),
        ("import sys; sys.exit(7)", ServerFailure, "ended while starting: it ended with code 7"),
        (
            'print(\'{"failed": "no-extra", "message": "No module"}\')',
            Unsupported,
            "pip install xllamacpp",
        ),
        (
            'print(\'{"failed": "no-library", "message": "libgomp.so.1: cannot open"}\')',
            ServerFailure,
            "cannot be loaded: libgomp.so.1: cannot open.*apt-get install libgomp1",
        ),
        (
            'print(\'{"failed": "no-file", "message": "No such file"}\')',
            ModelMissing,
            "cannot read the model file .*: No such file",
        ),
        (
            'print(\'{"failed": "not-gguf", "message": "zip"}\')',
            Unsupported,
            "not a GGUF model: ",
        ),
        (
            "import sys; sys.stderr.write('x' * 9999 + 'bad tensor')\n"
            'print(\'{"failed": "load-failed", "message": "Failed to init"}\')',
            ServerFailure,
            "llama.cpp could not load .*tiny",
        ),
    ],
)
async def test_each_way_to_fail_at_start_has_its_words(
    stage: Stage, script: str, kind: type[ProviderError], message: str
) -> None:
    stage.play(script)
    async with stage.provider() as provider:
        with pytest.raises(kind, match=message) as caught:
            await collect(provider)
        assert caught.value.provider == "mine"
        if "bad tensor" in script:
            assert caught.value.detail.endswith("bad tensor")
            assert len(caught.value.detail) <= 4096


async def test_a_child_that_never_gets_ready_is_killed(stage: Stage) -> None:
    stage.play("import time; time.sleep(600)")
    child = ChildProcess(Orders(str(TINY_MODEL), "k"), "mine")
    with pytest.raises(TimedOut, match="was not loaded within"):
        await child.start(0.1)
    await bounded(gone(child.pid))
    await bounded(child.dead.wait())


async def test_a_child_that_will_not_stop_is_killed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_process, "GRACE_SECONDS", 0.05)
    stage.play(SERVE + "\nimport time; time.sleep(600)")
    child = ChildProcess(Orders(str(TINY_MODEL), "k"), "mine")
    ready = await child.start(SECONDS)
    await bounded(child.stop())
    assert child.ending.words("mine") == "it was ended by SIGKILL"
    await bounded(gone(ready.pid))


async def test_the_key_is_neither_on_the_command_line_nor_in_a_repr(stage: Stage) -> None:
    child = ChildProcess(Orders(str(TINY_MODEL), "secret-key"), "mine")
    ready = await child.start(SECONDS)
    assert "secret-key" not in " ".join(psutil.Process(ready.pid).cmdline())
    assert "secret-key" not in repr(ready)
    await child.stop()


# --- what can be said without a process ---


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (None, ModelMissing, "there is no model file .*m.gguf"),
        (b"", Unsupported, "not a GGUF model: .*empty"),
        (b"PK\x03\x04" + b"\0" * 40, Unsupported, "not a GGUF model"),
        (TINY_MODEL.read_bytes()[:300], ServerFailure, "not whole: it ends within its header"),
        (TINY_MODEL.read_bytes()[:400_000], ServerFailure, "not whole: it ends before its last tensor"),
    ],
)
async def test_an_unusable_file_is_told_without_a_process(
    stage: Stage, tmp_path: Path, content: bytes | None, kind: type[ProviderError], message: str
) -> None:
    path = tmp_path / "m.gguf"
    if content is not None:
        path.write_bytes(content)
    async with stage.provider(model_path=str(path)) as provider:
        with pytest.raises(kind, match=message):
            await collect(provider)
        health = await provider.health()
        assert health.state is State.DOWN
        assert str(path) in health.detail
        assert stage.pids == []


async def test_a_folder_is_no_model(stage: Stage, tmp_path: Path) -> None:
    async with stage.provider(model_path=str(tmp_path)) as provider:
        with pytest.raises(Unsupported, match=r"not a GGUF model: .*not a file"):
            await provider.facts()


async def test_a_missing_extra_is_told_without_a_process(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    async with stage.provider() as provider:
        with pytest.raises(Unsupported, match="pip install xllamacpp"):
            await collect(provider)
        assert (await provider.health()).state is State.DOWN


async def test_options_set_the_sizes_and_nonsense_is_ignored(stage: Stage) -> None:
    async with stage.provider(context_tokens=1000, batch_tokens=5000, threads=True) as provider:
        facts = await provider.facts()
        assert (facts.context_tokens, facts.batch_tokens) == (1000, 1000)
    async with stage.provider(context_tokens="many") as provider:
        assert (await provider.facts()).context_tokens == 2048


# --- GGUF ---


def test_the_tiny_model_is_described_by_its_header(tmp_path: Path) -> None:
    facts = read_facts(TINY_MODEL)
    assert (facts.name, facts.architecture, facts.context_tokens) == ("tiny-fim", "llama", 2048)
    assert facts.insert
    assert "<|im_start|>" in (facts.chat_template or "")
    assert not read_facts(write_model_without_fim(tmp_path / "plain.gguf")).insert


def string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def gguf(*pairs: bytes, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, 0, len(pairs)) + b"".join(pairs)


def tokens(*texts: str) -> bytes:
    head = string("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, len(texts))
    return head + b"".join(string(text) for text in texts)


@pytest.mark.parametrize(
    ("texts", "insert"),
    [
        (("<fim_prefix>", "<fim_suffix>", "<fim_middle>"), True),
        (("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"), True),
        (("▁<PRE>", "▁<SUF>", "▁<MID>"), True),
        (("<fim_prefix>", "<fim_suffix>"), False),
        ((), False),
    ],
)
def test_fim_tokens_are_found_by_their_texts(tmp_path: Path, texts: tuple[str, ...], insert: bool) -> None:
    path = tmp_path / "m.gguf"
    floats = string("scores") + struct.pack("<IIQ2f", 9, 6, 2, 1.0, 2.0)
    words = string("merges") + struct.pack("<IIQ", 9, 8, 1) + string("a b")
    path.write_bytes(gguf(tokens(*texts), floats, words, version=2))
    assert read_facts(path).insert is insert


@pytest.mark.parametrize(
    "data",
    [
        gguf(version=1),
        gguf(string("k") + struct.pack("<I", 99)),
        gguf(string("k") + struct.pack("<IIQ", 9, 9, 1)),
        gguf(struct.pack("<Q", 2**63)),
        b"GGUF",
    ],
)
def test_a_damaged_header_is_no_crash(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(data)
    with pytest.raises(NotGguf):
        read_facts(path)


# --- sharing ---


def test_an_announcement_is_for_this_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = board_folder()
    assert folder is not None
    board = Board(folder, Orders(str(TINY_MODEL), "k"))
    ready = Ready("http://127.0.0.1:1", "secret", 5, 7)
    board.write(ready)
    assert board.read() == ready
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    board.remove()
    assert board.read() is None


def test_a_folder_that_is_not_ours_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "twinny-lsp").symlink_to(tmp_path / "elsewhere")
    assert board_folder() is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"address": 1}', '{"control": "x"}'])
def test_a_damaged_announcement_counts_as_none(tmp_path: Path, content: str) -> None:
    orders = Orders(str(TINY_MODEL), "k")
    board = Board(tmp_path, orders)
    board.write(Ready("http://127.0.0.1:1", "secret", 5, 7))
    next(tmp_path.glob("*.json")).write_text(content)
    assert board.read() is None


def test_only_equal_orders_share(tmp_path: Path) -> None:
    orders = Orders(str(TINY_MODEL), "k", parent=1)
    Board(tmp_path, orders).write(Ready("a", "b", 1, 2))
    assert Board(tmp_path, replace(orders, key="other", parent=2)).read() is not None
    assert Board(tmp_path, replace(orders, context=512)).read() is None


async def test_the_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    board = Board(tmp_path, Orders(str(TINY_MODEL), "k"))
    async with board.locked(SECONDS) as mine, board.locked(0.01) as theirs:
        assert (mine, theirs) == (True, False)
    async with board.locked(0.01) as again:
        assert again


@pytest.mark.parametrize("reply", [b"", b"no\n", None])
async def test_joining_something_else_gives_no_lease(
    reply: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from twinny_lsp.providers.embedded import share as embedded_share

    monkeypatch.setattr(embedded_share, "JOIN_SECONDS", 0.1)
    served: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(writer)
        if reply is not None:
            writer.write(reply)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        assert await join(Ready("http://127.0.0.1:1", "k", port, 1)) is None
    finally:
        server.close()
        for writer in served:
            writer.close()
    assert await join(Ready("http://127.0.0.1:1", "k", port, 1)) is None


# --- the child's own parts ---


def test_leases_end_the_process_with_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(embedded_child.os, "_exit", ended.append)
    leases = embedded_child.Leases()
    leases.take()
    leases.drop_starter()
    leases.drop_starter()  # its pipe and its process id both end: one lease
    assert ended == []
    leases.drop()
    assert ended == [0]


def test_the_child_needs_nothing_but_the_standard_library() -> None:
    source = Path(embedded_child.__file__).read_text()
    assert "twinny_lsp" not in source.partition('"""')[2].partition('"""')[2]


async def test_the_event_loop_reads_no_files_to_tell_the_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def counted() -> Machine:
        threads.append(threading.current_thread())
        return Machine(1)

    monkeypatch.setattr(embedded_model, "measure", counted)
    await make_model().facts()
    assert threads
    assert threading.main_thread() not in threads
