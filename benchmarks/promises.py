"""What the engine promises beside the typing trace, over stdio and on one simulated model.

    python -m benchmarks.promises [burst line accept cpu memory]      all of them, when none is named

burst    12 keys 60 ms apart: requests to the model, and how soon each superseded request is answered
line     one line is wanted from a model that never stops: tokens generated after its end
accept   a suggestion is accepted: how soon the next one is there, and requests to the model then
cpu      processor time of the server for a key in a file of 2,000 lines, all in
memory   growth over 10,000 completions in 200 open documents

The model takes 60 ms, 0.3 ms for each new token of a prompt and 12 ms for each of its own. What the figures
mean is told in benchmarks/README.md. Needs psutil.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from typing import Any

import psutil

from benchmarks.server import SERVE, Report, rss_mib
from benchmarks.startup import environment
from benchmarks.typing.__main__ import our_options
from benchmarks.typing.knower import Knower, Speed
from benchmarks.typing.outside import Editor, ModelProcess, editor_on, model_server
from benchmarks.typing.trace import Hole

FAST = Speed(0.0, 0.0, 0.0)


def source(name: str, lines: int) -> str:
    """Code of which no line stands twice."""
    made = []
    for number in range(lines // 4):
        made += [
            f"def {name}_{number}(first, second):",
            f"    total_{number} = first * {number} + second",
            f"    return compute_{name}(total_{number}, {number})",
            "",
        ]
    return "\n".join(made)


def hole_at(text: str, name: str, start: str, end: str) -> Hole:
    """What stands between two texts, the second one not included."""
    at = text.index(start)
    return Hole(name, "python", text, at, text[at : text.index(end, at)])


@contextlib.asynccontextmanager
async def editing(knower: Knower, **completion: Any) -> AsyncIterator[tuple[Editor, ModelProcess]]:
    """An editor on our server, beside that model."""
    async with model_server(knower) as model:
        options = our_options("ollama", model.url)
        options["completion"] |= completion
        with tempfile.TemporaryDirectory() as home:
            async with editor_on(SERVE, options, environment(home)) as editor:
                yield editor, model


async def burst(report: Report) -> None:
    text = source("burst", 400)
    hole = hole_at(text, "burst.py", "    return compute_burst(total_50", "\n\ndef burst_51")
    late: list[float] = []
    async with editing(Knower([text]), speculate=False) as (editor, model):
        await editor.cut(hole)
        await editor.ask()  # the server has started, and this place is known
        warm = len(await model.counts())
        other = hole_at(text, "burst.py", "    return compute_burst(total_90", "\n\ndef burst_91")
        editor.type(hole.text)
        hole = other
        await editor.cut(hole)
        older: tuple[asyncio.Future[str], float] | None = None
        for key in hole.text[:12]:
            editor.key(key)
            began = time.perf_counter()
            asked = editor.ask()
            if older is not None:
                older[0].add_done_callback(lambda _, at=began: late.append((time.perf_counter() - at) * 1000))
            older = asked, began
            await asyncio.sleep(0.06)
        assert older is not None
        shown = await older[0]
        requests = len(await model.counts()) - warm
    if not shown or len(late) != 11:
        raise RuntimeError(f"shown {shown!r}, {len(late)} answers")
    report.add("12 keys 60 ms apart: requests to the model", str(requests), requests == 1, "1")
    report.add("    superseded → answered, longest", f"{max(late):.1f} ms", max(late) <= 10, "≤ 10")


async def line(report: Report) -> None:
    text = source("line", 400)
    hole = hole_at(text, "line.py", "first * 50 + second", "\n    return compute_line(total_50")
    wanted = -(-len(hole.text) // 4)
    for multiline in ("auto", "never"):
        endless = Knower([text], stops=False)
        async with editing(endless, multiline=multiline, speculate=False) as (editor, model):
            await editor.cut(hole)
            editor.key(hole.text[0])
            shown = await editor.ask()
            await asyncio.sleep(0.5)
            generated = (await model.counts())[0].generated
        if shown != hole.text[1:]:
            raise RuntimeError(f"shown {shown!r}")
        after = generated - wanted
        name = f"one line of a model that never stops ({multiline}): tokens after it"
        report.add(name, str(after), after <= 2, "≤ 2")


async def accept(report: Report, rounds: int) -> None:
    text = source("accept", 4 * rounds + 40)
    took: list[float] = []
    requests = 0
    async with editing(Knower([text])) as (editor, model):
        for number in range(rounds):
            start = f"first * {number} + second"
            hole = hole_at(text, "accept.py", start, f"\n\ndef accept_{number + 1}(")
            await editor.cut(hole)
            editor.key(hole.text[0])
            first = await editor.ask()
            await asyncio.sleep(0.8)
            editor.type(first)
            began = time.perf_counter()
            following = await editor.ask()
            ended = time.perf_counter()
            took.append((ended - began) * 1000)
            # What comes after the answer is asked ahead of the next one.
            requests += sum(began < each.at < ended for each in await model.counts())
            if hole.text[1:] != first + following:
                raise RuntimeError(f"accepted {first!r}, then {following!r} for {hole.text!r}")
            editor.type(following)
    p50, p95 = statistics.median(took), statistics.quantiles(took, n=20)[18]
    name = f"accepted → the next suggestion, p50 / p95 of {rounds}"
    report.add(name, f"{p50:.1f} / {p95:.1f} ms", p95 <= 5, "≤ 5")
    report.add("    requests to the model then", str(requests), requests == 0, "0")


async def cpu(report: Report, keys: int) -> None:
    text = source("cpu", 2000)
    rows = range(200, 300)
    async with editing(Knower([text])) as (editor, _):
        server = psutil.Process(_pid(editor))
        typed, spent = 0, 0.0
        for number in rows:
            end = f"\n\ndef cpu_{number + 1}("
            hole = hole_at(text, "cpu.py", f"first * {number} + second", end)
            await editor.cut(hole)
            await editor.ask()
            before = server.cpu_times()
            for key in hole.text:
                editor.key(key)
                asked = editor.ask()
                await asyncio.wait({asked}, timeout=0.02)
                typed += 1
            after = server.cpu_times()
            spent += after.user + after.system - before.user - before.system
            if typed >= keys:
                break
    each = 1000 * spent / typed
    name = f"processor time for a key in 2,000 lines, mean of {typed}"
    report.add(name, f"{each:.2f} ms", each <= 3, "≤ 3")


async def memory(report: Report, completions: int, documents: int) -> None:
    texts = [source(f"doc{number}", 120) for number in range(documents)]
    async with editing(Knower(texts, FAST), debounce=0) as (editor, _):
        holes = [
            hole_at(text, f"doc{number}.py", f"first * {row} + second", "\n    return")
            for row in range(1, 29)
            for number, text in enumerate(texts)
        ]
        done, before, shown = 0, 0.0, 0
        figures: list[float] = []
        while done < completions:
            for hole in holes:
                await editor.cut(hole)
                editor.key(hole.text[0])
                shown += bool(await editor.ask())
                editor.type(hole.text[1:])
                done += 1
                if done == completions // 10:
                    before = rss_mib(editor.session)
                if done % (completions // 10) == 0:
                    figures.append(rss_mib(editor.session) - before)
                if done >= completions:
                    break
    growth, last = figures[-1], figures[-1] - figures[len(figures) // 2]
    where = f"{completions} completions in {documents} documents"
    name = f"{where} ({shown} shown): growth after a tenth"
    report.add(name, f"{growth:+.1f} MiB", growth <= 30, "≤ 30")
    report.add("    of these in the second half", f"{last:+.1f} MiB", last <= 10, "flat: ≤ 10")


def _pid(editor: Editor) -> int:
    link: Any = editor.session.link
    return int(link.process.pid)


async def run(parts: list[str]) -> bool:
    report = Report()
    if "burst" in parts:
        await burst(report)
    if "line" in parts:
        await line(report)
    if "accept" in parts:
        await accept(report, 40)
    if "cpu" in parts:
        await cpu(report, 2000)
    if "memory" in parts:
        await memory(report, 10_000, 200)
    return report.held


PARTS = ["burst", "line", "accept", "cpu", "memory"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all")
    return 0 if asyncio.run(run(parser.parse_args().parts or PARTS)) else 1


if __name__ == "__main__":
    sys.exit(main())
