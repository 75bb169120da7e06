"""Chat over a real Symmetry network on 127.0.0.1: sidecar, DHT, server, and providers of every version."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.asking import limited
from tests.support.servers.processes import gone, runs
from tests.support.symmetry.network import FRAMINGS, QUICK, Running, run_provider
from twinny_lsp.errors import (
    BadAnswer,
    ContextOverflow,
    Interrupted,
    ModelMissing,
    ProviderError,
    ServerFailure,
    TimedOut,
    Unreachable,
    Unsupported,
)
from twinny_lsp.exchange import ChatPrompt, FimPrompt, Finish, Generation, Message, Piece, Prompt, RawPrompt
from twinny_lsp.providers.base import State
from twinny_lsp.providers.symmetry.protocol import SYSTEM
from twinny_lsp.providers.symmetry.provider import SymmetryProvider

pytestmark = pytest.mark.skipif(os.name == "nt", reason="processes are ended by POSIX signals")
CHUNKS = "model-chunks"
HURRIED = replace(QUICK, connect=2.0, first_byte=0.6, idle=0.6)
NOBODY = "00" * 31 + "01"


def say(text: str, model: str = CHUNKS, max_tokens: int = 1000) -> Generation:
    return Generation(model, ChatPrompt((Message("user", text),)), max_tokens, 0.2)


def tokens(count: int) -> str:
    return "".join(f"tok{number} " for number in range(count))


async def ask(provider: SymmetryProvider, generation: Generation) -> list[Piece]:
    return [piece async for piece in provider.stream(generation)]


async def text(provider: SymmetryProvider, generation: Generation) -> str:
    return "".join(piece.text for piece in await ask(provider, generation))


@pytest.fixture
async def provider(symmetry_network: Running, symmetry_modules: Path) -> AsyncIterator[SymmetryProvider]:
    async with provider_of(symmetry_network, symmetry_modules) as made:
        yield made


@asynccontextmanager
async def provider_of(
    network: Running, modules: Path, timeouts: Any = QUICK, **options: object
) -> AsyncIterator[SymmetryProvider]:
    made = SymmetryProvider(network.endpoint(timeouts, **options), modules=modules)
    try:
        yield made
    finally:
        await made.close()


# -- answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", FRAMINGS)
@limited
async def test_an_answer_in_every_framing(
    provider: SymmetryProvider, symmetry_network: Running, framing: str
) -> None:
    model = f"model-{framing}"
    pieces = await ask(provider, say("tokens=4", model))
    assert "".join(piece.text for piece in pieces) == tokens(4)
    peer = pieces[0].answered_by
    assert peer is not None
    assert (peer.name, peer.id) == (f"fixture {framing}", symmetry_network.provider_id(model))
    assert pieces[-1].finish is Finish.STOP
    assert await text(provider, say("tokens=3 UNICODE", model)) == "žluť 🦊\u2028 " * 3
    assert "inferenceEnded" in await text(provider, say("tokens=2 LITERAL", model))
    thinking = await ask(provider, say("tokens=1 THINK", model))
    assert ("".join(p.text for p in thinking), "".join(p.thinking for p in thinking)) == (tokens(1), "hm")


@limited
async def test_thirty_chats(provider: SymmetryProvider, symmetry_network: Running) -> None:
    before = len(symmetry_network.events)
    models = [f"model-{FRAMINGS[number % len(FRAMINGS)]}" for number in range(30)]
    for number, model in enumerate(models[:10]):
        assert await text(provider, say(f"tokens={number + 1}", model)) == tokens(number + 1)
    rest = [text(provider, say(f"tokens={number}", model)) for number, model in enumerate(models[10:], 5)]
    assert await asyncio.gather(*rest) == [tokens(number) for number in range(5, 25)]
    assert provider.sidecar.starts == 1
    for where in ("server", "provider"):
        keys = [event["peer"] for event in symmetry_network.seen(before, at=where, event="asked")]
        assert len(keys) == len(set(keys)) == 30  # nobody can tell that it is one person


@limited
async def test_a_long_chat_goes_over_in_one_piece(provider: SymmetryProvider) -> None:
    assert await text(provider, say("x" * 2_000_000 + " tokens=2")) == tokens(2)
    with pytest.raises(ContextOverflow, match="Begin a new one"):
        await ask(provider, say("ž" * 9_000_000))


@limited
async def test_the_provider_gets_the_messages_and_a_system_message(
    provider: SymmetryProvider, symmetry_network: Running
) -> None:
    before = len(symmetry_network.events)
    await ask(provider, say("tokens=1"))
    asked = await symmetry_network.until(before, at="provider", event="asked")
    assert asked["messages"] == [["system", SYSTEM], ["user", "tokens=1"]]


@limited
async def test_an_answer_without_end_is_cut_off(
    provider: SymmetryProvider, symmetry_network: Running
) -> None:
    before = len(symmetry_network.events)
    pieces = await ask(provider, say("ENDLESS delay=0", max_tokens=50))
    assert pieces[-1].finish is Finish.LENGTH
    assert 400 <= sum(len(piece.text) for piece in pieces) < 1000
    await symmetry_network.until(before, at="provider", event="left")


# -- what does not go over it ---------------------------------------------------------------------


@pytest.mark.parametrize("prompt", [RawPrompt("x"), FimPrompt("a", "b")])
@limited
async def test_no_completion(provider: SymmetryProvider, prompt: Prompt) -> None:
    with pytest.raises(Unsupported, match="chat only"):
        await ask(provider, Generation(CHUNKS, prompt, 10, 0.2))
    with pytest.raises(Unsupported):
        await ask(provider, replace(say("hi"), warm=True))
    assert provider.sidecar.starts == 0


@limited
async def test_nothing_starts_before_a_question(provider: SymmetryProvider) -> None:
    health = await provider.health()
    assert (health.state, health.server.split(",")[0]) == (State.READY, "hyperdht 6.34.0")
    with pytest.raises(Unsupported, match="Name one in"):
        await provider.models()
    assert (await provider.facts("m")).name == "m"
    assert await provider.count_tokens("x", "m") is None
    assert provider.sidecar.starts == 0


# -- cancelling -----------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["closing", "cancelling"])
@limited
async def test_a_cancelled_answer_ends_the_connection(
    provider: SymmetryProvider, symmetry_network: Running, by: str
) -> None:
    before = len(symmetry_network.events)
    come = asyncio.Event()

    async def read() -> None:
        async with aclosing(provider.stream(say("ENDLESS delay=5"))) as pieces:
            async for piece in pieces:
                if piece.text == "tok3 ":
                    come.set()
                    if by == "closing":
                        return

    task = asyncio.create_task(read())
    await come.wait()
    if by == "cancelling":
        task.cancel()
    await asyncio.wait({task})
    asked = await symmetry_network.until(before, at="provider", event="asked")
    await symmetry_network.until(before, at="provider", event="left", peer=asked["peer"])
    assert await text(provider, say("tokens=2")) == tokens(2)
    assert provider.sidecar.starts == 1


@limited
async def test_cancelled_while_it_looks_for_a_provider(
    provider: SymmetryProvider, symmetry_network: Running
) -> None:
    before = len(symmetry_network.events)
    task = asyncio.create_task(ask(provider, say("hi", "nobody-has-this")))
    await symmetry_network.until(before, at="server", event="asked")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await text(provider, say("tokens=1")) == tokens(1)


async def until_the_fourth(provider: SymmetryProvider, model: str, then: Callable[[], object]) -> None:
    """Read an answer without end; `then` is called once some of it has come."""
    async with aclosing(provider.stream(say("ENDLESS delay=5", model))) as pieces:
        async for piece in pieces:
            if piece.text == "tok3 ":
                then()


# -- failures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        ("SILENT", TimedOut, r"fixture \w+ \([0-9a-f]{12}…\) took the question but sent nothing for 0.6 s"),
        ("tokens=6 STALL", TimedOut, r"stopped sending for 0.6 s\. Providers do not pass on"),
        ("tokens=6 DROP", Interrupted, "broke the answer off"),
        ("HANGUP", Interrupted, "without an answer"),
        ("EMPTY", BadAnswer, "without any text"),
        ("tokens=0", BadAnswer, "without any text"),
    ],
)
@limited
async def test_a_provider_that_fails(
    symmetry_network: Running,
    symmetry_modules: Path,
    framing: str,
    words: str,
    kind: type[ProviderError],
    said: str,
) -> None:
    async with provider_of(symmetry_network, symmetry_modules, HURRIED) as provider:
        with pytest.raises(kind, match=said) as raised:
            await ask(provider, say(words, f"model-{framing}"))
        assert "Ask again" in str(raised.value)


@limited
async def test_a_provider_that_says_what_is_wrong(provider: SymmetryProvider) -> None:
    with pytest.raises(ServerFailure, match=r"reports an error\. It says: \"the model \[31m fell over\"\."):
        await ask(provider, say("ERROR"))


@pytest.mark.parametrize(
    ("model", "kind", "said"),
    [
        ("nobody-has-this", ModelMissing, "no provider for nobody-has-this within 2 s"),
        ("refused", TimedOut, 'refused the session. It says: "no seats"'),
        ("unconfirmed", TimedOut, "confirmed no session within 2 s"),
        ("astray", BadAnswer, "named one provider and sent to another"),
        ("hangup", Interrupted, "closed the connection before it named a provider"),
    ],
)
@limited
async def test_a_server_that_does_not_help(
    symmetry_network: Running, symmetry_modules: Path, model: str, kind: type[ProviderError], said: str
) -> None:
    async with provider_of(symmetry_network, symmetry_modules, HURRIED) as provider:
        before = len(symmetry_network.events)
        with pytest.raises(kind, match=said):
            await ask(provider, say("hi", model))
        assert not symmetry_network.seen(before, at="provider", event="asked")


@limited
async def test_nobody_else_is_taken_for_the_server(symmetry_network: Running, symmetry_modules: Path) -> None:
    """Another one announces itself where the one should be whose key the settings have."""
    async with provider_of(symmetry_network, symmetry_modules, HURRIED, server_key=NOBODY) as provider:
        before = len(symmetry_network.events)
        with pytest.raises(Unreachable, match=r"server 000000000000… could not be reached within 2 s"):
            await ask(provider, say("hi"))
        assert not symmetry_network.seen(before, at="server", event="asked")


@limited
async def test_a_limit_for_the_whole_answer(symmetry_network: Running, symmetry_modules: Path) -> None:
    limits = replace(QUICK, total=0.7)
    async with provider_of(symmetry_network, symmetry_modules, limits) as provider:
        with pytest.raises(TimedOut, match=r"was not complete after 0.7 s.*timeouts\.total"):
            await ask(provider, say("ENDLESS delay=20"))


@limited
async def test_a_provider_dies(symmetry_network: Running, symmetry_modules: Path) -> None:
    limits = replace(QUICK, idle=1.0)
    with run_provider(symmetry_network, symmetry_modules, "mortal") as mortal:
        async with provider_of(symmetry_network, symmetry_modules, limits) as provider:
            with pytest.raises(TimedOut, match="stopped sending for 1 s"):
                await until_the_fourth(provider, "mortal", mortal.process.kill)
            assert await text(provider, say("tokens=2")) == tokens(2)


@limited
async def test_only_providers_that_are_allowed(symmetry_network: Running, symmetry_modules: Path) -> None:
    own = symmetry_network.provider_id(CHUNKS)
    with run_provider(symmetry_network, symmetry_modules, CHUNKS) as second:
        other = second.told["id"]
        for allowed in (own, other):
            async with provider_of(
                symmetry_network, symmetry_modules, allowed_providers=(allowed,)
            ) as provider:
                for _ in range(4):
                    pieces = await ask(provider, say("tokens=1"))
                    assert pieces[0].answered_by is not None
                    assert pieces[0].answered_by.id == allowed
    async with provider_of(symmetry_network, symmetry_modules, allowed_providers=(NOBODY,)) as provider:
        before = len(symmetry_network.events)
        with pytest.raises(ModelMissing, match=f"allowedProviders allows. The server named:.*{own}"):
            await ask(provider, say("tokens=1"))
        assert not symmetry_network.seen(before, at="provider", event="asked")


@limited
async def test_another_provider_where_one_cannot_be_reached(
    symmetry_network: Running, symmetry_modules: Path
) -> None:
    limits = replace(QUICK, connect=2.0)
    with (
        run_provider(symmetry_network, symmetry_modules, "twins") as first,
        run_provider(symmetry_network, symmetry_modules, "twins") as second,
        run_provider(symmetry_network, symmetry_modules, "single") as single,
    ):
        first.process.kill()
        single.process.kill()
        async with provider_of(symmetry_network, symmetry_modules, limits) as provider:
            answers = await asyncio.gather(*(ask(provider, say("tokens=1", "twins")) for _ in range(12)))
            assert {pieces[0].answered_by and pieces[0].answered_by.id for pieces in answers} == {
                second.told["id"]
            }
            with pytest.raises(Unreachable, match=r"chunks \(\w{12}…\) could not be reached within 2"):
                await ask(provider, say("tokens=1", "single"))


# -- the sidecar ----------------------------------------------------------------------------------


@limited
async def test_the_sidecar_is_killed(provider: SymmetryProvider) -> None:
    def kill() -> None:
        assert provider.sidecar.pid is not None
        os.kill(provider.sidecar.pid, signal.SIGKILL)

    with pytest.raises(Interrupted, match=r"ended while at work: it was ended by SIGKILL\. The next"):
        await until_the_fourth(provider, CHUNKS, kill)
    assert await text(provider, say("tokens=2")) == tokens(2)
    assert provider.sidecar.starts == 2
    pid = provider.sidecar.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await gone(pid)
    assert await text(provider, say("tokens=3")) == tokens(3)  # nobody notices
    assert provider.sidecar.starts == 3


@limited
async def test_closing_ends_it_with_what_is_under_way(provider: SymmetryProvider) -> None:
    come = asyncio.Event()
    task = asyncio.create_task(until_the_fourth(provider, CHUNKS, come.set))
    await come.wait()
    pid = provider.sidecar.pid
    assert pid is not None
    await provider.close()
    with pytest.raises(ServerFailure, match="settings changed"):
        await task
    assert not runs(pid)
    with pytest.raises(ServerFailure, match="settings changed"):
        await ask(provider, say("hi"))


@limited
async def test_modules_that_do_not_load(symmetry_network: Running, tmp_path: Path) -> None:
    broken = tmp_path / "node_modules" / "hyperdht"
    broken.mkdir(parents=True)
    (broken / "package.json").write_text('{"version": "1", "main": "missing.js"}')
    async with provider_of(symmetry_network, tmp_path) as provider:
        with pytest.raises(ServerFailure, match="modules cannot be loaded by this"):
            await ask(provider, say("hi"))
    async with provider_of(symmetry_network, tmp_path / "empty") as provider:
        with pytest.raises(Unsupported, match="modules are not installed: run `twinny-lsp symmetry"):
            await ask(provider, say("hi"))
        assert (await provider.health()).state is State.DOWN
    async with provider_of(symmetry_network, tmp_path, node_path=str(tmp_path / "node")) as provider:
        with pytest.raises(Unsupported, match=r"is no Node\.js that runs here"):
            await ask(provider, say("hi"))


PARENT = """
import asyncio, json, sys
from pathlib import Path
from tests.providers.test_real_symmetry import say
from twinny_lsp.providers.endpoint import Endpoint
from twinny_lsp.providers.symmetry.provider import SymmetryProvider

