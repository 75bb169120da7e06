"""All that takes time at one place: reads files, finds candidates, chooses. Runs on the worker's thread.

`Query` is all it knows of the editor; it holds nothing that changes while it is at work.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from twinny_lsp.config.resolved import ContextSettings, PrivacySettings
from twinny_lsp.context import edits, imported, sources
from twinny_lsp.context.code import Code
from twinny_lsp.context.deny import Kind, denied
from twinny_lsp.context.edits import EditPlace
from twinny_lsp.context.files import Files
from twinny_lsp.context.focus import Focus, look
from twinny_lsp.context.ignores import Ignores
from twinny_lsp.context.imports import imports_of
from twinny_lsp.context.modules import Where
from twinny_lsp.context.pieces import Piece
from twinny_lsp.context.secrets import mask
from twinny_lsp.context.selection import Window, choose
from twinny_lsp.patterns import compiled

_MARGIN = 30
"""Rows next to the window that are not shown: the window will have them soon, and the choice would change."""
_HEAD_ROWS = 300
"""All that is read of a document larger than `maxFileBytes`: its imports are there."""
_MOST_ROOTS = 16
"""Roots, times settings: a project's file can change without anybody telling."""
_WORK_S, _PAUSE_S = 0.001, 0.0002


@dataclass(frozen=True, slots=True)
class OpenText:
    """A document of the editor, where its user has been in it (rows) and has edited it."""

    uri: str
    path: str
    language: str
    lines: tuple[str, ...]
    large: bool = False
    visited: tuple[int, ...] = ()
    edited: tuple[EditPlace, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """A place, and all that is known where it is asked for.

    `others` are other open documents of the same root, the one visited last first; `closed` the paths of
    those closed not long ago; `cells` a notebook's cells before and after this one; `root` None: in none.
    """

    own: OpenText
    row: int
    column: int
    window: range
    root: Path | None
    others: tuple[OpenText, ...]
    closed: tuple[str, ...]
    cells: tuple[tuple[str, ...], tuple[str, ...]]
    context: ContextSettings
    privacy: PrivacySettings
    budget: int
    shown: tuple[Piece, ...] = ()


class Stopped(Exception):
    """The work is not wanted any more."""


class Pace:
    """Lets the loop's thread have the interpreter again after each millisecond of work."""

    def __init__(self) -> None:
        self.stopped = False
        """Set from the loop's thread: nobody waits for the result any more."""
        self._until = time.perf_counter() + _WORK_S

    def step(self) -> None:
        """Called between small pieces of work. Raises Stopped."""
        if self.stopped:
            raise Stopped
        if time.perf_counter() >= self._until:
            time.sleep(_PAUSE_S)
            self._until = time.perf_counter() + _WORK_S


class Worker:
    """What stays from query to query: rules, files, open documents as they were last seen. For one thread."""

    def __init__(self) -> None:
        self._rules: dict[tuple[Path, PrivacySettings], Ignores] = {}
        self._files: dict[tuple[Path, PrivacySettings, int], Files] = {}
        self._codes: dict[str, tuple[tuple[str, ...], bool, Code]] = {}

    def why_never(self, root: Path, path: str, privacy: PrivacySettings) -> str:
        """Why no model may see the file; "" when one may."""
        return self._ignores(root, privacy).why_never(path)

    def why_never_named(self, name: str, privacy: PrivacySettings) -> str:
        """The same for a document that is no file (unsaved, or an older version of one): its name tells."""
        verdict = denied(name)
        if verdict is None or verdict.kind is not Kind.SECRET or compiled(privacy.allow).match_file(name):
            return ""
        return f"{verdict.reason}; `privacy.allow` makes exceptions"

    def pieces(self, query: Query, found: list[Piece], pace: Pace) -> tuple[Piece, ...]:
        """The choice for a place. Candidates go into `found` as they come, for who cannot wait for all."""
        for piece in self._candidates(query, pace):
            found.append(piece)
            pace.step()
        return chosen(query, found)

    def forget(self) -> None:
        """Other settings, or other roots."""
        self._rules.clear()
        self._files.clear()
        self._codes.clear()

    def _candidates(self, query: Query, pace: Pace) -> Iterator[Piece]:
        wanted = query.context
        masked = query.privacy.mask_secrets
        if wanted.notebook_cells:
            yield from _masked(sources.cells(query.own.path, *query.cells), masked)
        if query.root is None:
            return
        files = self._reader(query, query.root)
        files.step = pace.step
        if files.ignores.why_never(query.own.path):
            return  # it is not asked about, then; should it be, nothing of it goes along
        allowed = [one for one in query.others if not files.ignores.why_not(one.path)]
        codes = {one.uri: self._code(one, masked, pace) for one in (query.own, *allowed)}
        self._codes = {uri: known for uri, known in self._codes.items() if uri in codes}
        own = codes[query.own.uri]
        others = [one for one in allowed if not codes[one.uri].useless]
        files.open = {code.path: code for code in codes.values()}
        focus = look(query.own.lines, query.row, query.column)
        if wanted.imports:
            yield from self._imported(query, own, focus, files)
        if wanted.recent_edits:
            for one in (query.own, *others):
                # Cut from the whole as it is masked: a part of a key is not known for one.
                lines = one.lines if one.large else codes[one.uri].lines
                yield from _masked(edits.pieces(one.path, lines, one.edited), masked)
        if wanted.open_files:
            near = range(query.window.start - _MARGIN, query.window.stop + _MARGIN)
            outside = [chunk for chunk in own.chunks if chunk.last < near.start or chunk.first >= near.stop]
            closed = [code for path in query.closed if (code := files.read(path)) is not None]
            seen = [(codes[one.uri], one.visited) for one in others] + [(code, ()) for code in closed]
            for code, _ in seen:
                pace.step()
                code.chunks  # noqa: B018 - worked out file by file, so that others get their turn in between
            yield from sources.own_definitions(own, near, focus)
            yield from sources.definitions_in_open([code for code, _ in seen], focus)
            yield from sources.chunks_of_open(seen, own, outside, focus)
        if wanted.related:
            yield from sources.related_files(own, focus, files)

    def _imported(self, query: Query, own: Code, focus: Focus, files: Files) -> Iterator[Piece]:
        before = "".join(query.cells[0])
        where = Where(own.path, own.language, sources.go_module(own, files))
        return imported.pieces(own, (*own.imports, *imports_of(before, own.language)), where, focus, files)

    def _ignores(self, root: Path, privacy: PrivacySettings) -> Ignores:
        key = (root, privacy)
        if key not in self._rules:
            if len(self._rules) >= _MOST_ROOTS:
                self.forget()
            self._rules[key] = Ignores(root, privacy)
        return self._rules[key]

    def _reader(self, query: Query, root: Path) -> Files:
        key = (root, query.privacy, query.context.max_file_bytes)
        if key not in self._files:
            rules, masked = self._ignores(root, query.privacy), query.privacy.mask_secrets
            self._files[key] = Files(root, rules, query.context.max_file_bytes, masked=masked)
        return self._files[key]

    def _code(self, one: OpenText, masked: bool, pace: Pace) -> Code:
        known = self._codes.get(one.uri)
        if known is not None and known[0] is one.lines and known[1] == masked and known[2].path == one.path:
            return known[2]
        text = "".join(one.lines[:_HEAD_ROWS] if one.large else one.lines)
        code = Code(one.path, one.language, mask(text) if masked else text)
        self._codes[one.uri] = (one.lines, masked, code)
        pace.step()
        return code


def chosen(query: Query, candidates: Sequence[Piece]) -> tuple[Piece, ...]:
    """The pieces to show of these candidates."""
    text = "".join(query.own.lines[query.window.start : query.window.stop])
    return choose(candidates, query.shown, query.budget, Window(query.own.path, query.window, text))


def _masked(pieces: Sequence[Piece] | Iterator[Piece], masked: bool) -> Iterator[Piece]:
    """Pieces cut from text as it is, with their secrets masked."""
    for piece in pieces:
        yield replace(piece, text=mask(piece.text)) if masked else piece
