"""The embedded provider with its real child: answers, crashes, idleness, sharing, nothing left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from tests.support.asking import first_text
from tests.support.fake_server import bounded
from tests.support.servers.expected import ADD, ANSWERS, HELLO, Expected
from tests.support.servers.llama import TINY_MODEL, write_endless_model, write_model_without_fim
from tests.support.servers.processes import gone, runs
from twinny_lsp.errors import Interrupted, ServerFailure, Unsupported
from twinny_lsp.exchange import ChatPrompt, ContextFile, FimPrompt, Finish, Generation, Message, Piece, Prompt
from twinny_lsp.providers.base import State
from twinny_lsp.providers.embedded.model import _Running
from twinny_lsp.providers.embedded.provider import EmbeddedProvider
from twinny_lsp.providers.endpoint import Endpoint

pytestmark = pytest.mark.real
CHAT = ChatPrompt((Message("user", "Hello"),))


@pytest.fixture(autouse=True)
def no_shared_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children are announced below the test's own HOME, not where the developer's editors look."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)


@asynccontextmanager
async def embedded(**options: object) -> AsyncIterator[EmbeddedProvider]:
    provider = EmbeddedProvider(
        Endpoint("embedded", "embedded", "", None, None, options={"share": False, **options})
    )
    try:
        yield provider
    finally:
        await provider.close()


async def ask(provider: EmbeddedProvider, prompt: Prompt, max_tokens: int = 48) -> list[Piece]:
    return [piece async for piece in provider.stream(Generation("tiny-fim", prompt, max_tokens, 0.0))]


async def answer(provider: EmbeddedProvider, prompt: Prompt = ADD.fim) -> str:
    return "".join(piece.text for piece in await ask(provider, prompt))


def running(provider: EmbeddedProvider) -> _Running:
    """What the provider's one model is run by."""
    (model,) = provider._models.values()
    assert model._running is not None
    return model._running


OTHERS = set[int]()
"""The process ids of llama.cpp servers of other tests, which are the same program."""


@pytest.fixture(scope="module", autouse=True)
def others() -> None:
    OTHERS.update(process.pid for process in children_of())


def children_of(pid: int | None = None) -> list[psutil.Process]:
    """The embedded children of a process (ours when None)."""
    return [
        process
        for process in psutil.Process(pid).children()
        if process.pid not in OTHERS and any("embedded/child" in part for part in process.cmdline())
    ]


def child_of(pid: int | None = None) -> psutil.Process:
    """The one embedded child of a process (ours when None)."""
    [child] = children_of(pid)
    return child


async def test_it_counts_tokens_once_it_runs() -> None:
    async with embedded() as provider:
        assert await provider.count_tokens("def add(a, b):", "") is None
        await answer(provider)
        assert await provider.count_tokens("def add(a, b):", "") == 6


async def test_it_has_a_slot_for_each_answer() -> None:
    async with embedded() as provider:
        facts = await provider.facts("")
        assert provider.most_choices(ADD.fim, facts) == facts.slots == 4
        generation = Generation("tiny-fim", ADD.fim, 6, 1.0, n=3)
        pieces = [piece async for piece in provider.stream(generation)]
        assert {piece.choice for piece in pieces} == {0, 1, 2}


# --- answers ---


@pytest.mark.parametrize("expected", ANSWERS, ids=lambda e: e.name)
@pytest.mark.parametrize("way", ["infill", "raw"])
async def test_it_fills_in_the_middle(expected: Expected, way: str) -> None:
    async with embedded() as provider:
        pieces = await ask(provider, expected.fim if way == "infill" else expected.raw)
        assert "".join(piece.text for piece in pieces) == expected.text
        assert pieces[-1].finish is Finish.STOP


async def test_it_chats_beside_a_completion() -> None:
    async with embedded() as provider:
        assert await asyncio.gather(answer(provider, CHAT), answer(provider)) == [HELLO, ADD.text]