async def main(modules, options):
    endpoint = Endpoint("symmetry", "symmetry", "", None, None, options=options)
    provider = SymmetryProvider(endpoint, modules=Path(modules))
    async for piece in provider.stream(say("ENDLESS delay=5")):
        if piece.text == "tok3 ":
            print(provider.sidecar.pid, flush=True)

asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
"""


@limited
async def test_it_ends_with_its_parent(symmetry_network: Running, symmetry_modules: Path) -> None:
    options = json.dumps(dict(symmetry_network.endpoint().options))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(symmetry_modules), options, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    pid = int(await process.stdout.readline())
    assert runs(pid)
    process.kill()
    await process.wait()
    await gone(pid)


@limited
async def test_every_socket_is_bound_to_loopback(
    provider: SymmetryProvider, symmetry_network: Running
) -> None:
    """The system lets nothing out of a socket that is bound to 127.0.0.1."""
    async with aclosing(provider.stream(say("ENDLESS delay=5"))) as pieces:
        async for piece in pieces:
            if piece.text == "tok3 ":
                break
        for pid in (provider.sidecar.pid, symmetry_network.process.pid):
            sockets = psutil.Process(pid).net_connections(kind="inet")
            assert sockets
            assert {found.laddr.ip for found in sockets} == {"127.0.0.1"}
