"""Holes in real functions, and what models say that do it wrong. Data for holes.py; asks nobody anything."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.corpus import Function

TOKEN = 4
"""Characters."""
OVERRUN = 200 * TOKEN
SPANS = ("one line", "several lines", "random span")


@dataclass(frozen=True)
class Hole:
    """`text[start:end]` is what is missing."""

    language: str
    span: str
    path: str
    text: str
    start: int
    end: int

    @property
    def missing(self) -> str:
        return self.text[self.start : self.end]

    @property
    def before(self) -> str:
        return self.text[: self.start]

    @property
    def after(self) -> str:
        return self.text[self.end :]

    @property
    def begun(self) -> str:
        """The cursor's line, left of the cursor."""
        return self.before.rpartition("\n")[2]

    @property
    def row(self) -> int:
        return self.before.count("\n")


def holes(function: Function, chance: random.Random) -> Iterator[Hole]:
    """One hole of each kind in a function."""
    text = "\n".join(function.lines)
    starts = [0]
    for line in function.lines:
        starts.append(starts[-1] + len(line) + 1)
    filled = [row for row in range(function.first, function.last + 1) if function.lines[row].strip()]

    def hole(span: str, start: int, end: int) -> Hole:
        return Hole(function.language, span, function.path, text, start, end)

    def whole(first: int, last: int) -> tuple[int, int]:
        """Whole lines: with the line end, without it, or without the first line's indentation as well."""
        style = chance.randrange(3)
        end = starts[last + 1] if style == 0 else starts[last + 1] - 1
        line = function.lines[first]
        return starts[first] + (len(line) - len(line.lstrip()) if style == 2 else 0), end

    row = chance.choice(filled)
    yield hole(SPANS[0], *whole(row, row))
    ends = [(a, b) for a in filled for b in filled if 1 <= b - a <= 5]
    if ends:
        yield hole(SPANS[1], *whole(*chance.choice(ends)))
    for _ in range(20):
        row = chance.choice(filled)
        last = min(row + chance.randrange(5), function.last)
        start = starts[row] + chance.randrange(len(function.lines[row]) + 1)
        end = starts[last] + chance.randrange(len(function.lines[last]) + 1)
        if start < end and text[start:end].strip():
            yield hole(SPANS[2], start, end)
            break


TOKENS = (
    "<|endoftext|>",
    "<EOT>",
    "<fim_middle>",
    "<|im_end|>",
    "<|fim_pad|>",
    "<｜fim▁end｜>",
    "<|file_separator|>",
    "<file_sep>",
    "<|eot_id|>",
    "</s>",
    "<end_of_turn>",
    "<｜end▁of▁sentence｜>",
    "<|end_of_text|>",
    "[SUFFIX]",
    "<|repo_name|>",
)
JUNK = (
    "\nimport os\nfrom . import x\n",
    "The code above does what was asked.",
    "<|fim_prefix|>def main():\n    pass\n",
    "\n\n# Path: src/other.py\nclass Other {\n",
)
BEFORE = (
    "Here is the completed code:\n\n",
    "Sure! Here's the missing part:\n",
    "The missing code is:\n\n",
    "Certainly, this completes the function.\n\n",
    "To complete the function, we need to fill in the missing lines:\n",
    "This is the code that belongs there:\n\n",
    "**Completed code:**\n\n",
)
AFTER = (
    "\n\nThis completes the function as described.",
    "\nHope that helps!",
    "\n\nExplanation:\n\n1. It calls the function.\n2. It returns the result.\n",
    "\n",
)


def stops(hole: Hole, chance: random.Random) -> str:
    """Stops by itself: what must never be damaged."""
    return hole.missing


def overruns(hole: Hole, chance: random.Random) -> str:
    """Goes on into the real text that follows."""
    return hole.missing + hole.after[:OVERRUN]


def echoes(hole: Hole, chance: random.Random) -> str:
    """Says again the begun line or lines above it, before the hole; or the next line that is not blank."""
    above = hole.before.split("\n")[:-1]
    style = chance.randrange(5)
    size = min(len(above), (0, 1, chance.randrange(2, 6), 0, 0)[style])
    again = "".join(line + "\n" for line in above[len(above) - size :]) + hole.begun
    if style < 3:
        return again + hole.missing
    lines = hole.after.split("\n")
    filled = (row for row, line in enumerate(lines) if line.strip())
    return (again if style == 4 else "") + hole.missing + "\n".join(lines[: next(filled, 0) + 1])


def fences(hole: Hole, chance: random.Random) -> str:
    """Writes it like chat: fences, sentences around them, the begun line once more inside."""
    language = chance.choice((hole.language, "", hole.language[:2], "text"))
    mark = chance.choice(("```", "```", "```", "~~~", "````"))
    inside = hole.missing
    if hole.begun.strip() and chance.random() < 0.25:
        inside = hole.begun + inside
    style = chance.randrange(4)
    return (
        (chance.choice(BEFORE) if style in (1, 3) else "")
        + f"{mark}{language}\n{inside}\n{mark}"
        + (chance.choice(AFTER) if style in (2, 3) else "")
    )


def leaks(hole: Hole, chance: random.Random) -> str:
    """Writes a special token after the hole, and then junk."""
    return hole.missing + chance.choice(TOKENS) + chance.choice(JUNK)


Model = Callable[[Hole, random.Random], str]
MODELS: dict[str, Model] = {each.__name__: each for each in (stops, overruns, echoes, fences, leaks)}
