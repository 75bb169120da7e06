"""How often a model sees the line that defines what is being called: on real code, behind `name(`.

A place is right behind the opening bracket of a call, where the name is defined in exactly one other file
of the folder; what follows on that line is cut off. A hit: the defining line is in the pieces. Definitions
are found by other means than in the program (Python's `ast`, one expression for other languages).

    python -m benchmarks.context_quality FOLDER... [--places 100] [--tokens 512]

Each FOLDER is a project (an unpacked wheel, crate or module). Places whose definition is in the window anyway
do not count. The runs: imports alone (no other file is open); open files alone (the file with the definition
and nine others are open); all sources with and without them.
"""

from __future__ import annotations

import argparse
import ast
import random
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from twinny_lsp.config.resolved import ContextSettings, PrivacySettings
from twinny_lsp.context.deny import denied, useless
from twinny_lsp.context.pieces import Piece
from twinny_lsp.context.selection import rendered
from twinny_lsp.context.work import OpenText, Pace, Query, Worker
from twinny_lsp.documents.snapshot import Snapshot
from twinny_lsp.documents.text import split_lines
from twinny_lsp.documents.windows import BYTES_PER_TOKEN, window
from twinny_lsp.languages import language_from_path

CALL = re.compile(r"(?P<before>[\w.>:]*?)(?P<name>[A-Za-z_]\w{3,})\(")
DEFINES = re.compile(
    r"\b(?:def|class|function|func|fn|struct|type|interface|trait)\s+(?:\([^)]*\)\s*)?([A-Za-z_]\w{3,})"
)
METHOD = re.compile(r"(?: {2,4}|\t)(?:static |async |get )*([A-Za-z_]\w{3,})\([^()]*\) \{\s*$")
# Names that the languages' own types have as well: a call of them is most likely no call of the project's.
USUAL = """
    super print open append extend update items keys values copy clone push push_str slice next send
    text splice insert remove setdefault function callback forEach replace format split join strip
    none some into from iter index count sort reverse clear find search match test parse write read
    close flush seek exec system type call apply bind then catch finally resolve reject emit once
    self switch while return checked_sub literal Ready Write Become unwrap expect lines trim
    contains starts with_capacity default filter concat includes isinstance
"""
NOTHING = ContextSettings(True, False, False, False, False, False)
CONTEXT_TOKENS, SUFFIX_TOKENS = 2048, 256
OPEN_FILES = 10


@dataclass(frozen=True)
class Place:
    """Behind a call of something defined in `file` at `line`."""

    project: Project
    path: str
    row: int
    column: int
    member: bool
    file: str
    line: str


