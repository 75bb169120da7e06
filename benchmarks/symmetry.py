"""Chat over Symmetry on a network of its own on 127.0.0.1: thirty chats, failures, and their times.

    python -m benchmarks.symmetry              # the network of the tests, providers of every version
    python -m benchmarks.symmetry published    # the provider as npm has it, installed into .cache/ (a minute)
    python -m benchmarks.symmetry --isolated   # in a network namespace with nothing but loopback (root)
    python -m benchmarks.symmetry --trace      # under strace: every address that anything of it talks to

Ends with status 1 when an answer is wrong, a failure is not told, or an address is not loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.fake_server import HANG, FakeServer, Recorded, Reply, chat_stream, json_reply
from tests.support.symmetry import network as symmetry
from tests.support.symmetry import published
from twinny_lsp.errors import ProviderError
from twinny_lsp.exchange import ChatPrompt, Generation, Message
from twinny_lsp.providers.endpoint import Timeouts
from twinny_lsp.providers.symmetry.provider import SymmetryProvider

CHATS = 30
TOKENS = 20
LIMITS = Timeouts(connect=3.0, first_byte=3.0, idle=3.0, total=60.0)
LISTED_S = 60.0
INSIDE = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
TRACE = ["strace", "-f", "-qq", "-e", "trace=network", "-o"]
_ADDRESS = re.compile(r'sin6?_port=\S+ (?:sin_addr=inet_addr|inet_pton\(AF_INET6, )\(?"([^"]+)"')


def asked(text: str, model: str) -> Generation:
    return Generation(model, ChatPrompt((Message("user", text),)), 4000, 0.2)


def told(what: str, began: float, more: str) -> None:
    print(f"{what:<24} {(time.perf_counter() - began) * 1000:7.0f} ms  {more}")


class Run:
    """What was measured, and what was wrong."""

    def __init__(self, provider: SymmetryProvider) -> None:
        self.provider = provider
        self.wrong: list[str] = []
        self.times: dict[str, list[float]] = {}

    def note(self, what: str, began: float) -> None:
        self.times.setdefault(what, []).append((time.perf_counter() - began) * 1000)

    async def chat(self, model: str, tokens: int = TOKENS, how: str = "") -> None:
        """One chat; its text must be right."""
        began, text = time.perf_counter(), ""
        async with aclosing(self.provider.stream(asked(f"tokens={tokens} delay=0", model))) as pieces:
            async for piece in pieces:
                if piece.answered_by is not None:
                    self.note(f"{how}connected", began)
                if piece.text and not text:
                    self.note(f"{how}first text", began)
                text += piece.text
        self.note(f"{how}whole answer", began)
        if text != "".join(f"tok{number} " for number in range(tokens)):
            self.wrong.append(f"wrong text from {model}: {text[:60]!r}")

    async def chats(self, models: list[str]) -> None:
        """Ten after one another, the rest at once."""
        chosen = [models[number % len(models)] for number in range(CHATS)]
        for model in chosen[:10]:
            await self.chat(model)
        await asyncio.gather(*(self.chat(model, how="at once: ") for model in chosen[10:]))

    async def fails(self, what: str, words: str, model: str, then: Callable[[], object] = bool) -> None:
        """A chat that must fail; `then` is called when its fourth piece is there."""
        began = time.perf_counter()
        try:
            async with aclosing(self.provider.stream(asked(words, model))) as pieces:
                async for piece in pieces:
                    if piece.text == "tok3 ":
                        began = time.perf_counter()
                        then()
        except ProviderError as error:
            told(what, began, str(error))
        else:
            self.wrong.append(f"{what}: nothing was told")

    async def cancelled(self, model: str, network: symmetry.Running) -> None:
        """Close a stream in the middle; the provider must notice."""
        before = len(network.events)
        async with aclosing(self.provider.stream(asked("ENDLESS delay=5", model))) as pieces:
            async for piece in pieces:
                if piece.text == "tok3 ":
                    break
        began = time.perf_counter()
        peer = (await network.until(before, at="provider", event="asked"))["peer"]
        await network.until(before, at="provider", event="left", peer=peer)
        told("cancelled", began, "until the provider saw it")

    def kill(self) -> None:
        if self.provider.sidecar.pid is not None:
            os.kill(self.provider.sidecar.pid, signal.SIGKILL)

    def report(self) -> int:
        print()
        for what, times in self.times.items():
            ordered = sorted(times)
            p90 = ordered[int(len(ordered) * 0.9)]
            print(f"{what:<36} {len(times):>3} × {statistics.median(times):7.1f} ms, p90 {p90:7.1f} ms")
        print("\n".join(["", *(self.wrong or ["all as it should be"])]))
        return 1 if self.wrong else 0


@contextlib.asynccontextmanager
async def running(network: symmetry.Running, modules: Path) -> AsyncIterator[Run]:
    provider = SymmetryProvider(network.endpoint(LIMITS), modules=modules)
    try:
        yield Run(provider)
    finally:
        await provider.close()


async def cold(network: symmetry.Running, modules: Path) -> None:
    """The first chat of a process, sidecar and all."""
    for _ in range(5):
        async with running(network, modules) as run:
            began = time.perf_counter()
            await run.chat("model-chunks", 1)
            told("first chat, cold", began, "sidecar, network, an answer of one piece")


async def fixture(modules: Path) -> int:
    """Everything on the network of the tests."""
    with symmetry.run(modules, "network", *symmetry.FRAMINGS) as network:
        await cold(network, modules)
        async with running(network, modules) as run:
            await run.chats([f"model-{framing}" for framing in symmetry.FRAMINGS])
            await run.cancelled("model-chunks", network)
            await run.fails("sidecar killed", "ENDLESS delay=5", "model-chunks", run.kill)
            began = time.perf_counter()
            await run.chat("model-chunks", 1, "sidecar started again: ")
            told("  and asked again", began, "until the answer")
            with symmetry.run_provider(network, modules, "mortal") as mortal:
                await run.fails("provider killed", "ENDLESS delay=5", "mortal", mortal.process.kill)
            for words in ("SILENT", "tokens=9 STALL", "tokens=9 DROP", "EMPTY", "ERROR"):
                await run.fails(words, words, "model-chunks")
            await run.fails("no provider", "hi", "nobody-has-this")
            return run.report()


def upstream(request: Recorded) -> Reply:
    """The model server behind the published provider; obeys words like the providers of the tests."""
    text = str(request.json["messages"][-1]["content"])
    if "ERROR" in text:
        return json_reply({"error": {"message": "it failed"}}, 500)
    if "SILENT" in text:
        return chat_stream([HANG])
    if "ENDLESS" in text:
        return chat_stream([piece for number in range(4000) for piece in (f"tok{number} ", 0.005)])
    found = re.search(r"tokens=(\d+)", text)
    return chat_stream([f"tok{number} " for number in range(int(found[1]) if found else 3)])


async def over_published(modules: Path) -> int:
    """The published provider, over a scripted model server."""
    published.installed()
    with symmetry.run(modules, "network") as network, tempfile.TemporaryDirectory() as home:
        async with FakeServer() as server, running(network, modules) as run:
            server.on("POST", "/v1/chat/completions", upstream)
            server.on("GET", "/v1/models", json_reply({"object": "list", "data": [{"id": "m"}]}))
            port = urlsplit(server.url).port or 0
            with published.provider(network, port, "published", Path(home)) as process:
                await listed(run, "published", Path(home))
                run.times.clear()
                await run.chats(["published"])
                await run.fails("model server: 500", "ERROR", "published")
                await run.fails("model server: silent", "SILENT", "published")
                await run.fails("sidecar killed", "ENDLESS", "published", run.kill)
                await run.chat("published")
                await run.fails("provider killed", "ENDLESS", "published", process.kill)
            await run.fails("no provider", "hi", "nobody-has-this")
            return run.report()


async def listed(run: Run, model: str, home: Path) -> None:
    """Wait until the provider answers; its start takes seconds."""
    until = time.monotonic() + LISTED_S
    while True:
        try:
            return await run.chat(model, 1)
        except ProviderError as error:
            if time.monotonic() > until:
                log = (home / "provider.log").read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"the published provider is silent: {error}\n{log[-2000:]}") from None


def traced(arguments: list[str]) -> int:
    """Run again under strace, and count the calls by address."""
    with tempfile.NamedTemporaryFile(suffix=".strace") as file:
        done = subprocess.run([*TRACE, file.name, *arguments], check=False)
        log = Path(file.name).read_text(encoding="utf-8", errors="replace")
    found = Counter(match for match in _ADDRESS.findall(log))
    print("\naddresses in network calls: " + ", ".join(f"{a} ({n} calls)" for a, n in found.most_common()))
    left = set(found) - {"127.0.0.1", "::1"}
    print(f"not loopback: {', '.join(sorted(left)) or 'none'}")
    return done.returncode or (1 if left or not found else 0)


def main() -> int:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=("fixture", "published"), default="fixture")
    parser.add_argument("--isolated", action="store_true")
    parser.add_argument("--trace", action="store_true")
    options = parser.parse_args()
    modules = symmetry.modules()  # from npm's registry, before the door is shut
    again = [sys.executable, "-m", "benchmarks.symmetry", options.what]
    if options.what == "published":
        published.installed()
    if options.trace:
        return traced(again)
    if options.isolated:
        return subprocess.run([*INSIDE, *again], check=False).returncode
    return asyncio.run(fixture(modules) if options.what == "fixture" else over_published(modules))


if __name__ == "__main__":
    sys.exit(main())
