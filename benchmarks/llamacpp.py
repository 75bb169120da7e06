"""How much of its prompts a real llama.cpp computes anew while somebody types: the whole server over stdio.

    python -m benchmarks.llamacpp [--route completion|infill] [--keys 200]

Types real Python again in the middle of a file of 2,000 lines and more, with the rhythm of
`benchmarks.typing`, beside the tiny model in the package. A proxy between the two reads what llama.cpp
counts (`timings`, `prompt_progress`): the tiny model is nearly always wrong, so this is the hard case. The
first request is told apart. Needs the `embedded` extra.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from benchmarks.startup import environment
from benchmarks.typing.outside import editor_on
from benchmarks.typing.trace import Hole
from benchmarks.typing.typist import Score, type_hole
from tests.support.servers.llama import run_llama

SERVE = [sys.executable, "-m", "twinny_lsp", "serve", "--stdio"]
BUDGET_SHARE = 20.0
SAMPLE = Path(argparse.__file__)
"""A file of the standard library with more than 2,000 lines."""


@dataclass
class Counts:
    """Tokens of one prompt: all, and those llama.cpp had in its cache."""

    path: str
    total: int = 0
    cached: int = 0


class Proxy:
    """Passes everything on, and reads the counts in what streams by."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.counts: list[Counts] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        body = await request.read()
        asked: dict[str, Any] = json.loads(body) if body else {}
        counts = Counts(request.path)
        if asked.get("stream"):
            self.counts.append(counts)
            body = json.dumps({**asked, "return_progress": True}).encode()
        url = self.upstream + request.path_qs
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, url, data=body or None) as answer,
        ):
            response = web.StreamResponse(
                status=answer.status, headers={"Content-Type": answer.headers.get("Content-Type", "")}
            )
            await response.prepare(request)
            async for line in answer.content:
                self._read(line, counts)
                await response.write(line)
            return response

    def _read(self, line: bytes, counts: Counts) -> None:
        if not line.startswith(b"data: {"):
            return
        event = json.loads(line[6:])
        progress, timings = event.get("prompt_progress"), event.get("timings")
        if progress:
            counts.total, counts.cached = progress["total"], progress["cache"]
        if timings and "cache_n" in timings:
            counts.total = timings["prompt_n"] + timings["cache_n"]
            counts.cached = timings["cache_n"]


@contextlib.asynccontextmanager
async def proxied(upstream: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy before that server, and its address."""
    proxy = Proxy(upstream)
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{path:.*}", proxy.handle)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield proxy, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def hole_of(keys: int) -> Hole:
    """So many characters of whole lines in the middle of the file."""
    text = SAMPLE.read_text(encoding="utf-8")
    start = text.index("\n", len(text) // 2) + 1
    end = text.index("\n", start + keys)
    return Hole(SAMPLE.name, "python", text, start, text[start:end])


async def typed(route: str, keys: int, seed: int) -> list[Counts]:
    """The counts of every prompt while the hole was typed."""
    hole = hole_of(keys)
    with run_llama(context=4096, batch=2048, parallel=1) as llama, tempfile.TemporaryDirectory() as home:
        async with proxied(llama.url) as (proxy, url):
            options = {
                "providers": {"llamacpp": {"baseUrl": url, "batchTokens": 2048}},
                "completion": {
                    "provider": "llamacpp",
                    "fimTemplate": "native" if route == "infill" else "qwen",
                },
            }
            async with editor_on(SERVE, options, environment(home)) as editor:
                await type_hole(editor, hole, random.Random(seed), Score())
            return proxy.counts


def main() -> int:
    """Print the share; 1 when it is larger than promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--route", choices=["completion", "infill"], default="completion")
    parser.add_argument("--keys", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", action="store_true", help="print every prompt")
    args = parser.parse_args()
    counts = [each for each in asyncio.run(typed(args.route, args.keys, args.seed)) if each.total]
    for each in counts if args.each else ():
        print(f"{each.path:<14}{each.total:>6} tokens, {each.total - each.cached:>6} anew")
    later = counts[1:]
    total = sum(each.total for each in later)
    anew = sum(each.total - each.cached for each in later)
    share = 100 * anew / max(total, 1)
    mean, verdict = total // len(later), "held" if share <= BUDGET_SHARE else "MISSED"
    print(f"/{args.route}: first prompt {counts[0].total} tokens; {len(later)} more, {mean} on average")
    print(f"computed anew: {share:.1f} % (≤ {BUDGET_SHARE:.0f} %: {verdict})")
    return 0 if share <= BUDGET_SHARE else 1


if __name__ == "__main__":
    sys.exit(main())