async def test_other_files_reach_the_model() -> None:
    async with embedded() as provider:
        extra = (ContextFile("shapes.py", "def unusual_name_here(radius):\n    return radius\n" * 4),)
        alone = (await ask(provider, ADD.fim, 2))[-1].usage
        among = (await ask(provider, FimPrompt(ADD.prefix, ADD.suffix, extra), 2))[-1].usage
        assert alone is not None
        assert among is not None
        assert (among.prompt or 0) > (alone.prompt or 0) + 40


async def test_a_typed_letter_costs_few_tokens() -> None:
    """The prompt is as long as one may be (3/4 of a batch), and another request came between."""
    async with embedded() as provider:
        prefix = "".join(f"def f{i}(x):\n    return x + {i}\n\n\n" for i in range(50))
        await ask(provider, FimPrompt(prefix, "\n"), 4)
        await ask(provider, CHAT, 4)
        usage = (await ask(provider, FimPrompt(prefix + "def", "\n"), 4))[-1].usage
        assert usage is not None
        assert (usage.prompt or 0) > 600
        assert (usage.prompt or 0) - (usage.cached or 0) < 32


async def test_what_it_says_of_itself_is_what_its_server_says() -> None:
    async with embedded() as provider:
        before = await provider.facts("")
        await answer(provider)
        told = await running(provider).http.facts("tiny-fim")
        assert (told.insert, told.context_tokens, told.batch_tokens, told.template) == (
            before.insert,
            before.context_tokens,
            before.batch_tokens,
            before.template,
        )
        health = await provider.health()
        assert health.state is State.READY
        assert "llama.cpp" in health.server


async def test_a_model_without_fim_tokens(tmp_path: Path) -> None:
    path = write_model_without_fim(tmp_path / "plain.gguf")
    async with embedded(model_path=str(path)) as provider:
        assert (await provider.facts("")).insert is False
        with pytest.raises(Unsupported):
            await answer(provider)


