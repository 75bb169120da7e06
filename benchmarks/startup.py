"""From process start to the `initialize` answer beside an empty pygls server, and the loop's longest stand.

    python -m benchmarks.startup [--rounds 20] [--stand 10]

The two are started in turn; the minimum counts, since everything else is the machine's. Needs psutil.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from twinny_lsp.cli.session import Session

ROOT = Path(__file__).parent.parent
TARGET_RATIO, TARGET_RSS_MIB, TARGET_STAND_MS = 1.15, 12.0, 50.0
EMPTY = "from pygls.lsp.server import LanguageServer\nLanguageServer('empty', '1').start_io()\n"
BASE = (
    "import sys\n"
    "from twinny_lsp.lsp.imports import lean_imports\n"
    "with lean_imports():\n"
    "    from twinny_lsp.lsp.core import TwinnyLanguageServer\n"
    "    server = TwinnyLanguageServer('base', '1')\n"
    "sys.exit(server.run_stdio())\n"
)


def commands() -> dict[str, list[str]]:
    """The servers to start."""
    return {
        "empty pygls": [sys.executable, "-c", EMPTY],
        "base class": [sys.executable, "-c", BASE],
        "twinny-lsp": [sys.executable, "-m", "twinny_lsp", "serve", "--stdio"],
    }


def environment(home: str) -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {"PYTHONPATH": path, "HOME": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home}


async def start_once(argv: list[str], home: str) -> tuple[float, float]:
    """(seconds to the answer, MiB of RSS then)."""
    start = time.perf_counter()
    async with await Session.spawn(argv, env=environment(home)) as session:
        await session.request("initialize", {"processId": os.getpid(), "rootUri": None, "capabilities": {}})
        seconds = time.perf_counter() - start
        link: Any = session.link
        rss = psutil.Process(link.process.pid).memory_info().rss / 2**20
        await session.shutdown()
    return seconds, rss


async def longest_stand(argv: list[str], home: str, seconds: float) -> float:
    """Ask something cheap every 5 ms from `initialized` on; the worst time to its answer, in ms."""
    async with await Session.spawn(argv, env=environment(home)) as session:
        await session.initialize()
        document = {"uri": "file:///a.py", "languageId": "python", "version": 1, "text": "a = 1\n"}
        session.notify("textDocument/didOpen", {"textDocument": document})
        worst, end = 0.0, time.perf_counter() + seconds
        while time.perf_counter() < end:
            start = time.perf_counter()
            try:
                await session.request("test/there-is-no-such-method", {})
            except Exception:  # the refusal is the answer
                worst = max(worst, time.perf_counter() - start)
            await asyncio.sleep(0.005)
        await session.shutdown()
    return worst * 1000


async def run(rounds: int, stand_s: float) -> int:
    servers = commands()
    times: dict[str, list[float]] = {name: [] for name in servers}
    sizes: dict[str, list[float]] = {name: [] for name in servers}
    with tempfile.TemporaryDirectory() as home:
        for _ in range(rounds):
            for name, argv in servers.items():
                seconds, rss = await start_once(argv, home)
                times[name].append(seconds)
                sizes[name].append(rss)
        floor, floor_rss = min(times["empty pygls"]), min(sizes["empty pygls"])
        held = True
        for name in servers:
            ratio, extra = min(times[name]) / floor, min(sizes[name]) - floor_rss
            held = held and ratio <= TARGET_RATIO and extra <= TARGET_RSS_MIB
            print(
                f"{name:12} start to answer: min {min(times[name]) * 1000:5.0f} ms of {rounds} "
                f"(x {ratio:.2f})   RSS {min(sizes[name]):.1f} MiB ({extra:+.1f})"
            )
        for name, argv in servers.items():
            worst = await longest_stand(argv, home, stand_s)
            print(f"{name:12} longest stand in the first {stand_s:.0f} s: {worst:.1f} ms")
        held = held and worst <= TARGET_STAND_MS  # the last one: the whole program when it is there
    print(
        f"targets: x {TARGET_RATIO}, {TARGET_RSS_MIB:+.0f} MiB, {TARGET_STAND_MS:.0f} ms: "
        f"{'held' if held else 'MISSED'}"
    )
    return 0 if held else 1


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--stand", type=float, default=10.0, help="seconds")
    options = parser.parse_args()
    return asyncio.run(run(options.rounds, options.stand))


if __name__ == "__main__":
    raise SystemExit(main())
