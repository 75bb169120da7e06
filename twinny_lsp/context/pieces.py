"""What is asked for context and what comes back: the plain data of this room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from twinny_lsp.documents.snapshot import Snapshot
from twinny_lsp.documents.text import byte_length, content_length
from twinny_lsp.exchange import ContextFile


class Source(StrEnum):
    """Where a piece comes from, in the order in which they stand: what changes most is last."""

    CELLS = "notebook cells"
    IMPORTS = "imports"
    RELATED = "related files"
    OPEN = "open files"
    EDITS = "recent edits"


@dataclass(frozen=True, slots=True)
class At:
    """A place that is asked about: the document with its cursor, and the rows the prompt has of it anyway."""

    snapshot: Snapshot
    first_row: int
    last_row: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file that a model could be shown.

    `rows` are the file's rows that it shows. `head` is what it stands in (the line of its class), shown above
    it unless that is there already; `opens` is that line where the piece itself is the class. `score` orders
    the pieces of one source; `why` is for people.
    """

    source: Source
    path: str
    rows: tuple[int, ...]
    text: str
    score: float = 0.0
    why: str = ""
    head: str = ""
    opens: str = ""

    @property
    def key(self) -> tuple[Source, str, str, str]:
        """What makes two pieces the same for a model."""
        return self.source, self.path, self.head, self.text

    @property
    def size(self) -> int:
        """Bytes of UTF-8 in a prompt, without the file's heading."""
        return byte_length(self.text) + byte_length(self.head) + 2


def of_rows(source: Source, path: str, lines: Sequence[str], span: tuple[int, int]) -> Piece | None:
    """The rows of a span as a piece, without blank ones at both ends; None if none is left."""
    first, last = max(0, span[0]), min(len(lines) - 1, span[1])
    while first <= last and lines[first].isspace():
        first += 1
    while first <= last and not lines[last].strip():
        last -= 1
    if first > last:
        return None
    return Piece(source, path, tuple(range(first, last + 1)), joined(lines[first : last + 1]))


def joined(lines: Sequence[str]) -> str:
    """Lines of a document as one text with `\\n` between them, and none at the end."""
    return "\n".join(line[: content_length(line)] for line in lines)


@dataclass(frozen=True, slots=True)
class Told:
    """One piece for `why`; the size is in bytes of UTF-8."""

    source: Source
    path: str
    why: str
    size: int


@dataclass(frozen=True, slots=True)
class Gathered:
    """The files for a prompt, in their order, and what is told of each piece in them.

    `whole` False: there was no time for all sources; the next request finds more.
    """

    files: tuple[ContextFile, ...] = ()
    told: tuple[Told, ...] = ()
    whole: bool = True

    @property
    def size(self) -> int:
        """Bytes of UTF-8 of all texts and paths."""
        return sum(byte_length(file.path) + byte_length(file.text) for file in self.files)


NOTHING = Gathered()
