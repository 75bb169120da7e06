"""The sources that need no import statement: open and related files, the document itself, a notebook's cells.

Pure over a Reader; the definitions behind imports are imported.py's, recent edits edits.py's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from twinny_lsp.context import imported
from twinny_lsp.context.chunks import Chunk, Ranked, rank
from twinny_lsp.context.code import Code, Reader
from twinny_lsp.context.focus import Focus
from twinny_lsp.context.modules import above, joined
from twinny_lsp.context.notebooks import cells_as_files
from twinny_lsp.context.pieces import Piece, Source, of_rows
from twinny_lsp.context.related import Related, related

_CHUNKS = 12
_TEST_CHUNKS = 3
_LEAST = 0.3
"""A chunk's share of the best one's score, without which it is not worth its place."""
_VISITED = 0.4
"""How much more a chunk counts that the user has just been at."""
_FADES = 0.08
"""How much less the chunks of a file count for each file that was visited after it."""
_OWN = 0.8
"""The document's own parts: they share most names with the place, whether or not that means anything."""
_ON_THE_LINE = 5.0
_SIGNATURE = 10.0
"""How a definition's weight compares with a chunk's score."""
_UNNAMED = 0.5
"""What a definition of a related file weighs that is not named near the cursor."""


def cells(path: str, before: Sequence[str], after: Sequence[str]) -> Iterator[Piece]:
    """A notebook's other cells, the nearest ones before the cursor's first."""
    found = cells_as_files(path, before, after)
    above_it = sum(bool(text.strip()) for text in before)
    for at, cell in enumerate(found):
        score = 1.0 / (1 + abs(at - above_it + 0.5)) + (1.0 if at < above_it else 0.0)
        yield Piece(Source.CELLS, cell.path, (at,), cell.text.rstrip("\n"), score, "a cell of this notebook")


def chunks_of_open(
    files: Sequence[tuple[Code, Sequence[int]]], own: Code, outside: Sequence[Chunk], focus: Focus
) -> Iterator[Piece]:
    """The chunks that matter: of `files`, each with the rows its user was at, and the own ones `outside`."""
    codes = [own, *(code for code, _ in files)]
    ranked = rank([outside, *(code.chunks for code, _ in files)], focus, _CHUNKS * 3)

    def scored(one: Ranked) -> float:
        if one.file == 0:
            return one.score * _OWN
        visited = any(one.chunk.first <= row <= one.chunk.last for row in files[one.file - 1][1])
        return one.score * (1 + _VISITED * visited) / (1 + _FADES * (one.file - 1))

    best = max(map(scored, ranked), default=0.0)
    for one in sorted(ranked, key=scored, reverse=True)[:_CHUNKS]:
        if scored(one) >= _LEAST * best:
            yield from _chunk(Source.OPEN, codes[one.file], one, scored(one))


def definitions_in_open(codes: Sequence[Code], focus: Focus) -> Iterator[Piece]:
    """What open files define of the names on the cursor's line: whoever goes on there needs the signature."""
    names = [name for name, weight in focus.weights.items() if weight >= _ON_THE_LINE]
    names += focus.types
    having = [code for code in codes if any(name in code.text for name in names)]
    found = [
        piece for code in having for piece in imported.all_of(code, focus) if piece.score >= _ON_THE_LINE
    ]
    same = Counter(piece.why for piece in found)
    for piece in found:
        yield replace(piece, source=Source.OPEN, score=piece.score * _SIGNATURE / same[piece.why])


def own_definitions(own: Code, window: range, focus: Focus) -> Iterator[Piece]:
    """What the document defines outside of the window and uses near the cursor."""
    for piece in imported.all_of(own, focus):
        if not any(row in window for row in piece.rows):
            yield replace(piece, source=Source.OPEN, score=piece.score * _SIGNATURE)


def related_files(own: Code, focus: Focus, reader: Reader) -> Iterator[Piece]:
    """What belongs to the document by its name."""
    for one in related(own.path):
        found = (reader.read(path) for path in one.paths if path != own.path)
        code = next((code for code in found if code is not None), None)
        if code is not None:
            yield from _outline(code, one, focus) if one.outline else _text(code, one, focus)


def go_module(own: Code, reader: Reader) -> tuple[str, str] | None:
    """The name and the folder of the Go module the file is in."""
    if own.language != "go":
        return None
    for folder in above(own.path):
        code = reader.read(joined(folder, "go.mod"))
        found = re.search(r"^module[ \t]+(\S+)", code.text, re.MULTILINE) if code else None
        if found is not None:
            return found[1], folder
    return None


def _outline(code: Code, one: Related, focus: Focus) -> Iterator[Piece]:
    named = {piece.rows: piece for piece in imported.all_of(code, focus)}
    for piece in imported.every(code, _UNNAMED):
        known = named.get(piece.rows, piece)
        yield replace(known, source=Source.RELATED, why=f"{one.why}: {known.why}")


def _text(code: Code, one: Related, focus: Focus) -> Iterator[Piece]:
    for ranked in rank([code.chunks], focus, _TEST_CHUNKS):
        for piece in _chunk(Source.RELATED, code, ranked, ranked.score):
            yield replace(piece, why=f"{one.why}: {piece.why}")


def _chunk(source: Source, code: Code, one: Ranked, score: float) -> Iterator[Piece]:
    piece = of_rows(source, code.path, code.lines, (one.chunk.first, one.chunk.last))
    if piece is not None:
        yield replace(piece, score=score, why=f"has {', '.join(one.names[:3])}")
