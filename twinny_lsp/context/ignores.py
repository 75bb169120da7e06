"""Which files of one workspace folder may be read, decided before any of them is.

A file is held back by the built-in list (deny.py), by `privacy.deny`, by an ignore file of ours, by git's
rules (`.gitignore` in every folder, also above the root inside the repository; `.git/info/exclude`; the
user's own file for all repositories), or because it, or what its links lead to, is outside the root. What
cannot be decided is held back.

Reads the file system (link targets and ignore files): for the worker, never for the loop's thread.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from twinny_lsp.config.resolved import PrivacySettings
from twinny_lsp.context.deny import Kind, denied
from twinny_lsp.patterns import compiled, own_verdict

RECHECK_S = 2.0
"""How long the rules of a folder hold before its ignore files are looked at again."""

_MAX_BYTES = 256 * 1024
_MAX_LEVELS = 40
_GIT = ".gitignore"
_EXCLUDES = re.compile(r"^[ \t]*excludesfile[ \t]*=[ \t]*\"?([^\"\n#;]+)", re.IGNORECASE | re.MULTILINE)
CASELESS = sys.platform in ("darwin", "win32")
Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Rules:
    """The patterns of one file, for paths relative to `folder`; `name` is the file's, for people."""

    folder: Path
    name: str
    spec: GitIgnoreSpec


