"""Holes in real functions, filled by models that do it wrong: is the text accepted the text that was there?

    python -m benchmarks.holes [--functions 60] [--held] [--seed 1] [--automatic] [--failures 5] [--stdio]

A hole is one whole line, several whole lines, or a random span (from anywhere in a line to anywhere up to
four lines below). The models know what was there, and do what hole_models.py says. The request is explicit
(LSP: Invoked); right means equal to the byte; what differs in blanks at line ends only stands behind a plus.

`--automatic` asks as an editor does while one types, where an answer is right when it is a beginning of what
was there, up to the end of a line, and many places are not asked at. `--stdio` asks the whole server, with a
model behind HTTP; without it the engine alone is asked. The code is told in corpus.py; `--held` takes the
packages on which nothing was tried, `--also` a folder of your own.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from benchmarks.corpus import PACKAGES, Function, fetch, functions, functions_under
from benchmarks.hole_models import MODELS, SPANS, TOKEN, Hole, holes
from benchmarks.hole_sides import InProcess, OverStdio, Side

TARGETS = {"stops": 97.0, "overruns": 95.0, "echoes": 97.0, "fences": 97.0, "leaks": 97.0}


@dataclass
class Outcome:
    """`spent`: characters read beyond what was missing. `accepted`: what stands in the hole afterwards."""

    hole: Hole
    model: str
    said: str
    accepted: str | None
    verdict: str
    spent: int = 0
    why: tuple[str, ...] = ()


def judged(hole: Hole, document: str | None, *, automatic: bool) -> str:
    if document is None:
        return "quiet"
    if document == hole.text:
        return "right"
    if [line.rstrip() for line in document.split("\n")] == [line.rstrip() for line in hole.text.split("\n")]:
        return "blanks"
    if automatic and document.endswith(hole.after):
        text = document[len(hole.before) : len(document) - len(hole.after)]
        if hole.missing.startswith(text) and hole.missing[len(text) :].lstrip(" \t").startswith("\n"):
            return "right"
    return "wrong"


async def measure(
    chosen: list[Hole], models: list[str], seed: int, side: Side, *, automatic: bool
) -> list[Outcome]:
    outcomes = []
    async with side:
        for hole in chosen:
            for name in models:
                said = MODELS[name](hole, random.Random(f"{seed} {name} {hole.path} {hole.start}"))
                filled = await side.fill(hole, said, invoked=not automatic)
                verdict = judged(hole, filled.document, automatic=automatic)
                accepted = filled.document
                if accepted is not None and accepted.startswith(hole.before):
                    accepted = accepted[len(hole.before) :].removesuffix(hole.after)
                spent = max(0, filled.read - len(hole.missing))
                outcomes.append(Outcome(hole, name, said, accepted, verdict, spent, filled.why))
    return outcomes


def choose(per_language: int, seed: int, *, held: bool, also: list[str]) -> list[Hole]:
    """The holes: so many functions for each language, from all its packages."""
    found: dict[str, list[Function]] = defaultdict(list)
    for package in PACKAGES:
        if package.held is not held:
            continue
        if problem := fetch(package):
            print(problem, file=sys.stderr)
            continue
        for language in package.languages:
            found[language] += list(functions(package, language))
    for entry in also:
        language, _, folder = entry.partition("=")
        found[language] += list(functions_under(Path(folder).resolve(), language))
    chosen = []
    for language, there in found.items():
        chance = random.Random(f"{seed} {language}")
        for function in chance.sample(there, min(per_language, len(there))):
            chosen += list(holes(function, chance))
    return chosen


def table(outcomes: list[Outcome], models: list[str], *, automatic: bool) -> bool:
    """Print it; whether all targets were held over all languages."""
    by: dict[tuple[str, str, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by[outcome.hole.language, outcome.hole.span, outcome.model].append(outcome)
        by["all", outcome.hole.span, outcome.model].append(outcome)
    languages = [*dict.fromkeys(outcome.hole.language for outcome in outcomes), "all"]
    print(f"{'':<12}{'':<16}{'holes':>6}" + "".join(f"{name:>18}" for name in models))
    held = True
    for language in languages:
        for span in SPANS:
            cells = []
            for name in models:
                here = by[language, span, name]
                counts = Counter(outcome.verdict for outcome in here)
                share = {each: 100 * count / len(here) for each, count in counts.items()}
                right = share.get("right", 0.0)
                if automatic:
                    cells.append(f"{right:.1f} wrong {share.get('wrong', 0.0):.1f}")
                    continue
                held = held and (language != "all" or right >= TARGETS[name])
                near = f"+{share['blanks']:.1f}" if "blanks" in share else ""
                cells.append(f"{'!' if right < TARGETS[name] else ''}{right:.1f}{near}")
            count = len(by[language, span, models[0]])
            print(f"{language:<12}{span:<16}{count:>6}" + "".join(f"{cell:>18}" for cell in cells))
    for name in models:
        spent = [outcome.spent for outcome in outcomes if outcome.model == name]
        print(f"{name}: {sum(spent) / len(spent) / TOKEN:.1f} tokens read beyond the hole on average")
    return held


def show(outcomes: list[Outcome], limit: int) -> None:
    """The failing cases, a few of each kind."""
    shown: Counter[tuple[str, str, str]] = Counter()
    for outcome in outcomes:
        hole = outcome.hole
        kind = (hole.language, hole.span, outcome.model)
        if outcome.verdict == "right" or shown[kind] >= limit:
            continue
        shown[kind] += 1
        print(f"\n== {' / '.join(kind)}: {outcome.verdict}: {hole.path} offset {hole.start}")
        print(f"before   {hole.before[-160:]!r}\nafter    {hole.after[:120]!r}")
        print(f"missing  {hole.missing!r}\nsaid     {outcome.said[:400]!r}\naccepted {outcome.accepted!r}")
        print("        ", "; ".join(outcome.why))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--functions", type=int, default=60, help="functions for each language")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--held", action="store_true", help="the packages held apart")
    parser.add_argument("--automatic", action="store_true", help="ask as an editor does while one types")
    parser.add_argument("--stdio", action="store_true", help="ask the whole server")
    parser.add_argument("--failures", type=int, default=0, metavar="N", help="show N failures of each kind")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--languages", default="")
    parser.add_argument("--also", action="append", default=[], metavar="LANGUAGE=FOLDER")
    args = parser.parse_args()
    models = args.models.split(",")
    chosen = choose(args.functions, args.seed, held=args.held, also=args.also)
    if args.languages:
        chosen = [hole for hole in chosen if hole.language in args.languages.split(",")]
    side: Side = OverStdio() if args.stdio else InProcess()
    began = time.perf_counter()
    outcomes = asyncio.run(measure(chosen, models, args.seed, side, automatic=args.automatic))
    took = time.perf_counter() - began
    show(outcomes, args.failures)
    held = table(outcomes, models, automatic=args.automatic)
    print(f"{len(outcomes)} requests in {took:.0f} s")
    raise SystemExit(0 if held or args.automatic else 1)


if __name__ == "__main__":
    main()