async def test_a_damaged_model_is_told_and_leaves_no_process(tmp_path: Path) -> None:
    path = tmp_path / "half.gguf"
    path.write_bytes(TINY_MODEL.read_bytes()[:-100])
    async with embedded(model_path=str(path)) as provider:
        with pytest.raises(ServerFailure, match=r"could not load .*damaged or not whole") as caught:
            await answer(provider)
        assert "half.gguf" in str(caught.value)
        assert caught.value.detail
        assert not children_of()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0llamz"),
        (b"qwen2", b"qwenX"),
        (b"output_norm.weight", b"output_norX.weight"),
    ],
    ids=["architecture", "tokenizer", "tensor"],
)
async def test_a_model_of_an_unknown_kind_is_told(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = tmp_path / "new.gguf"
    path.write_bytes(TINY_MODEL.read_bytes().replace(old, new, 1))
    async with embedded(model_path=str(path)) as provider:
        with pytest.raises(ServerFailure, match=r"does not know \(it says: .*pip install -U xllamacpp"):
            await answer(provider)


async def test_a_context_too_large_for_memory_is_told() -> None:
    async with embedded(context_tokens=2**40, batch_tokens=512) as provider:
        with pytest.raises(ServerFailure, match=r"not enough memory") as caught:
            await answer(provider)
        assert "contextTokens" in str(caught.value)


LIMITED = """
import asyncio
from twinny_lsp.errors import ProviderError
from twinny_lsp.exchange import Generation, RawPrompt
from twinny_lsp.providers.embedded.provider import EmbeddedProvider
from twinny_lsp.providers.endpoint import Endpoint

async def main():
    provider = EmbeddedProvider(Endpoint("embedded", "embedded", "", None, None, options={"share": False}))
    for _ in range(2):
        try:
            async for piece in provider.stream(Generation("tiny-fim", RawPrompt("x"), 8, 0.0)):
                pass
            print("an answer")
        except ProviderError as error:
            print(error)
    await provider.close()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
async def test_a_child_that_cannot_get_memory_is_told(tmp_path: Path) -> None:
    command = ("prlimit", "--as=300000000", "--", sys.executable, "-c", LIMITED)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    said = (await bounded(process.communicate(), 60))[0].decode().split("\n")
    assert "memory" in said[0]
    assert "providers.embedded.contextTokens" in said[0]
    assert "next attempt in" in said[1]


# --- choosing by name ---


async def test_two_models_run_beside_each_other(tmp_path: Path) -> None:
    write_model_without_fim(tmp_path / "plain.gguf")
    async with embedded(model_directory=str(tmp_path)) as provider:
        assert await answer(provider) == ADD.text
        plain = Generation("plain", ADD.raw, 4, 0.0)
        assert [piece async for piece in provider.stream(plain)]
        assert {facts.name: facts.loaded for facts in await provider.models()} == {
            "plain": True,
            "tiny-fim": True,
        }


# --- who may use it ---


async def test_other_users_of_this_machine_cannot_use_it() -> None:
    async with embedded() as provider:
        await answer(provider)
        ready = running(provider).link.ready
        assert ready is not None
        assert ready.address.startswith("http://127.0.0.1:")

        def knock(path: str) -> int:
            try:
                with urllib.request.urlopen(ready.address + path, data=b"{}", timeout=10) as reply:
                    return int(reply.status)
            except urllib.error.HTTPError as error:
                return error.code

        for path in ("/completion", "/infill", "/v1/chat/completions", "/tokenize"):
            assert await asyncio.to_thread(knock, path) == 401
        child = psutil.Process(ready.pid)
        assert ready.key not in str(child.cmdline()) + str(child.environ())
        listening = {c.laddr.ip for c in child.net_connections() if c.status == psutil.CONN_LISTEN}
        assert listening == {"127.0.0.1"}


async def test_it_is_modest() -> None:
    async with embedded() as provider:
        await answer(provider)
        assert child_of().nice() > psutil.Process().nice()


async def test_nothing_in_the_current_folder_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "socket", "xllamacpp", "twinny_lsp"):
        (tmp_path / f"{name}.py").write_text("import os; os._exit(9)")
    monkeypatch.chdir(tmp_path)
    async with embedded() as provider:
        assert await answer(provider) == ADD.text


# --- its life ---


async def test_a_killed_child_is_replaced() -> None:
    async with embedded() as provider:
        assert await answer(provider) == ADD.text
        first = child_of()
        first.kill()
        assert await answer(provider) == ADD.text
        assert child_of().pid != first.pid


async def test_a_child_killed_while_it_answers_is_told_and_replaced(tmp_path: Path) -> None:
    path = write_endless_model(tmp_path / "endless.gguf")
    async with embedded(model_path=str(path), context_tokens=65_536) as provider:
        pieces = provider.stream(Generation("m", ADD.raw, 100_000, 0.0))
        await first_text(pieces)
        child_of().kill()
        with pytest.raises(Interrupted, match="ended while answering: it was ended by SIGKILL"):
            await bounded(drain(pieces))
        assert len(await ask(provider, ADD.raw, 5)) > 2


async def drain(pieces: AsyncIterator[Piece]) -> None:
    async for _ in pieces:
        pass


async def test_it_stops_when_idle_and_comes_back() -> None:
    async with embedded(idle_seconds=0.1) as provider:
        assert await answer(provider) == ADD.text
        await bounded(gone(child_of().pid))
        assert await answer(provider) == ADD.text


async def test_close_ends_the_answers_under_way(tmp_path: Path) -> None:
    path = write_endless_model(tmp_path / "endless.gguf")
    async with embedded(model_path=str(path), context_tokens=65_536) as provider:
        pieces = provider.stream(Generation("m", ADD.raw, 100_000, 0.0))
        await first_text(pieces)
        draining = asyncio.ensure_future(drain(pieces))
        await bounded(provider.close())
        with pytest.raises(Interrupted, match="ended while answering"):
            await bounded(draining)


async def test_close_ends_the_child() -> None:
    async with embedded() as provider:
        await answer(provider)
        child = child_of()
    assert not child.is_running()


PARENT = """
import asyncio, json, sys
from twinny_lsp.exchange import FimPrompt, Generation
from twinny_lsp.providers.embedded.provider import EmbeddedProvider
from twinny_lsp.providers.embedded.model import _Running
from twinny_lsp.providers.endpoint import Endpoint

async def main():
    loop = asyncio.get_running_loop()
    options = json.loads(sys.argv[1])
    provider = EmbeddedProvider(Endpoint("embedded", "embedded", "", None, None, options=options))
    prompt = FimPrompt("def add(a, b):\\n    ", "\\n")
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        if line == "close\\n":
            await provider.close()
            print("closed", flush=True)
            continue
        text = "".join([p.text async for p in provider.stream(Generation("tiny-fim", prompt, 48, 0.0))])
        (model,) = provider._models.values()
        print(json.dumps([text, model._running.link.ready.pid]), flush=True)
    await provider.close()

asyncio.run(main())
"""


class Editor:
    """A process of its own with an embedded provider in it, as a language server would have."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def say(self, word: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(word.encode() + b"\n")
        return (await bounded(self.process.stdout.readline(), 30)).decode().strip()

    async def ask(self) -> tuple[str, int]:
        text, pid = json.loads(await self.say("ask"))
        return text, pid

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


@asynccontextmanager
async def editor(**options: object) -> AsyncIterator[Editor]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, json.dumps(options), stdin=pipe, stdout=pipe
    )
    made = Editor(process)
    try:
        yield made
    finally:
        await made.kill()


