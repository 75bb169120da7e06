"""The whole server over stdio, with a simulated model server in a process of its own.

    python -m benchmarks.server [start own stand known soak]      all of them, when none is named

start   from the start of the process to the first completion answered, with a model that takes 20 ms
own     our own time: from the keystroke to the model's request, from its last needed byte to the answer
known   answers that are known already, because the text was typed through: no request
stand   how long the loop stood still in the first seconds, with completions under way
soak    memory and unanswered requests over a long session

What the figures mean is told in benchmarks/README.md. Needs psutil.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import statistics
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.startup import environment
from twinny_lsp.cli.session import Session

ROOT = Path(__file__).parent.parent
SERVE = [sys.executable, "-m", "twinny_lsp", "serve", "--stdio"]
URI = "file:///project/bench.py"
BUDGET_OWN_MS, BUDGET_KNOWN_MS, BUDGET_STAND_MS, BUDGET_GROWTH_MIB = 3.0, 5.0, 50.0, 5.0
BLOCKS = "<PRE>{{{prefix}}}{{#if suffix}} <SUF>{{{suffix}}}{{/if}} <MID>"
"""Conditions are for pybars, whose import takes the better part of a second."""
SHOWN = "turn compute(prices, tax)"


@dataclass
class Report:
    """Rows of the table, and whether all budgets were held."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)
    held: bool = True

    def add(self, what: str, figure: str, within: bool | None = None, budget: str = "") -> None:
        """One row; `within` None: no budget for this figure."""
        self.held = self.held and within is not False
        verdict = "" if within is None else f"{budget}: {'held' if within else 'MISSED'}"
        self.rows.append((what, figure, verdict))
        print(f"{what:<70}{figure:>26}   {verdict}", flush=True)


class Model:
    """The model server's process."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process, self.url = process, f"http://127.0.0.1:{port}"

    async def times(self) -> list[list[int]]:
        """[asked, last needed byte] of each completion so far, in ns."""
        return list(await asyncio.to_thread(self._times))

    def _times(self) -> Any:
        with urllib.request.urlopen(f"{self.url}/times", timeout=10) as answer:
            return json.load(answer)


@contextlib.asynccontextmanager
async def model(first_ms: float) -> AsyncIterator[Model]:
    """A model server that takes `first_ms` to its first byte."""
    pipe = asyncio.subprocess.PIPE
    argv = [sys.executable, "-m", "benchmarks.model", "--first-ms", str(first_ms)]
    process = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, cwd=ROOT)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Model(process, int(await process.stdout.readline()))
    finally:
        process.stdin.close()
        await process.wait()


@contextlib.asynccontextmanager
async def editing(served: Model, lines: int, template: str = "") -> AsyncIterator[Session]:
    """A session with a document of that many lines open, asking `served`, with the user's own `template`."""
    with tempfile.TemporaryDirectory() as home:
        async with await Session.spawn(SERVE, env=environment(home)) as session:
            if template:
                Path(home, "fim.hbs").write_text(template, encoding="utf-8")
            await begin(session, served, lines, home if template else "")
            yield session
            if await session.shutdown() != 0:
                raise RuntimeError(f"the server failed: {session.link.diagnosis()}")


async def begin(session: Session, served: Model, lines: int, templates: str = "") -> None:
    family = "custom-template" if templates else "qwen"
    options: dict[str, Any] = {
        "providers": {"ollama": {"baseUrl": served.url}},
        "completion": {"model": "m", "fimTemplate": family, "debounce": 0, "speculate": False},
        "templates": {"directory": templates} if templates else {},
    }
    await session.initialize({"initializationOptions": options})
    body = (
        f"    value_{n} = compute({n}, 'text')\n" if n % 9 else f"def f{n}(a, b):\n" for n in range(lines)
    )
    document = {"uri": URI, "languageId": "python", "version": 1, "text": "".join(body)}
    session.notify("textDocument/didOpen", {"textDocument": document})


class Typist:
    """Changes one line in the middle of the document and asks there."""

    def __init__(self, session: Session, lines: int) -> None:
        self.session, self.row, self.version, self.length = session, lines // 2, 1, 10**6

    def line(self, text: str) -> None:
        """The line is now `text`, and the cursor is at its end."""
        start, end = {"line": self.row, "character": 0}, {"line": self.row, "character": self.length}
        self._change({"range": {"start": start, "end": end}, "text": text})
        self.length = len(text)

    def key(self, char: str) -> None:
        """One more character at the cursor."""
        here = {"line": self.row, "character": self.length}
        self._change({"range": {"start": here, "end": here}, "text": char})
        self.length += len(char)

    def ask(self, id: str | None = None) -> asyncio.Future[Any]:
        where = {
            "textDocument": {"uri": URI},
            "position": {"line": self.row, "character": self.length},
            "context": {"triggerKind": 2},
        }
        return self.session.send_request("textDocument/inlineCompletion", where, id=id)

    def _change(self, change: dict[str, Any]) -> None:
        self.version += 1
        document = {"uri": URI, "version": self.version}
        self.session.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})