class Project:
    """The code of one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.texts: dict[str, list[str]] = {}
        for file in sorted(self.root.rglob("*")):
            path = file.relative_to(self.root).as_posix()
            if not file.is_file() or denied(path) or file.stat().st_size > 200_000:
                continue
            if language_from_path(path) in ("python", "javascript", "typescript", "go", "rust"):
                text = file.read_text(encoding="utf-8", errors="replace")
                if not useless(text):
                    self.texts[path] = split_lines(text)

    def definitions(self) -> dict[str, list[tuple[str, int]]]:
        found: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for path, lines in self.texts.items():
            for name, row in _python(lines) if path.endswith(".py") else _others(lines):
                found[name].append((path, row))
        return found

    def places(self) -> Iterator[Place]:
        unique = {name: where[0] for name, where in self.definitions().items() if len(where) == 1}
        for path, lines in self.texts.items():
            for row, line in enumerate(lines):
                if DEFINES.search(line) or line.lstrip().startswith(("#", "//", "*", '"')):
                    continue
                for call in CALL.finditer(line):
                    name = call["name"]
                    file, at = unique.get(name, (path, 0))
                    if file != path and name not in USUAL.split() and Path(file).suffix == Path(path).suffix:
                        member = call["before"].endswith((".", ">"))
                        line_there = self.texts[file][at].strip()
                        yield Place(self, path, row, call.end(), member, file, line_there)


def _python(lines: list[str]) -> Iterator[tuple[str, int]]:
    try:
        tree = ast.parse("".join(lines))
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef):
            for one in node.body:
                if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    yield one.name, one.lineno - 1


def _others(lines: list[str]) -> Iterator[tuple[str, int]]:
    for row, line in enumerate(lines):
        if line.lstrip().startswith(("*", "//", "/*", '"')):
            continue
        found = DEFINES.search(line) or METHOD.match(line)
        if found is not None and found[1] not in ("switch", "catch", "while", "function"):
            yield found[1], row


def query_of(place: Place, context: ContextSettings, tokens: int, *, opened: bool, seed: int) -> Query | None:
    """The question at a place; None if the definition is in the window anyway."""
    lines = list(place.project.texts[place.path])
    lines[place.row] = lines[place.row][: place.column] + "\n"
    language = language_from_path(place.path)
    snapshot = Snapshot("file:///own", language, 1, tuple(lines), place.row, place.column)
    part = window(snapshot, CONTEXT_TOKENS - SUFFIX_TOKENS - tokens, SUFFIX_TOKENS)
    if place.line in part.prefix or place.line in part.suffix:
        return None
    own = OpenText("file:///own", place.path, snapshot.language, snapshot.lines)
    others: list[OpenText] = []
    if opened:
        rest = [path for path in place.project.texts if path not in (place.path, place.file)]
        paths = [place.file, *random.Random(seed).sample(rest, min(OPEN_FILES - 1, len(rest)))]
        random.Random(seed).shuffle(paths)
        texts = place.project.texts
        others = [OpenText(path, path, language_from_path(path), tuple(texts[path])) for path in paths]
    return Query(
        own, place.row, place.column, range(part.first_row, part.last_row + 1), place.project.root,
        tuple(others), (), ((), ()), context, PrivacySettings(), int(tokens * BYTES_PER_TOKEN),
    )  # fmt: skip


def measure(places: list[Place], context: ContextSettings, tokens: int, *, opened: bool, show: int) -> None:
    """Print how often the definition was there."""
    hits: dict[bool, list[bool]] = {True: [], False: []}
    taken: list[float] = []
    sizes: list[int] = []
    worker = Worker()
    missed = []
    for seed, place in enumerate(places):
        query = query_of(place, context, tokens, opened=opened, seed=seed)
        if query is None:
            continue
        found: list[Piece] = []
        begun = time.perf_counter()
        gathered = rendered(worker.pieces(query, found, Pace()))
        taken.append(time.perf_counter() - begun)
        sizes.append(gathered.size)
        hit = any(place.line.rstrip("{: ") in file.text for file in gathered.files)
        hits[place.member].append(hit)
        if not hit:
            near = any(place.line.rstrip("{: ") in piece.text for piece in found)
            call = place.project.texts[place.path][place.row][: place.column].strip()
            how = "found, but not chosen" if near else "not found"
            where = f"{place.project.root.name}/{place.path}:{place.row + 1}"
            missed.append(f"    {how}: {where} {call} <- {place.file}: {place.line}")
    told = []
    for member, found_there in hits.items():
        if found_there:
            told.append(f"{'.name(' if member else 'name('} {sum(found_there)} of {len(found_there)}")
    everything = hits[True] + hits[False]
    if everything:
        told.append(f"all {100 * sum(everything) / len(everything):.0f} %")
        told.append(f"{sum(sizes) / len(sizes):.0f} bytes, {1000 * sum(taken) / len(taken):.1f} ms a place")
    print("   " + "; ".join(told))
    for line in random.Random(1).sample(missed, min(show, len(missed))):
        print(line)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--places", type=int, default=100)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--show", type=int, default=0, help="print so many misses")
    options = parser.parse_args()
    places: list[Place] = []
    for folder in options.folders:
        of_project = list(Project(folder).places())
        share = min(len(of_project), -(-options.places // len(options.folders)))
        places += random.Random(7).sample(of_project, share)
    print(f"{len(places)} places in {len(options.folders)} projects, {options.tokens} tokens for context")
    runs = {
        "imports alone": (replace(NOTHING, imports=True), False),
        "open files alone, one of ten has it": (replace(NOTHING, open_files=True), True),
        "all sources, ten files open": (ContextSettings(), True),
        "all sources, no other file open": (ContextSettings(), False),
    }
    for name, (context, opened) in runs.items():
        print(name)
        measure(places, context, options.tokens, opened=opened, show=options.show)


if __name__ == "__main__":
    main()