@pytest.mark.parametrize("share", [False, True], ids=["alone", "shared"])
async def test_a_killed_parent_takes_its_child_along(share: bool) -> None:
    async with editor(share=share) as parent:
        text, pid = await parent.ask()
        assert text == ADD.text
        assert runs(pid)
        await parent.kill()
        await bounded(gone(pid))


@pytest.mark.skipif(os.name == "nt", reason="a FIFO holds the child in the middle of its start")
async def test_a_parent_killed_while_the_model_loads_takes_its_child_along(tmp_path: Path) -> None:
    fifo = tmp_path / "slow.gguf"
    os.mkfifo(fifo)
    script = f"""
import asyncio, os
from twinny_lsp.providers.embedded.process import ChildProcess
from twinny_lsp.providers.embedded.child import Orders

async def main():
    child = ChildProcess(Orders({str(fifo)!r}, "k", parent=os.getpid()), "m")
    starting = asyncio.ensure_future(child.start(600))
    await asyncio.sleep(0)
    print(child.pid, flush=True)
    await starting

asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    pid = int(await bounded(process.stdout.readline(), 30))
    process.kill()
    await process.wait()
    await bounded(gone(pid))


# --- sharing ---


async def test_two_editors_share_one_child_that_outlives_its_starter() -> None:
    async with editor() as first, editor() as second:
        text, pid = await first.ask()
        assert text == ADD.text
        assert await second.ask() == (ADD.text, pid)
        await first.kill()
        assert await second.ask() == (ADD.text, pid)
        assert await second.say("close") == "closed"
        await bounded(gone(pid))


async def test_editors_that_start_at_once_share_one_child() -> None:
    async with editor() as first, editor() as second, editor() as third:
        answers = await asyncio.gather(first.ask(), second.ask(), third.ask())
        assert len({pid for _, pid in answers}) == 1
        pid = answers[0][1]
        assert await first.say("close") == "closed"
        assert await second.ask() == (ADD.text, pid)
        await second.kill()
        await third.kill()
        await bounded(gone(pid))


async def test_a_shared_child_that_dies_is_replaced_for_both() -> None:
    async with editor() as first, editor() as second:
        _, pid = await first.ask()
        assert (await second.ask())[1] == pid
        psutil.Process(pid).kill()
        text, new = await second.ask()
        assert (text, new != pid) == (ADD.text, True)
        assert await first.ask() == (ADD.text, new)


async def test_a_notice_of_a_dead_child_is_no_obstacle() -> None:
    async with editor() as first:
        _, pid = await first.ask()
        psutil.Process(pid).kill()
        await first.kill()
    async with editor() as second:
        text, new = await second.ask()
        assert (text, new != pid) == (ADD.text, True)
        await second.kill()
        await bounded(gone(new))
