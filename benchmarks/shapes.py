"""Where automatic answers end, on real files: at the end of what a person would want, or torn, or beyond it?

    python -m benchmarks.shapes [--places 60] [--held] [--seed 1] [--failures 2] [--kinds opened,begun,…]

The model knows the file and never stops by itself. A place is a cursor in a real file whose text behind the
cursor is missing up to `wanted`: in one half of the cases what follows it stands there, in the other half the
file ends at the cursor, as when new code is written. The judge is a tree-sitter grammar on the whole original
file, of which the engine sees only what stands around the hole. Kinds of places:

    opened    the end of a line that opens something: wanted is all of it, with what closes it
    wrapped   the end of a line within an expression or a signature: wanted is the rest of it
    begun     the begin of a statement: wanted is it, and those that follow up to a blank line
    within    somewhere in a line: wanted is the rest of the line or of what was begun in it
    text      a line end or a line's begin in a comment or a string of several lines: wanted is its rest

Verdicts: `whole`, ends where the wanted ends; `short`, ends between two statements or lines of text before
that; `torn`, ends within something it has begun; `beyond`, goes on after the wanted; `wrong`, no text that
was there; `quiet`, nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tree_sitter import Node

from benchmarks.corpus import PACKAGES, fetch, files_under
from benchmarks.grammars import parse
from benchmarks.hole_models import Hole
from benchmarks.hole_sides import InProcess

KINDS = ("opened", "wrapped", "begun", "within", "text")
VERDICTS = ("whole", "short", "torn", "beyond", "wrong", "quiet")
MOST_ROWS = 20
"""Rows of something wanted; much more is never offered at once."""


@dataclass(frozen=True)
class File:
    """Offsets in the tree are bytes; all text here is ASCII, so that they are code points, too."""

    language: str
    path: str
    text: str
    root: Node
    starts: tuple[int, ...]

    def line(self, row: int) -> str:
        return self.text[self.starts[row] : self.starts[row + 1] - 1]

    def line_end(self, at: int) -> int:
        """The end of the line's text in which the offset is."""
        start = self.text.rfind("\n", 0, at) + 1
        return start + len(self.text[start : self.text.find("\n", at)].rstrip())

    def indent(self, row: int) -> int:
        line = self.line(row).expandtabs(4)
        return len(line) - len(line.lstrip())

    def chain(self, at: int) -> list[Node]:
        """The nodes that have both the last character before `at` and the next one after it, outermost
        first: blanks do not count."""
        before = len(self.text[:at].rstrip()) - 1
        after = len(self.text) - len(self.text[at:].lstrip())
        node = self.root.descendant_for_byte_range(max(before, 0), min(after + 1, len(self.text)))
        found = []
        while node is not None:
            found.append(node)
            node = node.parent
        return found[::-1]

    def starting(self, start: int, end: int) -> list[Node]:
        """The nodes that start in that range, outermost first of those that start at one place."""
        found, todo = [], [self.root]
        while todo:
            node = todo.pop()
            if start <= node.start_byte < end and node is not self.root:
                found.append(node)
            todo += [each for each in node.children if each.end_byte > start and each.start_byte < end]
        return sorted(found, key=lambda node: (node.start_byte, -node.end_byte))


@dataclass(frozen=True)
class At:
    kind: str
    file: File
    start: int
    wanted: int
    """Offset of the wanted text's end: up to there it is missing."""
    limit: int
    """Offset up to which more is no mistake where nothing follows."""


def is_text(node: Node) -> bool:
    """Whether a node is a comment or a string (by its name: grammars name them alike)."""
    return any(word in node.type for word in ("comment", "string", "heredoc", "template_str", "jsx_text"))


def in_text(file: File, at: int) -> Node | None:
    """The outermost comment or string around a place, without what is code in it."""
    chain = file.chain(at)
    for index, node in enumerate(chain):
        if is_text(node) and not any(
            "substitution" in each.type or "interpol" in each.type for each in chain[index:]
        ):
            return node
    return None


def read(path: Path, language: str) -> File | None:
    text = path.read_text(encoding="utf-8").replace("\r\n", "\n")
    root = parse(language, text) if text.isascii() and text.endswith("\n") else None
    if root is None:
        return None
    starts = [0]
    for line in text.split("\n")[:-1]:
        starts.append(starts[-1] + len(line) + 1)
    return File(language, path.name, text, root, tuple(starts))


