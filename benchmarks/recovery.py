"""A model server is killed in mid-answer and started again five seconds later: how soon suggestions come.

    python -m benchmarks.recovery [--rounds 5] [--fallback]

Somebody types on all the time, six keys a second, with a request at each. From the kill to the first
suggestion everything that goes out is counted: attempts to connect by `strace`, where that is installed
(Linux), and requests by the server that is back. Nobody does anything else to bring it back.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.startup import environment
from tests.support.editor import CURSOR, Editor, params_of
from tests.support.servers.mortal import Mortal
from twinny_lsp.cli.session import Session

AWAY_S, KEY_S, LONGEST_S = 5.0, 1 / 6, 30.0
MOST_S, MOST_LOOKS = 6.0, 3
SERVE = [sys.executable, "-m", "twinny_lsp", "serve", "--stdio"]
STRACE = ["strace", "-f", "-qq", "-ttt", "-e", "trace=connect", "-o"]


@dataclass(frozen=True)
class Round:
    """Seconds from the restart to the first suggestion of that server. `connects`: None without strace.

    `looks` are questions how it is and `others` all other requests, before the first one for a completion
    that was answered. `meanwhile`: suggestions that came between.
    """

    seconds: float
    connects: int | None
    looks: int
    others: int
    meanwhile: int
    messages: int


@contextlib.asynccontextmanager
async def editing(options: dict[str, Any], traced: Path | None) -> AsyncIterator[Editor]:
    """An editor on our server, which `strace` watches if it can."""
    argv = [*STRACE, str(traced), *SERVE] if traced is not None else SERVE
    with tempfile.TemporaryDirectory() as home:
        async with await Session.spawn(argv, env=environment(home)) as session:
            await session.initialize(params_of(options, None), timeout=60)
            editor = Editor(session)
            yield editor
            await session.shutdown()


async def key(editor: Editor) -> str:
    """Type one letter and ask; what is suggested."""
    editor.type("x")
    begun = time.monotonic()
    items = await editor.inline()
    await asyncio.sleep(max(KEY_S - (time.monotonic() - begun), 0))
    return str(items[0]["insertText"]) if items else ""


async def one(folder: Path, *, fallback: bool) -> Round:
    """Kill it, and type until it is back."""
    traced = folder / "connects.txt" if shutil.which("strace") else None
    spare = Mortal(folder / "spare") if fallback else None
    async with Mortal(folder / "first") as server:
        options: dict[str, Any] = {
            "providers": {"ollama": {"baseUrl": server.url}},
            "completion": {"model": "qwen2.5-coder", "cache": False, "speculate": False},
        }
        if spare is not None:
            await spare.start()
            options["providers"]["spare"] = {"type": "ollama", "baseUrl": spare.url}
            options["completion"]["fallback"] = [{"provider": "spare", "model": "starcoder2:3b"}]
        try:
            async with editing(options, traced) as editor:
                return await measured(editor, server, traced)
        finally:
            if spare is not None:
                await spare.kill()


async def measured(editor: Editor, server: Mortal, traced: Path | None) -> Round:
    """The round itself."""
    editor.open(f"total = {CURSOR}\n")
    first = editor.ask_inline()
    await server.asked("/api/generate")
    await server.kill()
    killed = time.time()
    await first
    meanwhile, restarted, before = 0, 0.0, len(server.requests())
    while time.time() < killed + LONGEST_S:
        if not restarted and time.time() >= killed + AWAY_S:
            await server.start()
            restarted = time.time()
        text = await key(editor)
        answered = server.requests()[before:]
        if restarted and text and "/api/generate" in answered:
            until = answered.index("/api/generate")
            looks = answered[:until].count("/api/version")
            ended = time.time()
            failed = connects(traced, server.port, killed, restarted) if traced is not None else None
            return Round(ended - restarted, failed, looks, until - looks, meanwhile, len(editor.messages()))
        meanwhile += bool(text)
    raise SystemExit(f"no suggestion within {LONGEST_S:g} s")


def connects(traced: Path, port: int, since: float, until: float) -> int:
    """Attempts to connect to that port in that time, all of them in vain."""
    lines = traced.read_text(encoding="utf-8", errors="replace").split("\n")
    attempts = [line.split() for line in lines if f"htons({port})" in line and "connect(" in line]
    return sum(since < float(words[1]) < until for words in attempts)


def main() -> int:
    """Print the rounds; 1 when a promise is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--fallback", action="store_true", help="another server stands in meanwhile")
    options = parser.parse_args()
    rounds = []
    print("back after   connects while away   looks   other requests   suggestions meanwhile   messages")
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("first", "spare"):
                (Path(folder) / name).mkdir()
            made = asyncio.run(one(Path(folder), fallback=options.fallback))
        rounds.append(made)
        away = "?" if made.connects is None else str(made.connects)
        cells = f"{away:>18}{made.looks:>8}{made.others:>17}{made.meanwhile:>24}{made.messages:>11}"
        print(f"{made.seconds:>8.1f} s {cells}", flush=True)
    seconds = [each.seconds for each in rounds]
    most = max((each.connects or 0) + each.looks for each in rounds)
    held = max(seconds) <= MOST_S and most <= MOST_LOOKS
    median = statistics.median(seconds)
    print(f"back after {median:.1f} s (median), {max(seconds):.1f} s (most); ≤ {MOST_S:g} s")
    print(f"asked {most} times at most until it was back; ≤ {MOST_LOOKS}: {'held' if held else 'MISSED'}")
    return 0 if held else 1


if __name__ == "__main__":
    raise SystemExit(main())
