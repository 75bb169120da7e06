"""Type the trace and print the table."""

from __future__ import annotations

import argparse
import random
import sys
import sysconfig
from pathlib import Path

from benchmarks.typing.inside import InsideClient
from benchmarks.typing.knower import Counted, Knower
from benchmarks.typing.trace import Hole, files, holes
from benchmarks.typing.typist import Score, type_hole
from benchmarks.typing.virtual import run


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", action="append", type=Path)
    parser.add_argument("--files", type=int, default=12)
    parser.add_argument("--holes", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--never", action="store_true")
    parser.add_argument("--ahead", action="store_true")
    parser.add_argument("--flat", action="store_true", help="the indentation is typed, too")
    parser.add_argument("--missed", type=int, default=0)
    args = parser.parse_args()
    chance = random.Random(args.seed)
    folders = args.folder or [Path(sysconfig.get_path("stdlib"))]
    cut: list[Hole] = []
    for path in files(folders, args.files, chance):
        cut += holes(path, args.holes, chance, indented=not args.flat)
    knower = Knower([*dict.fromkeys(hole.file for hole in cut)], stops=not args.never)
    score = Score()

    async def trace() -> list[Counted]:
        client = InsideClient(knower)
        for hole in cut:
            await type_hole(client, hole, chance, score, ahead=args.ahead)
        await client.engine.close()
        for failure in client.failures[:3]:
            print("failure:", failure)
        return client.provider.counted

    counted = run(trace())
    report(score, counted)
    for line in score.missed[: args.missed]:
        print("   ", line)
    return 0


def report(score: Score, counted: list[Counted]) -> None:
    per = 100 / score.keys
    later = [each for each in counted if not each.first_in_file]
    p50, p95 = score.percentiles()
    print(
        f"{score.keys} keys: right {score.share(score.right):.1f} %, wrong {score.share(score.wrong):.1f} %,"
        f" saved {score.saved_share:.1f} % ({score.accepts} accepts)"
    )
    print(f"key → text p50 {p50:.0f} p95 {p95:.0f} ms ({len(score.answers)})")
    anew = sum(c.anew for c in later) * per
    prompt = sum(c.prompt for c in counted) / max(len(counted), 1)
    suffix = sum(c.suffix for c in counted) / max(len(counted), 1)
    print(
        f"per 100 keys: requests {len(counted) * per:.1f}, generated {sum(c.generated for c in counted) * per:.0f},"
        f" anew {anew:.0f}; prompt mean {prompt:.0f}"
        f" suffix mean {suffix:.0f}"
    )


if __name__ == "__main__":
    sys.exit(main())
