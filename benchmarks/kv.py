"""What llama.cpp computes of a prompt anew, and what it still computes for a stream that was closed.

A real llama.cpp on the tiny model of the package, asked by the program's own adapter. Its counts do not
depend on the model or the machine, so they hold for a large model as well; only the times would differ.

    python -m benchmarks.kv [cache] [slots] [closing]

`a+b` means: a tokens of the prompt were in the cache, b were computed. Needs xllamacpp.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.servers.llama import TINY_MODEL, write_endless_model
from twinny_lsp.exchange import ChatPrompt, FimPrompt, Generation, Message, Prompt, RawPrompt, Usage
from twinny_lsp.providers.endpoint import Endpoint, Route, Wire
from twinny_lsp.providers.http import HttpProvider

PATIENCE = 60.0
COMPLETION, INFILL = "/completion", "/infill"


@dataclass(frozen=True)
class Setup:
    """How llama-server is started. `unified`: one cache for all slots; `ram`: MiB for what slots had before;
    `reuse`: the shortest run of tokens that is shifted to another place instead of being computed anew."""

    title: str
    slots: int = 1
    unified: bool = False
    ram: int = 8192
    empty_idle: bool = True
    reuse: int = 0
    context: int = 4096
    batch: int = 2048
    model: Path = TINY_MODEL


SETUPS = (
    Setup("-np 1"),
    Setup("-np 2", 2),
    Setup("default (4 slots)", 4, unified=True),
    Setup("-np 2 --cache-ram 0", 2, ram=0, empty_idle=False),
    Setup("embedded", 4, unified=True, ram=64, empty_idle=False, reuse=32),
)


@dataclass
class Server:
    """A running llama.cpp and one provider for each way to ask it."""

    setup: Setup
    native: Any = None
    url: str = ""
    providers: dict[int | None, HttpProvider] = field(default_factory=dict)

    def __enter__(self) -> Server:
        import xllamacpp

        made, params = self.setup, xllamacpp.CommonParams()
        params.model.path = str(made.model)
        params.hostnames, params.port = ["127.0.0.1"], 0
        params.n_ctx = made.context if made.unified else made.context * made.slots
        params.n_batch, params.n_ubatch = made.batch, min(made.batch, 512)
        params.n_parallel, params.kv_unified = made.slots, made.unified
        params.cache_ram_mib, params.cache_idle_slots = made.ram, made.empty_idle
        params.n_cache_reuse = made.reuse
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
        params.n_gpu_layers, params.fit_params, params.warmup = 0, False, False
        params.endpoint_slots, params.endpoint_metrics, params.ui, params.verbosity = True, True, False, 0
        self.native = xllamacpp.Server(params)
        self.url = str(self.native.listening_address)
        return self

    def __exit__(self, *_: object) -> None:
        self.native = None  # releasing it stops it

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    def total(self, name: str) -> int:
        lines = (line.split() for line in self.get("/metrics").split("\n"))
        return round(next(float(line[1]) for line in lines if line[:1] == [f"llamacpp:{name}_total"]))

    async def idle(self) -> float:
        """Seconds until no slot computes any more."""
        began = time.perf_counter()
        while time.perf_counter() - began < PATIENCE:
            slots = json.loads(await asyncio.to_thread(self.get, "/slots"))
            if not any(slot["is_processing"] for slot in slots):
                break
            await asyncio.sleep(0.01)
        return time.perf_counter() - began

    def provider(self, slot: int | None = None) -> HttpProvider:
        """Asks the server as the program does; with `slot` it names one, which the program does not."""
        if slot not in self.providers:
            chat = Route(Wire.OPENAI_CHAT, "/v1/chat/completions")
            routes = Route(Wire.LLAMACPP_COMPLETION, COMPLETION), chat, Route(Wire.LLAMACPP_INFILL, INFILL)
            options = {"batch_tokens": self.setup.batch} | ({} if slot is None else {"id_slot": slot})
            self.providers[slot] = HttpProvider(
                Endpoint("bench", "llamacpp", self.url, *routes, options=options)
            )
        return self.providers[slot]

    async def ask(self, prompt: Prompt, *, slot: int | None = None, warm: bool = False) -> Usage:
        """One short answer; what was counted."""
        usage = Usage()
        generation = Generation("tiny-fim", prompt, 4, 0.0, warm=warm)
        async with aclosing(self.provider(slot).stream(generation)) as pieces:
            async for piece in pieces:
                usage = piece.usage or usage
        return usage

    async def close(self) -> None:
        for provider in self.providers.values():
            await provider.close()


def cost(usage: Usage) -> str:
    cached, prompt = usage.cached or 0, usage.prompt or 0
    return f"{cached}+{prompt - cached}"


# -- texts --------------------------------------------------------------------------------------------


def code(name: str, functions: int) -> str:
    return "".join(f"def {name}_{i}(x):\n    return {name}[x + {i}]\n\n\n" for i in range(functions))


SUFFIX = "\n\n" + code("after", 12)


def prefix_first(prefix: str) -> RawPrompt:
    return RawPrompt(f"<|fim_prefix|>{prefix}<|fim_suffix|>{SUFFIX}<|fim_middle|>")


def suffix_first(prefix: str) -> RawPrompt:
    return RawPrompt(f"<|fim_prefix|><|fim_suffix|>{SUFFIX}<|fim_middle|>{prefix}")


def native(prefix: str) -> FimPrompt:
    return FimPrompt(prefix, SUFFIX)


FORMS: dict[str, Callable[[str], Prompt]] = {
    "prefix first": prefix_first,
    "suffix first": suffix_first,
    "/infill": native,
}

# -- parts --------------------------------------------------------------------------------------------


async def cache() -> None:
    """One file being typed in."""
    head, text = "import os\n", code("before", 40)
    steps: list[tuple[str, str, bool]] = [
        ("a prompt", head + text, False),
        ("the same again", head + text, False),
        ("a letter more before the cursor", head + text + "d", False),
        ("a line more before the cursor", head + text + "def f(x):\n    ", False),
        ("without the window's first line", text + "def f(x):\n    ", False),
        ("another file, read ahead", code("other", 40), True),
        ("the same, asked", code("other", 40) + "d", False),
    ]
    for setup in (Setup("llama-server -np 1"), Setup("llama-server -np 1 --cache-reuse 32", reuse=32)):
        columns = []
        for form in FORMS.values():
            with Server(setup) as server:
                columns.append([cost(await server.ask(form(text), warm=warm)) for _, text, warm in steps])
                await server.close()
        print(f"| {setup.title} | {' | '.join(FORMS)} |\n{'| --- ' * (len(FORMS) + 1)}|")
        for (title, _, _), *row in zip(steps, *columns, strict=True):
            print(f"| {title} | {' | '.join(row)} |")
        print()


async def slots() -> None:
    """Two files and a chat in turn: what of each is still there when it is asked again."""
    titles = "the file after a chat", "the chat after the file", "the file after another file"
    print(f"| llama-server | asked at | slot | {' | '.join(titles)} |\n| --- | --- | --- | --- | --- | --- |")
    for setup in SETUPS:
        for path in (COMPLETION, INFILL):
            for pinned in (False, True)[: setup.slots]:
                with Server(setup) as server:
                    row = await _in_turn(server, prefix_first if path == COMPLETION else native, pinned)
                    await server.close()
                print(f"| {setup.title} | `{path}` | {'named' if pinned else '–'} | {' | '.join(row)} |")


async def _in_turn(server: Server, form: Callable[[str], Prompt], pinned: bool) -> tuple[str, str, str]:
    slot = 0 if pinned else None
    one, other, talk = code("one", 40), code("other", 40), code("talk", 40)

    async def chat(text: str) -> Usage:
        return await server.ask(ChatPrompt((Message("user", text),)))

    await server.ask(form(one), slot=slot)
    await chat(talk)
    after_chat = await server.ask(form(one + "d"), slot=slot)
    chat_again = await chat(talk + "?")
    await server.ask(form(other), slot=slot)
    after_other = await server.ask(form(one + "de"), slot=slot)
    return cost(after_chat), cost(chat_again), cost(after_other)


async def closing() -> None:
    """Streams closed by us: what the server still does for nobody."""
    with tempfile.TemporaryDirectory() as folder:
        model = write_endless_model(Path(folder) / "endless.gguf")
        with Server(Setup("", context=65_536, batch=512, model=model)) as server:
            await _close_while_generating(server)
            await _close_while_reading(server)
            await server.close()


async def _close_while_generating(server: Server) -> None:
    print("| closed after | generated in all | slot free after |\n| --- | --- | --- |")
    for tokens in (1, 5, 20, 50):
        before = server.total("tokens_predicted")
        stream = server.provider().stream(Generation("m", RawPrompt("def add(a, b):\n    "), 100_000, 0.0))
        async for piece in stream:
            if piece.usage is not None and (piece.usage.generated or 0) >= tokens:
                break
        await stream.aclose()
        free = await server.idle()
        generated = server.total("tokens_predicted") - before
        print(f"| {tokens} tokens | {generated} tokens | {free * 1000:.0f} ms |")


async def _close_while_reading(server: Server) -> None:
    """Without `return_progress` the server hears nothing of it: the last row asks as other clients do."""
    print("\n| a prompt of 20,000 tokens, closed while it is read | read in all | slot free after |")
    print("| --- | --- | --- |")
    for title, listens in (("as we ask", True), ("without `return_progress`", False)):
        before = server.total("prompt_tokens")
        text = f"# {title}\n" + "word = 1\n" * 4_000
        if listens:
            stream = server.provider().stream(Generation("m", RawPrompt(text), 4, 0.0))
            await anext(stream)
            await stream.aclose()
        else:
            await _ask_plainly(server, text)
        free = await server.idle()
        print(f"| {title} | {server.total('prompt_tokens') - before} tokens | {free:.1f} s |")


async def _ask_plainly(server: Server, text: str) -> None:
    body = json.dumps({"prompt": text, "n_predict": 4, "stream": True}).encode()
    host, _, port = server.url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /completion HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
    writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    await writer.drain()
    await asyncio.sleep(0.3)
    writer.close()
    await writer.wait_closed()


PARTS = {"cache": cache, "slots": slots, "closing": closing}


async def run(parts: list[str]) -> None:
    for name in parts or PARTS:
        print(f"\n## {name}\n")
        await PARTS[name]()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help=f"any of {', '.join(PARTS)}")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    asyncio.run(run(options.parts))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