def places(file: File) -> Iterator[At]:
    """All places of a file, but those near what the grammar did not understand."""
    for row in range(1, len(file.starts) - 2):
        line = file.line(row)
        if line.strip():
            begin = file.starts[row] + len(line) - len(line.lstrip())
            end = file.starts[row] + len(line.rstrip())
            chain = file.chain(begin)
            if len(chain) < 2 or not chain[1].has_error:
                yield from _in_row(file, row, begin, end)


def _in_row(file: File, row: int, begin: int, end: int) -> Iterator[At]:
    for at in (begin, end):
        text = in_text(file, at)
        if text is not None:
            first, last = text.start_point.row, text.end_point.row
            if first <= row - (at == begin) and row + (at == end) < last <= row + MOST_ROWS:
                yield At("text", file, at, file.starts[last] - 1, file.line_end(text.end_byte))
            return
    started = [node for node in file.starting(begin, end) if not is_text(node)]
    if not started:
        return
    first = started[0]
    if begin == first.start_byte and first.is_named and not _is_list(first):
        last = _run(first)
        limit = _container_end(file, begin)
        if last.end_point.row - row < MOST_ROWS:
            yield At("begun", file, begin, file.line_end(last.end_byte), limit)
        if end - begin > 1:
            at = begin + random.Random(f"{file.path} {row}").randrange(1, end - begin)
            yield At("within", file, at, end, limit)
    spanning = [node for node in file.chain(end) if node.start_byte >= begin and not _is_list(node)]
    if spanning and spanning[0].end_point.row - row < MOST_ROWS:
        below = next(each for each in range(row + 1, len(file.starts)) if file.line(each).strip())
        deeper = file.indent(below) > file.indent(row)
        opens = deeper and file.text[end - 1] not in ",.+-*/%&|=?<"
        wanted = file.line_end(spanning[0].end_byte)
        limit = wanted if opens else _container_end(file, begin)
        yield At("opened" if opens else "wrapped", file, end, wanted, limit)


def _is_list(node: Node) -> bool:
    """Whether a node only holds others one after the other, as the body of a function in Python does."""
    return node.child_count > 1 and all(each.is_named or each.type in (";", "\n") for each in node.children)


def _run(node: Node) -> Node:
    """The last of the nodes that follow this one without a blank line."""
    while (
        after := node.next_named_sibling
    ) is not None and 0 <= after.start_point.row - node.end_point.row < 2:
        node = after
    return node


def _container_end(file: File, at: int) -> int:
    """Where that ends, with its closer, in which a line stands: what began above, indented less."""
    row = file.text.count("\n", 0, at)
    for node in reversed(file.chain(at)):
        above = node.start_point.row
        if above < row and file.indent(above) < file.indent(row) and file.line(above).strip():
            return file.line_end(node.end_byte)
    return len(file.text)


def judged(at: At, document: str | None, hole: Hole) -> str:
    if document is None:
        return "quiet"
    file = at.file
    said = document[at.start : len(document) - len(hole.after)].rstrip()
    if not document.endswith(hole.after) or not file.text.startswith(said, at.start):
        return "wrong"
    end = at.start + len(said)
    if hole.after and end > at.wanted:
        return "beyond"
    rest = file.text[end : at.wanted].strip()
    if (hole.after and not any(map(str.isalnum, rest))) or end == at.wanted:
        return "whole"
    if end > at.limit:
        return "beyond"
    if at.kind == "text":
        if file.text[end] != "\n":
            return "torn"
        return "short" if end < at.wanted else "whole"
    if at.kind == "within" and at.start < end < file.line_end(at.start):
        return "torn"
    if at.kind == "within" and file.line_end(at.start) == end:
        return "whole"
    if _torn(at, end):
        return "torn"
    return "short" if end < at.wanted else "whole"


def _torn(at: At, end: int) -> bool:
    """Whether the text ends within something that it has begun itself."""
    file = at.file
    first = at.start + len(file.text[at.start :]) - len(file.text[at.start :].lstrip())
    begun = [node for node in file.chain(end) if node.start_byte >= at.start]
    return any(not (_is_list(node) and node.start_byte == first) for node in begun)


