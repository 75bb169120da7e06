"""What a message's mentions stand for: excerpts of files, or the reason why there is none.

For a worker's thread: it reads files. Which of it is sent, and how much of it, is sending.py's.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from twinny_lsp.chat.excerpts import Excerpt, of_rows
from twinny_lsp.chat.mentions import Kind, Mention
from twinny_lsp.chat.repository import Repository
from twinny_lsp.chat.retrieval import Found
from twinny_lsp.context.code import Code


@dataclass(frozen=True, slots=True)
class Selected:
    """What was selected last: whole rows of a file of this project."""

    path: str
    rows: range


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """What another language server has told of a place. `row` from 0; `severity` a word."""

    path: str
    row: int
    severity: str
    message: str


@dataclass(frozen=True, slots=True)
class EditorState:
    """What the editor has told. `open`: the open files of the project, the one visited last first."""

    open: tuple[Code, ...] = ()
    selected: Selected | None = None
    diagnosed: tuple[Diagnosed, ...] = ()


@dataclass(frozen=True, slots=True)
class Attachment:
    """What a mention came to. `refused`: sentences on what is not sent, and why. `how`: how it was found."""

    mention: Mention
    excerpts: tuple[Excerpt, ...] = ()
    refused: tuple[str, ...] = ()
    how: str = ""


@dataclass(frozen=True, slots=True)
class Searched:
    """The places that were found for an `@workspace` already, and a line on how."""

    found: tuple[Found, ...]
    how: str


Finds = Mapping[Mention, Searched]


NO_PROJECT = "needs a workspace folder, and this document is in none"


def attach(
    mentions: Sequence[Mention],
    editor: EditorState,
    repository: Repository | None,
    searched: Finds = MappingProxyType({}),
) -> list[Attachment]:
    """Look up each mention, but those in `searched`. Raises what the repository's `step` raises."""
    if repository is None:
        return [Attachment(mention, refused=(f"{mention.text} {NO_PROJECT}",)) for mention in mentions]
    look_up = _LookUp(editor, repository, searched)
    return [look_up.attachment(mention) for mention in mentions]


class _LookUp:
    """The answers for one message."""

    def __init__(self, editor: EditorState, repository: Repository, searched: Finds) -> None:
        self._editor, self._repository, self._searched = editor, repository, searched

    def attachment(self, mention: Mention) -> Attachment:
        """Look up one mention."""
        ways = {
            Kind.FILE: self._file,
            Kind.SELECTION: self._selection,
            Kind.OPEN: self._open,
            Kind.DIAGNOSTICS: self._diagnostics,
            Kind.DIFF: self._diff,
            Kind.SYMBOL: self._symbol,
            Kind.WORKSPACE: self._workspace,
        }
        found = list(ways[mention.kind](mention))
        excerpts = tuple(one for one in found if isinstance(one, Excerpt))
        how = self._searched[mention].how if mention in self._searched else ""
        return Attachment(mention, excerpts, tuple(one for one in found if isinstance(one, str)), how)

    def _file(self, mention: Mention) -> Iterator[Excerpt | str]:
        yield self._rows(mention.name, mention.rows)

    def _selection(self, mention: Mention) -> Iterator[Excerpt | str]:
        selected = self._editor.selected
        yield self._rows(selected.path, selected.rows) if selected else "nothing was selected so far"

    def _open(self, mention: Mention) -> Iterator[Excerpt | str]:
        if not self._editor.open:
            yield "no file of this project is open"
        for code in self._editor.open:
            yield self._rows(code.path, None)

    def _diagnostics(self, mention: Mention) -> Iterator[Excerpt | str]:
        by_path: dict[str, list[Diagnosed]] = {}
        for one in self._editor.diagnosed:
            by_path.setdefault(one.path, []).append(one)
        if not by_path:
            yield "the editor has told of no diagnostics so far"
        for path, several in by_path.items():
            if reason := self._repository.why_not(path):
                yield f"{path} {reason}"
                continue
            code = self._repository.named(path)
            lines = code.lines if code else ()
            told = []
            for one in sorted(several, key=lambda one: one.row):
                told.append(f"line {one.row + 1}: {one.severity}: {one.message}")
                if one.row < len(lines):
                    told.append(f"    {lines[one.row].strip()}")
            yield Excerpt(f"diagnostics of {path}", "\n".join(told))

    def _diff(self, mention: Mention) -> Iterator[Excerpt | str]:
        try:
            text, refused = self._repository.diff()
        except (OSError, subprocess.SubprocessError):
            yield "git could not tell what was changed"
            return
        yield from refused
        if text:
            yield Excerpt("changes since the last commit", text, "diff")
        elif not refused:
            yield "nothing was changed since the last commit, or this is no git repository"

    def _symbol(self, mention: Mention) -> Iterator[Excerpt | str]:
        found = self._repository.symbol(mention.name)
        if not found:
            yield f"no definition of {mention.name} was found"
        for place in found:
            yield self._rows(place.path, place.rows)

    def _workspace(self, mention: Mention) -> Iterator[Excerpt | str]:
        known = self._searched.get(mention)
        found = self._repository.search(mention.name) if known is None else known.found
        if not found:
            yield "no file of this project has a word of the question"
        for place in found:
            yield self._rows(place.path, place.rows)

    def _rows(self, path: str, rows: range | None) -> Excerpt | str:
        if reason := self._repository.why_not(path):
            return f"{path} {reason}"
        code = self._repository.named(path)
        if code is None:
            return f"{path} is too large, or not text"
        if rows is not None and rows.start >= len(code.lines):
            return f"{path} has no line {rows.start + 1}"
        return of_rows(path, code.language, code.lines, rows)
