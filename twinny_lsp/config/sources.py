"""Where settings come from: the user's file, what an editor sends, and a project's own file.

Reads files, bounded in size and only regular ones; what they mean is cleaning.py's and restrict.py's.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from twinny_lsp.config.cleaning import SECTION, is_ours
from twinny_lsp.config.problems import Problem
from twinny_lsp.config.restrict import FILE_NAME

APP = "twinny-lsp"
PATH_VARIABLE = "TWINNY_LSP_CONFIG"
FOREIGN = "twinny"
"""The section of Twinny for VS Code, which is not ours."""
MAX_BYTES = 1024 * 1024
Stamp = tuple[int, int, int]
_WHERE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True, slots=True)
class TomlFile:
    """What a file says: its table, None where there is no file or it does not parse (`problem`).

    `stamp` changes when the file does; None without a file.
    """

    path: Path
    table: Mapping[str, Any] | None = None
    problem: Problem | None = None
    stamp: Stamp | None = None


def user_config_path() -> Path:
    """The user's settings file, whether it is there or not; `TWINNY_LSP_CONFIG` moves it."""
    if named := os.environ.get(PATH_VARIABLE):
        return Path(os.path.expanduser(named))
    import platformdirs

    return Path(platformdirs.user_config_dir(APP, appauthor=False)) / "config.toml"


def stamp_of(path: Path) -> Stamp | None:
    """Something that changes when the file does; None when it is not there."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def read_toml(path: Path) -> TomlFile:
    """Read a settings file. Never raises; a file that is not there is no problem."""
    source, stamp = shown_path(path), stamp_of(path)
    if stamp is None or str(path) == os.devnull:
        return TomlFile(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return TomlFile(path, None, Problem(source, "", "is not a file; it is left out"), stamp)
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        return TomlFile(path, None, Problem(source, "", f"cannot be read: {reason}"), stamp)
    if len(raw) > MAX_BYTES:
        return TomlFile(path, None, Problem(source, "", "is larger than 1 MiB; it is left out"), stamp)
    return _parsed(path, source, raw, stamp)


def _parsed(path: Path, source: str, raw: bytes, stamp: Stamp) -> TomlFile:
    try:
        text = raw.decode("utf-8-sig")
        return TomlFile(path, tomllib.loads(text), None, stamp)
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        problem = Problem(f"{source}:{line}:{column}", "", "is not UTF-8 text from here on; it is left out")
    except tomllib.TOMLDecodeError as error:
        reason, where = _syntax(str(error), text)
        problem = Problem(f"{source}:{where}", "", f"is not valid TOML: {reason}; nothing in it holds")
    except RecursionError:
        problem = Problem(source, "", "is nested too deeply; it is left out")
    return TomlFile(path, None, problem, stamp)


def _syntax(message: str, text: str) -> tuple[str, str]:
    """The reason and `line:column` of a TOML error; its words hold no value, only where it is."""
    found = _WHERE.search(message)
    reason = message[: found.start()] if found else message
    if found and found[1]:
        return reason, f"{found[1]}:{found[2]}"
    return reason, f"{text.count(chr(10)) + 1}:{len(text) - text.rfind(chr(10))}"


def section(value: object) -> object:
    """Our part of what a client sent: the section's value, or a flat table; None is "nothing said".

    A flat table in which nothing is ours is other programs' settings, which some clients send to all.
    """
    if not isinstance(value, Mapping):
        return value
    if SECTION in value:
        return value[SECTION]
    prefix = f"{SECTION}."
    ours = {key[len(prefix) :]: inner for key, inner in value.items() if str(key).startswith(prefix)}
    if ours:
        return ours
    rest = {
        key: inner
        for key, inner in value.items()
        if key != FOREIGN and not str(key).startswith(f"{FOREIGN}.")
    }
    return rest if is_ours(rest) else None


def shown_path(path: Path) -> str:
    """A path as people write it, with `~` for their home folder."""
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)


def path_of(uri: str) -> Path | None:
    """The file of a URI, None when it has none (`untitled:`). A notebook's cell has its notebook's."""
    parts = urlsplit(uri)
    if parts.scheme not in ("file", "vscode-notebook-cell") or not parts.path.startswith("/"):
        return None
    path = unquote(parts.path)
    if "\x00" in path:
        return None
    if re.match(r"/[A-Za-z]:", path):  # /C:/folder
        path = path[1:]
    elif parts.netloc not in ("", "localhost") and os.name == "nt":
        path = f"//{parts.netloc}{path}"
    return Path(path)


def project_folders(document: Path, root: Path) -> tuple[Path, ...]:
    """The folders whose project file may speak for a document, nearest first; none outside the root."""
    document, root = Path(os.path.normpath(document)), Path(os.path.normpath(root))
    if not document.is_relative_to(root) or document == root:
        return ()
    folders = document.parents
    return tuple(folder for folder in folders if folder.is_relative_to(root))


def nearest_project_file(document: Path, root: Path) -> Path | None:
    """The nearest `.twinny.toml` above a document, not above the workspace's root."""
    for folder in project_folders(document, root):
        path = folder / FILE_NAME
        if stamp_of(path) is not None:
            return path
    return None
