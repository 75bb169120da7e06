"""The definitions behind a file's imports, as pieces: signatures and outlines, not whole files.

Pure over a Reader. What counts is which of the names are near the cursor; names that were imported but are
not used yet come next, since they were imported to be used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from twinny_lsp.context.code import Code, Reader
from twinny_lsp.context.focus import Focus
from twinny_lsp.context.imports import DEFAULT, Import
from twinny_lsp.context.modules import Target, Where, targets
from twinny_lsp.context.outline import Definition, Kind, text_of
from twinny_lsp.context.pieces import Piece, Source, joined

Names = Sequence[tuple[str, str]]

_MOST_FILES = 150
_HOPS = 2
"""How often a name is followed that a file only passes on."""
_FRESH = 1.5
"""What a name weighs that was imported and is not used yet."""
_MEMBER = 0.9
"""A member's share of the weight of its name: many types have members of the same name."""
_NEAR = 2.0
_COLLECTS = re.compile(r"(?:^|/)(?:__init__\.pyi?|index\.\w+|mod\.rs|lib\.rs)$")
_OF_TYPE = 5.0
"""What the members weigh of what stands before the cursor's dot."""


def pieces(
    own: Code, imports: Iterable[Import], where: Where, focus: Focus, reader: Reader
) -> Iterator[Piece]:
    """The definitions behind the imports of `own`, in no order; the same one may come twice."""
    imports = sorted(imports, key=lambda one: -max((focus.of(here) for _, here in one.names), default=0.5))
    seen: set[str] = {own.path}
    for target in targets(imports, where):
        for path in _files(target, reader, own.path):
            if path not in seen and len(seen) > _MOST_FILES:
                return
            code = reader.read(path)
            if code is None:
                continue
            seen.add(path)
            yield from _Search(focus, reader, own.text).of_file(code, target.names)
            if target.paths:
                break


def _files(target: Target, reader: Reader, own: str) -> Iterator[str]:
    found = target.paths or reader.folder(target.folder or "", target.endings)
    return (path for path in found if path != own)


class _Search:
    """One look for names in files."""

    def __init__(self, focus: Focus, reader: Reader, text: str) -> None:
        self._focus, self._reader, self._text = focus, reader, text

    def of_file(self, code: Code, names: Names, hops: int = _HOPS) -> Iterator[Piece]:
        """Pieces for the names, or for all that the file defines, as far as they matter here."""
        if not names:
            yield from all_of(code, self._focus)
            names = self._collected(code) if hops > 0 else ()
            if names:
                yield from self._passed_on(code, names, hops)
            return
        known = {one.name for one in code.definitions}
        missing: list[tuple[str, str]] = []
        for there, here in names:
            weight = self._weight(here)
            if not weight:
                continue
            if there in known:
                yield from _named(code, there, weight, self._focus)
            elif there == DEFAULT:
                name = next((name for name in (here, "exports", DEFAULT) if name in known), here)
                yield from _named(code, name, weight, self._focus)
            else:
                missing.append((there, here))
        if missing and hops > 0:
            yield from self._passed_on(code, missing, hops)

    def _collected(self, code: Code) -> Names:
        """What is named near the cursor of the names that a package collects from its modules."""
        if not _COLLECTS.search(code.path):
            return ()
        given = {here for one in code.imports for _, here in one.names if self._focus.of(here) >= _NEAR}
        return [(name, name) for name in sorted(given)]

    def _weight(self, name: str) -> float:
        """What a name of the file matters here; 0 for one that is used only far from here."""
        return self._focus.of(name) or (_FRESH if self._text.count(name) <= 1 else 0.0)

    def _passed_on(self, code: Code, names: Names, hops: int) -> Iterator[Piece]:
        """Names that the file itself imports, as packages do that collect what is in their modules."""
        for one in code.imports:
            given = {here: there for there, here in one.names}
            wanted = [(given.get(there, there), here) for there, here in names if not given or there in given]
            if not wanted:
                continue
            where = Where(code.path, code.language)
            for target in targets([one._replace(names=tuple(wanted) if given else ())], where):
                for path in _files(target, self._reader, code.path):
                    passed = self._reader.read(path)
                    if passed is not None:
                        yield from self.of_file(passed, wanted, hops - 1)
                        break


def all_of(code: Code, focus: Focus) -> Iterator[Piece]:
    """Pieces for all that a file defines and that is named near the cursor."""
    types = {one.row: one.name for one in code.definitions if one.kind is Kind.TYPE}
    for one in code.definitions:
        weight = focus.of(one.name) * (1.0 if one.owner < 0 else _MEMBER)
        if types.get(one.owner) in focus.types or _received(code, one) in focus.types:
            weight = max(weight, _of_type(one))
        elif one.name in focus.types:
            weight = max(weight, _OF_TYPE)
        if weight > 0:
            yield _piece(code, one, weight)


def every(code: Code, weight: float) -> Iterator[Piece]:
    """Pieces for all that a file defines; what stands first weighs a little more."""
    for at, one in enumerate(code.definitions):
        yield _piece(code, one, weight / (1 + at / 100))


def _named(code: Code, name: str, weight: float, focus: Focus) -> Iterator[Piece]:
    """A definition and those of its members that matter here."""
    wanted = name in focus.types
    rows = {one.row for one in code.definitions if one.name == name}
    for one in code.definitions:
        if one.row in rows:
            yield _piece(code, one, max(weight, _OF_TYPE) if wanted else weight)
        elif one.owner in rows or (wanted and _received(code, one) == name):
            near = focus.of(one.name) * _MEMBER
            near = max(near, _of_type(one)) if wanted else near
            if near > 0:
                yield _piece(code, one, near)


def _of_type(one: Definition) -> float:
    """What a member weighs of what stands before the cursor's dot; those for the inside less."""
    return _OF_TYPE * (0.4 if one.name.startswith("_") else 1.0) - one.row * 1e-6


_GO_METHOD = re.compile(r"func\s*\(\s*\w*\s*\*?(\w+)")


def _received(code: Code, one: Definition) -> str:
    """The type a Go method belongs to, which stands outside of it."""
    found = _GO_METHOD.match(code.lines[one.row]) if code.language == "go" else None
    return found[1] if found else ""


def _piece(code: Code, one: Definition, score: float) -> Piece:
    head = joined(code.lines[one.owner : one.owner + 1]) if one.owner >= 0 else ""
    opens = joined(code.lines[one.row : one.row + 1]) if one.kind is Kind.TYPE else ""
    text = text_of(code.lines, one, code.language)
    return Piece(Source.IMPORTS, code.path, one.rows, text, score, f"defines {one.name}", head, opens)
