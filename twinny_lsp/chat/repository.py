"""Looks into a project for what a message mentions: files, definitions, places that fit a question, changes.

Nothing is read before the rules of `context/` allow it. For a worker's thread, never for the loop's: it walks
folders, reads files and runs git.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from twinny_lsp.chat.commit.diff import parse
from twinny_lsp.chat.git import DIFF, FILTERS, GIT, VARIABLES, without_filters
from twinny_lsp.chat.retrieval import Found, Part, asked_words, best, candidates, joined, parts_of
from twinny_lsp.context.code import Code
from twinny_lsp.context.files import Files
from twinny_lsp.context.ignores import Ignores, read_bounded
from twinny_lsp.context.secrets import mask
from twinny_lsp.documents.text import split_lines
from twinny_lsp.languages import language_from_path

MOST_FILES = 20_000
MOST_SEARCHED_CHARS = 20_000_000
"""Of all files that are looked through for one question."""
MOST_NAMED_CHARS = 2_000_000
"""Of a file that is mentioned by its name."""
MOST_PARTS = 12
GIT_S = 10.0
MOST_DIFF_CHARS = 4_000_000
_DIFF_HEAD = re.compile(r"^diff --(?:git|cc|combined) .*$", re.MULTILINE)


class Repository:
    """One workspace folder. `step` is called between small pieces of work and may raise to end it."""

    def __init__(self, files: Files, step: Callable[[], object] = lambda: None) -> None:
        self.files, self.step = files, step

    @property
    def root(self) -> Path:
        """The folder."""
        return self.files.root

    @property
    def _rules(self) -> Ignores:
        return self.files.ignores

    def why_not(self, path: str) -> str:
        """Why a file must not be sent, the end of a sentence that begins with its name; "" if it may."""
        if path.startswith(("/", "~")) or ".." in path.split("/") or re.match(r"[A-Za-z]:", path):
            return "is not named from the workspace folder on"
        if reason := self._rules.why_not(path):
            return reason
        if path in self.files.open or (self.root / path).is_file():
            return ""
        return "is a folder" if (self.root / path).is_dir() else "is not there"

    def named(self, path: str) -> Code | None:
        """A file that `why_not` lets pass, as the editor has it; None when it is too large or no text.

        Secrets are as they are: they are masked when all is put together.
        """
        opened = self.files.open.get(path)
        if opened is not None:
            return opened
        text = read_bounded(self.root / path, MOST_NAMED_CHARS)
        return None if text is None else Code(path, language_from_path(path, text[:200]), text)

    def paths(self) -> Iterator[str]:
        """All files that may be read, folder by folder, those nearest to the root first."""
        folders, count = [""], 0
        while folders:
            folder = folders.pop(0)
            self.step()
            try:
                with os.scandir(self.root / folder) as entries:
                    here = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
            except (OSError, ValueError):
                continue
            for name, is_folder in here:
                path = f"{folder}{name}"
                if is_folder:
                    if not self._rules.why_not_folder(path):
                        folders.append(f"{path}/")
                elif not self._rules.why_not(path):
                    yield path
                    count += 1
                    if count >= MOST_FILES:
                        return

    def search(self, question: str) -> list[Found]:
        """The places that fit a question best, those in a row as one."""
        asked = asked_words(question)
        return joined(best(self._parts(frozenset(asked)), asked, MOST_PARTS))

    def candidates(self, question: str, most: int) -> list[tuple[Found, str]]:
        """Parts that may fit a question, best first by its words, each with its path and its text.

        Secrets are masked where settings say so.
        """
        asked = asked_words(question)
        found = candidates(self._parts(frozenset(asked)), asked, most)
        lines = dict[str, Sequence[str]]()
        for path in dict.fromkeys(one.path for one in found):
            code = self.files.read(path)
            # Masked as a whole: a part of a key is not known for one. What was read is masked already.
            hide = code is not None and self.files.masked and path in self.files.open
            lines[path] = split_lines(mask(code.text)) if code and hide else code.lines if code else ()
        texts = ("".join(lines[one.path][one.rows.start : one.rows.stop]) for one in found)
        return [(one, f"{one.path}\n{text}") for one, text in zip(found, texts, strict=True)]

    def _parts(self, asked: frozenset[str]) -> list[Part]:
        """All files in parts, as far as they are looked through for one question."""
        parts, chars = list[Part](), 0
        for code in self._codes():
            chars += len(code.text)
            for part in parts_of(code.path, code.lines, asked):
                self.step()
                parts.append(part)
            if chars > MOST_SEARCHED_CHARS:
                break
        return parts

    def symbol(self, name: str) -> list[Found]:
        """Where a name is defined, open files first; of `Type.member` the member."""
        wanted = name.rpartition(".")[2].rpartition("::")[2]
        found: list[Found] = []
        for code in self._codes():
            self.step()
            if wanted not in code.text:
                continue
            for definition in code.definitions:
                if definition.name == wanted:
                    rows = _body(code.lines, definition.row, definition.rows)
                    found.append(Found(code.path, rows, 0.0))
            if len(found) >= MOST_PARTS:
                break
        return found[:MOST_PARTS]

    def symbols(self, prefix: str, most: int) -> list[tuple[str, str]]:
        """(name, path) of definitions in open files whose name begins so."""
        found: dict[str, str] = {}
        for path, code in self.files.open.items():
            if self._rules.why_not(path):
                continue
            for definition in code.definitions:
                if definition.name.lower().startswith(prefix.lower()):
                    found.setdefault(definition.name, path)
                    if len(found) >= most:
                        return list(found.items())
        return list(found.items())

    def diff(self) -> tuple[str, list[str]]:
        """(what was changed since the last commit, sentences on files that are not shown).

        Raises OSError or subprocess.SubprocessError when git cannot tell.
        """
        text = self._diff("HEAD") or self._diff()
        heads = [match.start() for match in _DIFF_HEAD.finditer(text)]
        shown, refused = [], []
        for begin, end in zip(heads, [*heads[1:], len(text)], strict=True):
            section = text[begin:end]
            names = [name for change in parse(section) for name in change.paths]
            reasons = {name: self._rules.why_not(name) for name in names}
            denied = next(((name, reason) for name, reason in reasons.items() if reason), None)
            if denied:
                refused.append(f"{denied[0]} {denied[1]}")
            elif names:
                shown.append(section)
        return "".join(shown), refused

    def _diff(self, *arguments: str) -> str:
        variables = without_filters(self._git(*FILTERS))
        told = self._git(*DIFF, "--relative", *arguments, "--", variables=variables)
        return told[:MOST_DIFF_CHARS].decode("utf-8", "replace")

    def _git(self, *arguments: str, variables: Mapping[str, str] = MappingProxyType({})) -> bytes:
        """What it prints; nothing where it fails."""
        done = subprocess.run(  # noqa: S603 - a fixed command, without a shell
            [*GIT, *arguments],
            cwd=self.root,
            env={**os.environ, **VARIABLES, **variables},
            capture_output=True,
            check=False,
            timeout=GIT_S,
            stdin=subprocess.DEVNULL,
        )
        return done.stdout if done.returncode == 0 else b""

    def _codes(self) -> Iterator[Code]:
        """The files that are of use, open ones first; secrets masked where settings say so."""
        seen = set()
        for path in (*self.files.open, *self.paths()):
            if path in seen:
                continue
            seen.add(path)
            code = self.files.read(path)
            if code is not None:
                yield code


def _body(lines: tuple[str, ...], row: int, head: tuple[int, ...]) -> range:
    """A definition with its body: what is indented deeper below it, and the line that closes it."""
    margin = _margin(lines[row])
    last = at = max(head, default=row)
    for at in range(last + 1, len(lines)):
        if not lines[at].strip():
            continue
        if _margin(lines[at]) <= margin:
            if lines[at].lstrip()[:1] in "})]" or lines[at].strip() in ("end", "fi", "done"):
                last = at
            break
        last = at
    return range(row, last + 1)


def _margin(line: str) -> int:
    return len(line) - len(line.lstrip())
