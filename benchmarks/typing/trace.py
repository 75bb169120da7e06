"""The trace: holes in real files, and the gaps between the keys with which they are typed again.

A hole is one to three whole lines whose first is longer than 25 characters, no comment, and once in the
file. The gap after a key is 130 ms × LogNormal(0, 0.45), and 450 ms × LogNormal(0, 0.6) more after one of `
\\n(.,:=`.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from twinny_lsp.languages import comment, language_from_path

LEAST_LINES = 300
LONGEST_FILE = 400_000
FIRST_LINE = 25
SLOW_AFTER = frozenset(" \n(.,:=")


@dataclass(frozen=True)
class Hole:
    """`text` is what is missing at `start` of `file`'s text; it ends before a line end."""

    name: str
    language: str
    file: str
    start: int
    text: str

    @property
    def end(self) -> int:
        """Where the file goes on."""
        return self.start + len(self.text)


def gap_ms(key: str, chance: random.Random) -> float:
    """Milliseconds until the next key."""
    gap = 130 * math.exp(chance.gauss(0, 0.45))
    return gap + 450 * math.exp(chance.gauss(0, 0.6)) if key in SLOW_AFTER else gap


def holes(path: Path, number: int, chance: random.Random, *, indented: bool) -> list[Hole]:
    """At most so many holes of one file, in random order; `indented`: the editor types the indentation."""
    text = path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")
    lines = text.split("\n")
    language = language_from_path(path.name)
    opener = comment([""], language).strip()
    marks = tuple(mark for mark in (opener, "/*", "*", "<!--", '"""') if mark)
    seen = Counter(line.strip() for line in lines)
    fit = [
        row
        for row, line in enumerate(lines[:-4])
        if len(line.strip()) > FIRST_LINE and not line.strip().startswith(marks) and seen[line.strip()] == 1
    ]
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    made = []
    for row in chance.sample(fit, min(number, len(fit))):
        rows = chance.randint(1, 3)
        cut = lines[row : row + rows]
        while not cut[-1].strip():
            cut.pop()
        body = "\n".join(cut)
        skipped = len(body) - len(body.lstrip()) if indented else 0
        made.append(Hole(path.name, language, text, starts[row] + skipped, body[skipped:]))
    return made


def files(folders: Iterable[Path], number: int, chance: random.Random) -> list[Path]:
    """So many files that are long enough, from all folders in turn."""
    found: list[list[Path]] = []
    for folder in folders:
        paths = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())
        chance.shuffle(paths)
        found.append(paths)
    taken: list[Path] = []
    while len(taken) < number and any(found):
        for paths in found:
            while paths:
                path = paths.pop()
                if _fits(path):
                    taken.append(path)
                    break
    return taken[:number]


SUFFIXES = frozenset((".py", ".js", ".ts", ".go", ".rs", ".java", ".c", ".h", ".cpp", ".rb", ".lua", ".sh"))


def _fits(path: Path) -> bool:
    if path.stat().st_size > LONGEST_FILE:
        return False
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = text.count("\n")
    return lines >= LEAST_LINES and len(text) / lines < 120


def total_keys(all_holes: Sequence[Hole]) -> int:
    """Keys of all holes."""
    return sum(len(hole.text) for hole in all_holes)
