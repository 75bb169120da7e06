"""Parts of files as a model is shown them in a message: path, lines, fence. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twinny_lsp.chat.fences import fenced


@dataclass(frozen=True, slots=True)
class Excerpt:
    """`title` names it for people and models ("src/a.py, lines 3 to 9")."""

    title: str
    text: str
    language: str = ""

    @property
    def shown(self) -> str:
        """As it stands in the message."""
        return f"{self.title}:\n{fenced(self.text, self.language)}"


def of_rows(path: str, language: str, lines: Sequence[str], rows: range | None = None) -> Excerpt:
    """Rows of a file, as far as there are so many; all of it without `rows`."""
    if rows is None:
        return Excerpt(path, "".join(lines), language)
    count = len(lines) - (lines[-1:] in ([""], ("",)))  # what stands after the last line end is no line
    rows = range(min(rows.start, count), min(rows.stop, count))
    where = f"line {rows.start + 1}" if len(rows) == 1 else f"lines {rows.start + 1} to {rows.stop}"
    return Excerpt(f"{path}, {where}", "".join(lines[rows.start : rows.stop]), language)


def shortened(excerpt: Excerpt, share: float) -> Excerpt | None:
    """The first lines of it, about that share of its characters; None where not one line is left."""
    wanted = int(len(excerpt.text) * share)
    cut = excerpt.text.rfind("\n", 0, wanted + 1) + 1
    if cut <= 0:
        return None
    every = excerpt.text.count("\n") + (not excerpt.text.endswith("\n"))
    kept = excerpt.text.count("\n", 0, cut)
    title = f"{excerpt.title} (the first {kept:,} of {every:,} lines)"
    return Excerpt(title, excerpt.text[:cut], excerpt.language)
