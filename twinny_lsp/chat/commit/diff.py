"""A unified diff of git, read into files and hunks. Pure; nothing of it is trusted to be whole."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise


class Status(StrEnum):
    """What became of a file, by git's letters."""

    ADDED = "A"
    DELETED = "D"
    MODIFIED = "M"
    RENAMED = "R"


@dataclass(frozen=True, slots=True)
class Hunk:
    """`lines` have their signs and no terminators; `title` is what git found it to be in."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to one file; `path` is its new one (its old one if it is gone), from the top folder."""

    path: str
    status: Status
    old_path: str = ""
    binary: bool = False
    hunks: tuple[Hunk, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Its path, and its old one where it had another."""
        return (self.path, self.old_path) if self.old_path else (self.path,)

    @property
    def added(self) -> int:
        """Lines that came."""
        return sum(line.startswith("+") for hunk in self.hunks for line in hunk.lines)

    @property
    def removed(self) -> int:
        """Lines that went."""
        return sum(line.startswith("-") for hunk in self.hunks for line in hunk.lines)


_HUNK = re.compile(r"@@ -\d+(?:,(?P<old>\d+))? \+\d+(?:,(?P<new>\d+))? @@ ?(?P<title>.*)")
_SAME_PATHS = re.compile(r"diff --git a/(?P<path>.*) b/(?P=path)")
_ESCAPES = {"n": 10, "t": 9, "r": 13, "a": 7, "b": 8, "f": 12, "v": 11, '"': 34, "\\": 92}
_ESCAPED = re.compile(rb'\\([0-7]{3}|[ntrabfv"\\])')


def parse(text: str) -> tuple[Change, ...]:
    """The changes in what `git diff` printed with the prefixes a/ and b/; the last may be cut off."""
    lines = text.split("\n")
    starts = [row for row, line in enumerate(lines) if line.startswith("diff --git ")]
    # No line within a hunk is taken for a head: each of those has a sign before it.
    files = (_file(lines[start:end]) for start, end in pairwise((*starts, len(lines))))
    return tuple(change for change in files if change is not None)


def _file(lines: list[str]) -> Change | None:
    names: dict[str, str] = {}
    same = _SAME_PATHS.fullmatch(lines[0])
    row = 1
    status = Status.MODIFIED
    binary = False
    while row < len(lines) and not lines[row].startswith("@@ "):
        line = lines[row]
        row += 1
        if line.startswith("new file"):
            status = Status.ADDED
        elif line.startswith("deleted file"):
            status = Status.DELETED
        elif line.startswith(("rename from ", "rename to ")):
            status = Status.RENAMED
            names["old" if line.startswith("rename from ") else "new"] = _unquoted(line.split(" ", 2)[2])
        elif line.startswith(("--- ", "+++ ")):
            path = _unquoted(line[4:].rstrip("\t"))
            if path != "/dev/null":
                names.setdefault("old" if line.startswith("---") else "new", path[2:])
        elif line.startswith(("Binary files ", "GIT binary patch")):
            binary = True
    old, new = names.get("old", ""), names.get("new", "")
    path = new or old or (same["path"] if same else _quoted_path(lines[0]))
    if not path:
        return None
    renamed = old if status is Status.RENAMED else ""
    return Change(path, status, renamed, binary, () if binary else _hunks(lines[row:]))


def _hunks(lines: list[str]) -> tuple[Hunk, ...]:
    """By the counts in their heads, so that a line like `--- x` or `@@ x` in them is what it is."""
    found: list[Hunk] = []
    row = 0
    while row < len(lines):
        head = _HUNK.match(lines[row])
        row += 1
        if head is None:
            continue
        old, new = int(head["old"] or 1), int(head["new"] or 1)
        body: list[str] = []
        while (old > 0 or new > 0) and row < len(lines):
            line = lines[row].rstrip("\r")
            row += 1
            if line.startswith("\\"):
                continue
            old -= not line.startswith("+")
            new -= not line.startswith("-")
            body.append(line)
        found.append(Hunk(head["title"].strip(), tuple(body)))
    return tuple(found)


def _quoted_path(head: str) -> str:
    """The path of a file that has nothing but a head (its mode changed), where git quotes it."""
    match = re.search(r' ("b/(?:[^"\\]|\\.)*")$', head)
    return _unquoted(match.group(1))[2:] if match else ""


def _unquoted(path: str) -> str:
    """A path as git writes it, in quotes with octal bytes where it has anything unusual."""
    if not (path.startswith('"') and path.endswith('"') and len(path) > 1):
        return path
    raw = path[1:-1].encode("utf-8", "surrogatepass")

    def byte(match: re.Match[bytes]) -> bytes:
        said = match.group(1).decode("ascii")
        return bytes([int(said, 8) & 255 if said.isdigit() else _ESCAPES[said]])

    return _ESCAPED.sub(byte, raw).decode("utf-8", "replace")