def hole_of(at: At, *, follows: bool) -> Hole:
    text = at.file.text
    shown = text if follows else text[: at.wanted]
    return Hole(at.file.language, at.kind, at.file.path, shown, at.start, at.wanted)


def choose(count: int, seed: int, *, held: bool, kinds: list[str]) -> list[At]:
    """So many places of each kind for each language."""
    by: dict[str, list[Path]] = defaultdict(list)
    for package in PACKAGES:
        if package.held is held and not fetch(package):
            for language in package.languages:
                by[language] += files_under(package.folder, language, package.under)
    chosen = []
    for language, paths in by.items():
        chance = random.Random(f"{seed} {language}")
        files = filter(None, (read(path, language) for path in chance.sample(paths, min(len(paths), 40))))
        found: dict[str, list[At]] = defaultdict(list)
        for file in files:
            for at in places(file):
                found[at.kind].append(at)
        for kind in kinds:
            chosen += chance.sample(found[kind], min(count, len(found[kind])))
    return chosen


@dataclass(frozen=True)
class Outcome:
    at: At
    follows: bool
    verdict: str
    text: str
    why: tuple[str, ...]


async def measure(chosen: list[At]) -> list[Outcome]:
    outcomes = []
    async with InProcess() as side:
        side.settings = replace(side.settings, max_tokens=1000)
        for at in chosen:
            said = at.file.text[at.start :]
            for follows in (True, False):
                hole = hole_of(at, follows=follows)
                filled = await side.fill(hole, said, invoked=False)
                document = filled.document
                verdict = judged(at, document, hole)
                text = "" if document is None else document[at.start : len(document) - len(hole.after)]
                outcomes.append(Outcome(at, follows, verdict, text, filled.why))
    return outcomes


def table(outcomes: list[Outcome]) -> None:
    print(f"{'':<12}{'':<9}{'places':>7}" + "".join(f"{each:>8}" for each in VERDICTS))
    by: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        by[outcome.at.file.language, outcome.at.kind][outcome.verdict] += 1
    for kind in KINDS:
        for outcome in outcomes:
            if outcome.at.kind == kind:
                by["all", kind + ("" if outcome.follows else " new")][outcome.verdict] += 1
    for (language, kind), counts in by.items():
        total = counts.total()
        cells = "".join(f"{100 * counts[each] / total:>8.1f}" for each in VERDICTS)
        print(f"{language:<12}{kind:<12}{total:>4}{cells}")


def show(outcomes: list[Outcome], limit: int, verdicts: list[str]) -> None:
    shown: Counter[tuple[str, str, str]] = Counter()
    for outcome in outcomes:
        at = outcome.at
        key = (at.file.language, at.kind, outcome.verdict)
        if outcome.verdict not in verdicts or shown[key] >= limit:
            continue
        shown[key] += 1
        follows = "" if outcome.follows else " (nothing follows)"
        row = at.file.text[: at.start].count("\n") + 1
        print(f"\n== {' / '.join(key)}{follows}: {at.file.path}:{row}")
        print(f"{at.file.text[max(0, at.start - 160) : at.start]}█")
        print(f"-- wanted {at.file.text[at.start : at.wanted][:400]!r}\n-- text   {outcome.text!r}")
        print("--", "; ".join(outcome.why))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--places", type=int, default=60, help="of each kind for each language")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--held", action="store_true", help="the packages held apart")
    parser.add_argument("--failures", type=int, default=0, metavar="N", help="show N of each kind")
    parser.add_argument("--verdicts", default="torn,beyond,wrong,quiet", help="which to show")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--languages", default="")
    args = parser.parse_args()
    chosen = choose(args.places, args.seed, held=args.held, kinds=args.kinds.split(","))
    if args.languages:
        chosen = [at for at in chosen if at.file.language in args.languages.split(",")]
    began = time.perf_counter()
    outcomes = asyncio.run(measure(chosen))
    took = time.perf_counter() - began
    show(outcomes, args.failures, args.verdicts.split(","))
    table(outcomes)
    print(f"{len(outcomes)} requests in {took:.0f} s")


if __name__ == "__main__":
    main()