def check(answer: Any, expected: str) -> None:
    """A figure for a wrong answer means nothing."""
    texts = [item["insertText"] for item in answer["items"]]
    if len(texts) != 1 or not texts[0].endswith(expected):
        raise RuntimeError(f"expected {expected!r}, got {texts}")


def percentiles(values: list[float]) -> tuple[float, float]:
    """p50 and p95."""
    return statistics.median(values), statistics.quantiles(values, n=20)[18]


# -- start ----------------------------------------------------------------------------------------


async def first_completion(served: Model) -> float:
    """Milliseconds from the start of the process to the answer of the first request."""
    with tempfile.TemporaryDirectory() as home:
        began = time.perf_counter()
        async with await Session.spawn(SERVE, env=environment(home)) as session:
            await begin(session, served, 200)
            typist = Typist(session, 200)
            typist.line("    re")
            check(await typist.ask(), SHOWN)
            took = (time.perf_counter() - began) * 1000
            await session.shutdown()
    return took


async def start(report: Report, rounds: int) -> None:
    async with model(20) as served:
        took = [await first_completion(served) for _ in range(rounds)]
    figure = f"{min(took):.0f} / {statistics.median(took):.0f} ms"
    report.add(f"process start → first answer, 20 ms model, min / median of {rounds}", figure)


# -- our own time ---------------------------------------------------------------------------------


async def own_times(served: Model, lines: int, rounds: int) -> tuple[list[float], list[float], list[float]]:
    """ms: keystroke → the model has the request; last needed byte → answer; typed through → answer."""
    warm = 20
    keys: list[int] = []
    ends: list[int] = []
    known: list[float] = []
    seen = len(await served.times())
    async with editing(served, lines) as session:
        typist = Typist(session, lines)
        for turn in range(warm + rounds):
            typist.line(f"    name_{turn} = re")
            await session.link.drain()
            keys.append(time.perf_counter_ns())
            typist.key("_")
            check(await typist.ask(), SHOWN)
            ends.append(time.perf_counter_ns())
            before = time.perf_counter_ns()
            typist.key(SHOWN[0])
            check(await typist.ask(), SHOWN[1:])
            known.append((time.perf_counter_ns() - before) / 1e6)
    times = (await served.times())[seen:]
    if len(times) != warm + rounds:
        raise RuntimeError(f"{len(times)} requests to the model for {warm + rounds}")
    before_ms = [(asked - key) / 1e6 for (asked, _), key in zip(times, keys, strict=True)]
    after_ms = [(end - last) / 1e6 for (_, last), end in zip(times, ends, strict=True)]
    return before_ms[warm:], after_ms[warm:], known[warm:]


async def own(report: Report, rounds: int, *, show_own: bool, show_known: bool) -> None:
    for lines in (200, 2000):
        async with model(0) as served:
            before, after, known = await own_times(served, lines, rounds)
        for what, values, budget, shown in (
            ("keystroke → the model has the request", before, BUDGET_OWN_MS, show_own),
            ("last needed byte → answer read", after, BUDGET_OWN_MS, show_own),
            ("typed through → answer read, 0 requests", known, BUDGET_KNOWN_MS, show_known),
        ):
            if shown:
                p50, p95 = percentiles(values)
                name = f"{lines} lines: {what}, p50 / p95"
                report.add(name, f"{p50:.2f} / {p95:.2f} ms", p95 <= budget, f"p95 ≤ {budget:.0f}")


# -- stands of the loop ---------------------------------------------------------------------------


async def ping(session: Session, began: float, seconds: float) -> list[tuple[float, float]]:
    """(when, time to the answer), both in ms, of something cheap asked every 5 ms."""
    found = []
    while (now := time.perf_counter()) - began < seconds:
        await session.request("workspace/executeCommand", {"command": "twinny-lsp.status"})
        found.append(((now - began) * 1000, (time.perf_counter() - now) * 1000))
        await asyncio.sleep(0.005)
    return found


async def typing(session: Session, began: float, seconds: float, events: list[tuple[float, str]]) -> None:
    """A completion every 300 ms, from the first moment on."""
    typist = Typist(session, 200)
    turn = 0
    while time.perf_counter() - began < seconds:
        typist.line(f"    name_{turn} = re")
        events.append(((time.perf_counter() - began) * 1000, f"request {turn}"))
        check(await typist.ask(), SHOWN)
        events.append(((time.perf_counter() - began) * 1000, f"answer {turn}"))
        turn += 1
        await asyncio.sleep(0.3)


