"""The definitions behind a file's imports, as pieces: signatures and outlines, not whole files.

Pure over a Reader. What counts is which of the names are near the cursor; names that were imported but are
not used yet come next, since they were imported to be used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from twinny_lsp.context.code import Code, Reader
from twinny_lsp.context.focus import Focus
from twinny_lsp.context.imports import DEFAULT, Import
from twinny_lsp.context.modules import Target, Where, targets
from twinny_lsp.context.outline import Definition, Kind, text_of
from twinny_lsp.context.pieces import Piece, Source, joined

Names = tuple[tuple[str, str], ...]

_MOST_FILES, _MOST_CHARS = 150, 700_000
"""What is read for one place; well below what is kept, or every place would read all of it again."""
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
    search = _Search(own, focus, reader)
    for target in _merged(targets(imports, where)):
        yield from search.of_target(target, own.path, _HOPS)


def _merged(found: Iterable[Target]) -> list[Target]:
    """One target for all that leads to the same files, but for what is taken from them as a whole."""
    merged: dict[tuple[object, ...], Target] = {}
    for target in found:
        key = (target.paths, target.folder, bool(target.names))
        known = merged.get(key)
        names = target.names if known is None else tuple(dict.fromkeys((*known.names, *target.names)))
        merged[key] = target._replace(names=names)
    return list(merged.values())


class _Search:
    """One look for names in files, which ends when it has read enough."""

    def __init__(self, own: Code, focus: Focus, reader: Reader) -> None:
        self._focus, self._reader, self._text = focus, reader, own.text
        self._read: set[str] = {own.path}
        self._chars = 0
        self._asked: set[tuple[str, Names]] = set()

    def of_target(self, target: Target, path: str, hops: int) -> Iterator[Piece]:
        """Pieces of the files an import leads to; `path` is of the file the import stands in."""
        for file in target.paths or self._reader.folder(target.folder or "", target.endings):
            code = None if file == path else self._code(file)
            if code is not None:
                yield from self._of_file(code, target.names, hops)
                if target.paths:
                    return

    def _code(self, path: str) -> Code | None:
        if path not in self._read and (len(self._read) > _MOST_FILES or self._chars > _MOST_CHARS):
            return None
        code = self._reader.read(path)
        if code is not None and path not in self._read:
            self._read.add(path)
            self._chars += len(code.text)
        return code

    def _of_file(self, code: Code, names: Names, hops: int) -> Iterator[Piece]:
        """Pieces for the names, or for all that the file defines, as far as they matter here."""
        if (code.path, names) in self._asked:
            return
        self._asked.add((code.path, names))
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
            if there in known:
                yield from _named(code, there, weight, self._focus)
            elif there == DEFAULT:
                name = next((name for name in (here, "exports", DEFAULT) if name in known), here)
                yield from _named(code, name, weight, self._focus)
            else:
                missing.append((there, here))
        if missing and hops > 0:
            yield from self._passed_on(code, tuple(missing), hops)

    def _collected(self, code: Code) -> Names:
        """What is named near the cursor of the names that a package collects from its modules."""
        if not _COLLECTS.search(code.path):
            return ()
        given = {here for one in code.imports for _, here in one.names if self._focus.of(here) >= _NEAR}
        return tuple((name, name) for name in sorted(given))

    def _weight(self, name: str) -> float:
        """What a name matters here; 0 for one that is used only far from here, whose members may matter."""
        return self._focus.of(name) or (_FRESH if self._text.count(name) <= 1 else 0.0)

    def _passed_on(self, code: Code, names: Names, hops: int) -> Iterator[Piece]:
        """Names that the file itself imports, as packages do that collect what is in their modules."""
        followed: list[Import] = []
        for one in code.imports:
            given = {here: there for there, here in one.names}
            wanted = [(given.get(there, there), here) for there, here in names if not given or there in given]
            if wanted:
                followed.append(one._replace(names=tuple(wanted)))
        for target in _merged(targets(followed, Where(code.path, code.language))):
            yield from self.of_target(target, code.path, hops - 1)


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
            own = max(weight, _OF_TYPE) if wanted else weight
            if own > 0:
                yield _piece(code, one, own)
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