class Ignores:
    """The rules of one root under one set of settings."""

    def __init__(
        self, root: Path, privacy: PrivacySettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._real_root = os.path.realpath(root)
        # What is around a linked folder, a repository say, is where the link leads to.
        self.root = root = Path(self._real_root)
        self._own = tuple(name for name in privacy.ignore_files if name and "/" not in name)
        self._deny, self._allow = compiled(map(_folded, privacy.deny)), compiled(privacy.allow)
        self._clock = clock
        self._checked_at = clock()
        self._parsed: dict[Path, tuple[Stamp, GitIgnoreSpec]] = {}
        self._rules: dict[tuple[Path, bool], tuple[_Rules | None, ...]] = {}
        self._folders: dict[tuple[Path, bool], str] = {}
        self._repository = _repository(root)
        # Who opens a folder that git ignores as a workspace wants to work in it.
        if self._repository not in (None, root) and self._named(root, own=False, folder=True):
            self._repository = None
            self._rules.clear()

    def why_not(self, path: str) -> str:
        """Why the file (relative to the root, forward slashes) must not be read; "" when it may.

        The answer is the end of a sentence that begins with the file's name.
        """
        if never := self.why_never(path):
            return never
        for name in self._names(path):
            verdict = None if self._allow.match_file(name) else denied(name)
            if verdict is not None:
                return verdict.reason
            if ignored := self._ignored(name, own=False):
                return ignored
        return ""

    def why_never(self, path: str) -> str:
        """Why no model may see the file, not even where the user works in it; "" when one may."""
        names = self._names(path)
        if not names:
            return "is outside the workspace folder"
        for name in names:
            if self._deny.match_file(_folded(name)):
                return "is named by `privacy.deny`"
            # With all folders, also those above the root.
            verdict = denied(f"{self._real_root}/{name}".replace(os.sep, "/"))
            if verdict is not None and verdict.kind is Kind.SECRET and not self._allow.match_file(name):
                return f"{verdict.reason}; `privacy.allow` makes exceptions"
            if ignored := self._ignored(name, own=True):
                return ignored
        return ""

    def _names(self, path: str) -> tuple[str, ...]:
        """The path and, where it is another, what its links lead to; nothing when that is outside."""
        real = os.path.realpath(self.root / path)
        if not real.startswith(os.path.join(self._real_root, "")):
            return ()
        target = os.path.relpath(real, self._real_root).replace(os.sep, "/")
        return (path,) if target == path else (path, target)

    def _ignored(self, path: str, *, own: bool) -> str:
        """Which rules (git's, or those of our own ignore files) name the file or a folder above it."""
        if self._clock() - self._checked_at >= RECHECK_S:
            self._checked_at = self._clock()
            self._rules.clear()
            self._folders.clear()
        here = self.root
        for name in path.split("/")[:-1]:
            here = here / name
            named = self._folders.get((here, own))
            if named is None:
                named = self._folders[here, own] = self._named(here, own=own, folder=True)
            if named:
                return named
        return self._named(self.root / path, own=own, folder=False)

    def _named(self, path: Path, *, own: bool, folder: bool) -> str:
        """Which rules name just this path, the nearest first; an exception there ends the search."""
        for rules in self._rules_at(path.parent, own=own):
            if rules is None:
                return "has ignore rules that cannot be read"
            relative = _folded(path.relative_to(rules.folder).as_posix())
            found = own_verdict(rules.spec, f"{relative}/" if folder else relative)
            if found is not None:
                return f"is named by {rules.name}" if found else ""
        return ""

    def _rules_at(self, folder: Path, *, own: bool) -> tuple[_Rules | None, ...]:
        """The rules that speak for a folder's files, nearest first; None for those that cannot be read."""
        found = self._rules.get((folder, own))
        if found is not None:
            return found
        here = [
            rules
            for name in (self._own if own else (_GIT,))
            for rules in self._read(folder / name, folder, name)
        ]
        top = self.root if own or self._repository is None else self._repository
        if folder != top and top in folder.parents:
            here += self._rules_at(folder.parent, own=own)
        elif not own and self._repository is not None:
            exclude = _git_folder(self._repository) / "info" / "exclude"
            here += self._read(exclude, self._repository, ".git/info/exclude")
            everywhere = _excludes_file(_git_folder(self._repository))
            here += self._read(everywhere, self._repository, "git's core.excludesFile")
        result = self._rules[folder, own] = tuple(here)
        return result

    def _read(self, file: Path, folder: Path, name: str) -> Iterator[_Rules | None]:
        try:
            found = file.stat()
        except FileNotFoundError:
            return
        except (OSError, ValueError):
            yield None
            return
        stamp = found.st_mtime_ns, found.st_size, found.st_ino
        known = self._parsed.get(file)
        if known is None or known[0] != stamp:
            text = read_bounded(file, _MAX_BYTES)
            if text is None:
                yield None
                return
            known = self._parsed[file] = (stamp, compiled(_folded(text).replace("\r", "").split("\n")))
        yield _Rules(folder, name, known[1])


def _folded(text: str) -> str:
    """The text in lower case where file names are the same in large and small letters, as in git."""
    return text.lower() if CASELESS else text


def read_bounded(path: Path, limit: int) -> str | None:
    """A regular file's text, None when it cannot be had whole: larger, not text, not there, not a file.

    UTF-8, else Latin-1, which every byte fits.
    """
    try:
        with open(path, "rb", opener=_open) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            raw = file.read(limit + 1)
    except (OSError, ValueError):
        return None
    if len(raw) > limit or b"\0" in raw:
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _open(path: str, flags: int) -> int:
    """Open without waiting for a writer, should it be a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _repository(root: Path) -> Path | None:
    """The git repository's folder that the root is in, itself included."""
    for folder in (root, *root.parents)[:_MAX_LEVELS]:
        if (folder / ".git").exists():
            return folder
    return None


def _git_folder(repository: Path) -> Path:
    """Where git keeps its things: `.git`, or what a linked worktree's `.git` file leads to."""
    git = repository / ".git"
    if git.is_dir():
        return git
    said = (read_bounded(git, 4096) or "").removeprefix("gitdir:").strip()
    own = repository / said
    common = (read_bounded(own / "commondir", 4096) or "").strip()
    return own / common if common else own


def _excludes_file(git_folder: Path) -> Path:
    """The user's file of patterns for all repositories: what git's settings say, else where git looks."""
    home = Path(os.path.expanduser("~"))
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "git"
    for file in (git_folder / "config", home / ".gitconfig", settings / "config"):
        found = _EXCLUDES.search(read_bounded(file, _MAX_BYTES) or "")
        if found is not None:
            return home / os.path.expanduser(found[1].strip())
    return settings / "ignore"
