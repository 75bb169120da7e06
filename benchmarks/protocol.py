"""A long session, ours beside bare pygls in one run: memory growth, unanswered requests, round-trip time.

    python -m benchmarks.protocol [--changes 20000] [--requests 2000]

Edits and requests are sent in a mix; every fourth request is cancelled at once. Needs psutil.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from twinny_lsp.cli.session import Session

ROOT = Path(__file__).parent.parent
SERVER = ROOT / "tests" / "protocol" / "server.py"
URI = "file:///soak.py"
AT = {"textDocument": {"uri": URI}, "position": {"line": 3, "character": 0}}
TARGET_GROWTH_MIB = 5.0


@dataclass(frozen=True)
class Result:
    kind: str
    growth_mib: float
    unanswered: int
    doubled: int
    round_trip_ms: list[float]


def rss_mib(session: Session) -> float:
    link: Any = session.link
    return float(psutil.Process(link.process.pid).memory_info().rss) / 2**20


async def change(session: Session, rng: random.Random, version: int) -> None:
    """Type one character, or take one away again, so that the document keeps its size."""
    line = rng.randrange(200)
    start = {"line": line, "character": 0}
    end, text = (start, "x") if version % 2 else ({"line": line, "character": 1}, "")
    document = {"uri": URI, "version": version}
    edit = {"range": {"start": start, "end": end}, "text": text}
    session.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [edit]})


async def soak(session: Session, changes: int, requests: int, rng: random.Random) -> tuple[int, int]:
    """(unanswered, answered more than once) after so many edits and requests."""
    due = sorted(rng.randrange(changes) for _ in range(requests))
    sent, seen = 0, len(session.answers)
    for version in range(changes):
        await change(session, rng, version + 2)
        while sent < requests and due[sent] <= version:
            name = f"soak-{sent}"
            session.send_request("textDocument/completion", AT, id=name)
            if sent % 4 == 0:
                session.cancel(name)
            sent += 1
        if version % 200 == 0:
            await session.link.drain()
            await session.request("test/echo", {"say": 1})
    await session.request("test/echo", {"say": 1})
    await asyncio.sleep(0.5)
    answers = [a["id"] for a in session.answers[seen:] if str(a["id"]).startswith("soak-")]
    del session.answers[seen:]
    return requests - len(set(answers)), len(answers) - len(set(answers))


async def round_trips(session: Session, count: int) -> list[float]:
    times = []
    for _ in range(count):
        start = time.perf_counter()
        await session.request("test/echo", {"say": 1})
        times.append((time.perf_counter() - start) * 1000)
    return times


async def measure(kind: str, changes: int, requests: int) -> Result:
    env = {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    async with await Session.spawn([sys.executable, str(SERVER), kind], env=env) as session:
        await session.initialize({"processId": None})
        text = "".join(f"line {number}\n" for number in range(200))
        document = {"uri": URI, "languageId": "python", "version": 1, "text": text}
        session.notify("textDocument/didOpen", {"textDocument": document})
        await soak(session, 500, 50, random.Random(1))  # caches and code paths warm
        before = rss_mib(session)
        unanswered, doubled = await soak(session, changes, requests, random.Random(2))
        growth = rss_mib(session) - before
        return Result(kind, growth, unanswered, doubled, await round_trips(session, 500))


def report(result: Result) -> None:
    quantiles = statistics.quantiles(result.round_trip_ms, n=20)
    print(
        f"{result.kind:5}  growth {result.growth_mib:6.1f} MiB   unanswered {result.unanswered:4}   "
        f"answered twice {result.doubled}   round trip p50 {quantiles[9]:.2f} ms, p95 {quantiles[18]:.2f} ms"
    )


async def run(changes: int, requests: int) -> int:
    print(f"{changes} didChange + {requests} requests, a quarter of them cancelled")
    results = [await measure(kind, changes, requests) for kind in ("ours", "bare")]
    for result in results:
        report(result)
    ours = results[0]
    held = ours.growth_mib <= TARGET_GROWTH_MIB and ours.unanswered == 0 and ours.doubled == 0
    print(f"target: at most {TARGET_GROWTH_MIB:.0f} MiB, 0 unanswered: {'held' if held else 'MISSED'}")
    return 0 if held else 1


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--changes", type=int, default=20_000)
    parser.add_argument("--requests", type=int, default=2_000)
    options = parser.parse_args()
    return asyncio.run(run(options.changes, options.requests))


if __name__ == "__main__":
    raise SystemExit(main())