async def stands(
    served: Model, seconds: float, template: str = ""
) -> tuple[list[tuple[float, float]], list[tuple[float, str]]]:
    """Pings and what happened beside them, timed from `initialized`."""
    events: list[tuple[float, str]] = []
    async with editing(served, 200, template) as session:
        began = time.perf_counter()
        pings, _ = await asyncio.gather(
            ping(session, began, seconds), typing(session, began, seconds, events)
        )
    return pings, events


async def stand(report: Report, seconds: float, rounds: int) -> None:
    for what, template in (("", ""), (", own template with pybars", BLOCKS)):
        worst: list[tuple[float, float, str]] = []
        async with model(20) as served:
            for _ in range(rounds):
                pings, events = await stands(served, seconds, template)
                when, took = max(pings, key=lambda each: each[1])
                beside = [
                    f"{name} at {at:.0f} ms" for at, name in events if when - 5 <= at <= when + took + 5
                ]
                started = next(at for at, name in events if name == "answer 0")
                phase = "while it starts" if when < started else "after the first answer"
                worst.append((took, when, ", ".join([phase, *beside])))
        for took, when, beside_it in sorted(worst, reverse=True)[:3]:
            print(f"    stood {took:.1f} ms, {when:.0f} ms after `initialized`: {beside_it}")
        middle = statistics.median(took for took, _, _ in worst)
        figure = f"{middle:.1f} ({min(worst)[0]:.1f} to {max(worst)[0]:.1f}) ms"
        name = f"longest stand in {seconds:.0f} s, median of {rounds}{what}"
        report.add(name, figure, middle <= BUDGET_STAND_MS, f"≤ {BUDGET_STAND_MS:.0f}")


# -- soak -----------------------------------------------------------------------------------------


def rss_mib(session: Session) -> float:
    link: Any = session.link
    return float(psutil.Process(link.process.pid).memory_info().rss) / 2**20


async def traffic(session: Session, typist: Typist, edits: int, requests: int, tag: str) -> list[str]:
    """So many edits, with requests among them; every fourth is cancelled. The ids of the requests."""
    chance = random.Random(tag)
    ids: list[str] = []
    each = edits // requests
    for turn in range(requests):
        typist.line(f"    name_{turn % 500} = re")
        for _ in range(each - 1):
            typist.key(chance.choice("abc_"))
        ids.append(f"{tag}-{turn}")
        future = typist.ask(ids[-1])
        if turn % 4 == 0:
            session.cancel(ids[-1])
        if turn % 10 == 9:
            await session.link.drain()
            await asyncio.wait({future})
    await session.request("workspace/executeCommand", {"command": "twinny-lsp.status"})
    async with asyncio.timeout(30):
        while len({answer["id"] for answer in session.answers} & set(ids)) < len(ids):
            await asyncio.sleep(0.05)
    return ids


async def soak(report: Report, edits: int, requests: int) -> None:
    async with model(0) as served, editing(served, 2000) as session:
        typist = Typist(session, 2000)
        typist.line("    first = re")
        check(await typist.ask(), SHOWN)
        await traffic(session, typist, edits // 10, requests // 10, "warm")
        session.answers.clear()
        before, began = rss_mib(session), time.perf_counter()
        ids = await traffic(session, typist, edits, requests, "soak")
        growth, took = rss_mib(session) - before, time.perf_counter() - began
        counts = Counter(answer["id"] for answer in session.answers)
        asked = len(await served.times())
    wrong = sum(counts[each] != 1 for each in ids)
    name = f"{edits} edits, {requests} requests ({asked} to the model), {took:.0f} s: growth"
    report.add(name, f"{growth:+.1f} MiB", growth <= BUDGET_GROWTH_MIB, f"≤ {BUDGET_GROWTH_MIB:.0f} MiB")
    report.add("    of these not answered exactly once", str(wrong), wrong == 0, "0")


# -------------------------------------------------------------------------------------------------

PARTS = ("start", "own", "known", "stand", "soak")


async def run(options: argparse.Namespace) -> int:
    parts = options.parts or PARTS
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} processors, load {load:.1f}, Python {sys.version.split()[0]}\n")
    report = Report()
    if "start" in parts:
        await start(report, options.starts)
    if "own" in parts or "known" in parts:
        await own(report, options.rounds, show_own="own" in parts, show_known="known" in parts)
    if "stand" in parts:
        await stand(report, options.seconds, options.stands)
    if "soak" in parts:
        await soak(report, options.edits, options.requests)
    print(f"\nbudgets: {'held' if report.held else 'MISSED'}")
    return 0 if report.held else 1


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help=f"any of {', '.join(PARTS)}")
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--stands", type=int, default=3)
    parser.add_argument("--edits", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=10_000)
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return asyncio.run(run(options))


if __name__ == "__main__":
    raise SystemExit(main())
