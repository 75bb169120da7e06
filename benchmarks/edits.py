"""Changes to real code, written down by models in many ways: is the edit exactly the change, or a clear no?

    python -m benchmarks.edits [--functions 20] [--held] [--seed 1] [--failures 3]

Selected is a whole function, or some lines of one, of the packages in corpus.py; what the answers look like
is told in edit_models.py. `right`: the document has the change and nothing else. `no`: nothing changed, with
a reason. `wrong`: anything else. Where there is no change to be made, nothing changed is right.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter, defaultdict
from itertools import pairwise

from benchmarks.corpus import PACKAGES, Function, fetch, functions
from benchmarks.edit_models import MODELS, Said, Task, change
from twinny_lsp.chat.edits.changes import edits
from twinny_lsp.chat.edits.decide import No, decide
from twinny_lsp.chat.edits.enclosing import enclosing
from twinny_lsp.chat.edits.passage import applied, rows


def tasks(per_language: int, seed: int, *, held: bool) -> list[Task]:
    """So many functions of each language, from all its packages; every second one as a whole."""
    found: dict[str, list[Function]] = defaultdict(list)
    for package in PACKAGES:
        if package.held == held and not fetch(package):
            for language in package.languages:
                found[language] += functions(package, language)
    made = []
    for language, every in found.items():
        dice = random.Random(f"{seed} {language}")
        chosen = dice.sample(every, min(per_language + 1, len(every)))
        for number, (function, other) in enumerate(pairwise(chosen)):
            made.append(_task(function, other, dice, whole=number % 2 == 0))
    return [task for task in made if task is not None]


def _task(function: Function, other: Function, dice: random.Random, *, whole: bool) -> Task | None:
    lines = [f"{line}\n" for line in function.lines]
    around = enclosing(lines, function.first, function.language) if whole else None
    first, last = around or (function.first, function.last)
    if not whole:
        first = dice.randrange(first, last)
        last = dice.randrange(first + 1, last + 1)
    while first < last and not function.lines[first].strip():
        first += 1
    while last > first and not function.lines[last].strip():
        last -= 1
    code = function.lines[first : last + 1]
    wanted = change(code, function.language, dice)
    if wanted == code:
        return None
    stranger = other.lines[other.first - 1 : other.last + 1]
    return Task(function.language, function.path, function.lines, first, last, wanted, stranger)


def judged(task: Task, said: Said) -> tuple[str, str]:
    """(the verdict, what became of it)."""
    lines = [f"{line}\n" for line in task.document[:-1]] + [task.document[-1]]
    given = rows(lines, task.first, task.last, task.language)
    outcome = decide(said.text, given, finish=said.finish)
    if isinstance(outcome, No):
        return ("no" if said.edit else "right"), f"{outcome.why}: {outcome.message}"
    document = applied(lines, edits(given, outcome.text))
    # Blanks at the ends of lines do not count: no model keeps them.
    right = said.edit and [line.rstrip() for line in document.split("\n")] == [
        line.rstrip() for line in task.changed
    ]
    begin = max(0, task.first - 2)
    return ("right" if right else "wrong"), "\n".join(
        document.split("\n")[begin : begin + len(task.wanted) + 5]
    )


def measure(name: str, chosen: list[Task], seed: int, failures: int) -> None:
    """One line of the report, and the failures that are to be shown."""
    counts: Counter[str] = Counter()
    for task in chosen:
        said = MODELS[name](task, random.Random(f"{seed} {name} {task.path} {task.first}"))
        verdict, became = judged(task, said)
        counts[verdict] += 1
        if verdict != "right" and sum(counts.values()) - counts["right"] <= failures:
            print(f"---- {verdict}: {task.path}:{task.first + 1}-{task.last + 1}", *task.code, sep="\n")
            print("---- said", said.text[:3000], "---- became", became, sep="\n")
    shares = (f"{100 * counts[verdict] / len(chosen):7.1f}%" for verdict in ("right", "no", "wrong"))
    print(f"{name:24}{''.join(shares)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--functions", type=int, default=20, help="for each language")
    parser.add_argument("--held", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--failures", type=int, default=0, help="so many of each kind are shown")
    parser.add_argument("--model", choices=MODELS)
    given = parser.parse_args()
    chosen = tasks(given.functions, given.seed, held=given.held)
    print(f"{len(chosen)} changes in {len({task.language for task in chosen})} languages")
    print(f"{'':24}{'right':>8}{'no':>8}{'wrong':>8}")
    for name in [given.model] if given.model else MODELS:
        measure(name, chosen, given.seed, given.failures)


if __name__ == "__main__":
    main()
