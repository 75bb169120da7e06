"""Where a document is in its project: the path a model may see. Never an absolute path: it names the user."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

DRIVE = re.compile(r"^/([A-Za-z]):")
WITH_PATH = ("file", "vscode-notebook-cell", "vscode-remote", "untitled", "vscode-vfs")


@dataclass(frozen=True, slots=True)
class Place:
    """`path` is relative to the root with forward slashes, `repo` the root's name; "" when unknown.

    `root` is the root's uri, as the client wrote it.
    """

    path: str = ""
    repo: str = ""
    root: str = ""


def path_of(uri: str) -> PurePosixPath | None:
    """The path in a uri, with forward slashes and the drive letter in lower case; None if it has none."""
    parts = urlsplit(uri)
    if parts.scheme not in WITH_PATH:
        return None
    path = DRIVE.sub(lambda drive: f"/{drive[1].lower()}:", unquote(parts.path))
    return PurePosixPath(path) if path else None


def place_of(uri: str, roots: Sequence[str]) -> Place:
    """Find the innermost root above the document. Outside all roots only the file's name is told."""
    path = path_of(uri)
    if path is None:
        return Place()
    best = Place(path.name)
    depth = -1
    for root in roots:
        folder = path_of(root)
        if folder is None or not path.is_relative_to(folder) or len(folder.parts) <= depth:
            continue
        depth = len(folder.parts)
        best = Place(str(path.relative_to(folder)), folder.name, root)
    return best
