"""Reads the files of one workspace folder, as far as that is allowed, and remembers the latest.

Whether a file may be read is decided before it is. For the worker, never for the loop's thread.
"""

from __future__ import annotations

import os
import posixpath
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from twinny_lsp.context.code import Code
from twinny_lsp.context.ignores import Ignores, Stamp, read_bounded
from twinny_lsp.context.secrets import mask
from twinny_lsp.languages import language_from_path

_KEPT_CHARS = 1_500_000
"""Of all texts together; what is worked out of them takes about as much again."""
_MOST_IN_FOLDER = 150


class Files:
    """The Reader of one root. `open` is what the editor has, by path: it counts, not what is on disk."""

    def __init__(self, root: Path, ignores: Ignores, max_bytes: int, *, masked: bool) -> None:
        self.root, self.ignores, self.masked = root, ignores, masked
        self.open: Mapping[str, Code] = {}
        self.step: Callable[[], object] = lambda: None
        """Called before each file: whoever does much in a row lets others have their turn."""
        self._max_bytes = max_bytes
        self._kept: OrderedDict[str, tuple[Stamp, Code | None]] = OrderedDict()
        self._chars = 0
        self._folders: dict[str, tuple[int, tuple[str, ...]]] = {}

    def read(self, path: str) -> Code | None:
        """See `code.Reader`."""
        self.step()
        opened = self.open.get(path)
        if opened is not None:
            return None if self.ignores.why_not(path) or opened.useless else opened
        full = self.root / path
        try:
            found = os.stat(full)
        except (OSError, ValueError):
            return None
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        if found.st_size > self._max_bytes or self.ignores.why_not(path):
            return None
        known = self._kept.get(path)
        if known is None or known[0] != stamp:
            known = (stamp, self._fresh(path))
            self._keep(path, known)
        self._kept.move_to_end(path)
        return known[1]

    def folder(self, path: str, endings: Sequence[str]) -> Sequence[str]:
        """See `code.Reader`; those of the same kind as far as they are not too many."""
        full = self.root / path
        try:
            changed = os.stat(full).st_mtime_ns
            known = self._folders.get(path)
            if known is None or known[0] != changed:
                with os.scandir(full) as entries:
                    names = sorted(entry.name for entry in entries)
                known = self._folders[path] = (changed, tuple(names[:2000]))
        except (OSError, ValueError):
            return ()
        fitting = [name for name in known[1] if name.endswith(tuple(endings))]
        return [posixpath.join(path, name) for name in fitting[:_MOST_IN_FOLDER]]

    def _fresh(self, path: str) -> Code | None:
        text = read_bounded(self.root / path, self._max_bytes)
        if text is None:
            return None
        language = language_from_path(path, text[: text.find("\n") + 1][:200])
        code = Code(path, language, mask(text) if self.masked else text)
        return None if code.useless else code

    def _keep(self, path: str, known: tuple[Stamp, Code | None]) -> None:
        self._forget(self._kept.pop(path, None))
        self._kept[path] = known
        self._chars += _size(known[1])
        while self._chars > _KEPT_CHARS and len(self._kept) > 1:
            self._forget(self._kept.popitem(last=False)[1])

    def _forget(self, known: tuple[Stamp, Code | None] | None) -> None:
        if known is not None:
            self._chars -= _size(known[1])


def _size(code: Code | None) -> int:
    return 100 if code is None else 100 + len(code.text)
