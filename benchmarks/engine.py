"""What the engine itself costs for one keystroke: from the request to the model's request, from the
last byte that is needed to the answer, and for an answer that is known already.

In process, debounce 0, over a provider that notes when it is asked and when it gives the last piece. Not
over stdio and without HTTP: those are measured on top of it.

    python -m benchmarks.engine [--rounds N] [--lines N] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace

from tests.support.stand_in import ENDPOINT, OneProvider, StandIn
from twinny_lsp.completion.engine import CompletionEngine
from twinny_lsp.completion.prompting import Prompts
from twinny_lsp.completion.request import Asked, Request, Source, Trigger
from twinny_lsp.completion.seams import Reports
from twinny_lsp.config.resolved import CompletionSettings, Target
from twinny_lsp.documents.snapshot import Snapshot
from twinny_lsp.errors import TwinnyError
from twinny_lsp.exchange import Generation, Piece

TARGET = Target(ENDPOINT, "qwen2.5-coder:7b")
LINE = ("compute", "(", "prices", ", ", "tax", ")", "\n")
_CALLS = (piece for n in range(12) for piece in (f"total_{n}", " = ", f"compute({n})", "\n    "))
BLOCK = (*_CALLS, "\n\n", "x")


@dataclass
class TimedProvider(StandIn):
    """Yields `pieces`, each after the loop has turned once, and notes the times."""

    pieces: tuple[str, ...] = LINE
    asked_at: float = 0.0
    last_at: float = 0.0
    count: int = 0

    async def stream(self, generation: Generation) -> AsyncGenerator[Piece, None]:
        self.asked_at = time.perf_counter()
        self.count += 1
        for piece in self.pieces:
            await asyncio.sleep(0)
            self.last_at = time.perf_counter()
            yield Piece(piece)


@dataclass
class Times:
    """Milliseconds."""

    before: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    known: list[float] = field(default_factory=list)

    def row(self) -> dict[str, dict[str, float]]:
        """p50 and p95 of each."""
        return {name: percentiles(values) for name, values in vars(self).items()}


def percentiles(values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=20)
    return {"p50": round(statistics.median(values), 3), "p95": round(cuts[18], 3)}


def document(lines: int, at: str) -> Snapshot:
    """A file of that many lines with the cursor behind `at`, in its middle."""
    body = [
        f"    value_{n} = compute({n}, 'text')\n" if n % 9 else f"def f{n}(a, b):\n" for n in range(lines)
    ]
    row = lines // 2 // 9 * 9 + 1
    body[row] = at + "\n"
    return Snapshot("file:///bench.py", "python", 1, tuple(body), row, len(at))


async def measure(rounds: int, lines: int, at: str, pieces: tuple[str, ...]) -> Times:
    """Ask, then ask again one key later, on a document that changes each round."""
    provider = TimedProvider(pieces=pieces)
    failures: list[TwinnyError] = []
    reports = Reports(lambda error, _: failures.append(error))
    engine = CompletionEngine(OneProvider(provider), Prompts(), reports)
    settings = CompletionSettings(enabled=True, target=TARGET, debounce_ms=0, speculate=False)
    base = document(lines, at)
    times = Times()
    for turn in range(rounds):
        changed = (f"# round {turn}\n", *base.lines[1:])
        snapshot = replace(base, lines=changed, version=turn)
        begun = time.perf_counter()
        result = await engine.complete(Request(snapshot, settings, Asked.INLINE, Trigger.AUTOMATIC))
        ended = time.perf_counter()
        assert result.source is Source.MODEL, (result, failures)
        times.before.append((provider.asked_at - begun) * 1000)
        times.after.append((ended - provider.last_at) * 1000)
        typed = result.candidates[0].text[0]
        row = (*changed[: base.row], at + typed + "\n", *changed[base.row + 1 :])
        next_key = replace(snapshot, lines=row, column=base.column + 1, version=turn + 1)
        begun = time.perf_counter()
        result = await engine.complete(Request(next_key, settings, Asked.INLINE, Trigger.AUTOMATIC))
        times.known.append((time.perf_counter() - begun) * 1000)
        assert result.source is Source.CACHE, result
    assert provider.count == rounds
    await engine.close()
    return times


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description="What the engine itself costs for one keystroke.")
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--lines", type=int, nargs="*", default=[200, 2000, 30000])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = {}
    for lines in options.lines:
        for shape, at, pieces in (("line", "    result = ", LINE), ("block", "    ", BLOCK)):
            times = asyncio.run(measure(options.rounds, lines, at, pieces))
            rows[f"{lines} lines, {shape}"] = times.row()
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'ms, p50 / p95':<22}{'request → model':>20}{'last byte → answer':>22}{'known':>18}")
    for name, row in rows.items():
        cells = [f"{row[key]['p50']:.2f} / {row[key]['p95']:.2f}" for key in ("before", "after", "known")]
        print(f"{name:<22}{cells[0]:>20}{cells[1]:>22}{cells[2]:>18}")


if __name__ == "__main__":
    main()
