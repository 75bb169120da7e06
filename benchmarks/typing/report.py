"""What runs came to: the figures, what was promised of them, a table for people, and plots.

    python -m benchmarks.typing.report RUN.json ... [--json] [--svg FOLDER]

Each RUN.json was written by `benchmarks.typing --save`. Of runs with one name, each figure's median counts.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from benchmarks.typing.charts import pictures
from benchmarks.typing.figures import Figures, Run, medians
from benchmarks.typing.typist import Missed


def table(figures: Figures, *, never: bool) -> str:
    """The rows for a terminal."""
    lines = [f"{figures.keys} keys" + (", a model that never stops" if never else "")]
    for what, figure, promise, held in figures.rows(never=never):
        verdict = f"{promise}: {'held' if held else 'MISSED'}" if promise else ""
        lines.append(f"{what:<46}{figure:>14}   {verdict}")
    return "\n".join(lines)


def causes(missed: Sequence[Missed], most: int) -> list[str]:
    """The most common causes of keys without a right text, each with how often and an example."""
    found: dict[str, list[Missed]] = defaultdict(list)
    for each in missed:
        found[each.cause].append(each)
    lines = []
    for cause, keys in sorted(found.items(), key=lambda item: -len(item[1]))[:most]:
        lines += [f"{100 * len(keys) / len(missed):5.1f} %  {cause}", f"         {keys[len(keys) // 2]}"]
    return lines


def markdown(runs: Sequence[Run]) -> str:
    """A table for a README."""
    lines = [
        "| | keys | right | wrong | saved | key → text p50 / p95 | requests | generated | anew |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for run in runs:
        of = run.figures
        lines.append(
            f"| {run.name} | {of.keys:,} | {of.right:.1f} % | {of.wrong:.1f} % | {of.saved:.1f} % "
            f"| {of.p50:.1f} / {of.p95:.1f} ms | {of.requests:.1f} | {of.generated:.0f} | {of.anew:,.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Print the table of several runs; draw them."""
    parser = argparse.ArgumentParser(prog="benchmarks.typing.report", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--svg", type=Path, metavar="FOLDER")
    args = parser.parse_args()
    runs = medians([Run.read(path) for path in args.runs])
    print(json.dumps([run.as_json() for run in runs]) if args.json else markdown(runs))
    if args.svg:
        args.svg.mkdir(parents=True, exist_ok=True)
        for name, text in pictures(runs).items():
            (args.svg / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
