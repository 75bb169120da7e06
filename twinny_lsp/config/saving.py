"""Writing a choice into the user's own settings file, and touching nothing else in it.

A line is changed, added or made a comment; comments, order, spacing and line ends stay. No TOML library that
writes is needed for that: the result is parsed and compared with what it should say, and where that is not
the same (a section written as an inline table, a value over several lines) the file is left alone and the
user told what to set.

What the file says of another provider's model and address becomes a comment, as merge.py would leave it out
of a weaker source.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Collection, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from twinny_lsp.config.cleaning import SECTION
from twinny_lsp.config.merge import ADDRESS_FIELDS
from twinny_lsp.config.sources import read_toml, shown_path
from twinny_lsp.config.spelling import camel, snake
from twinny_lsp.errors import SettingsError
from twinny_lsp.providers.presets import DEFAULT, SPECIAL_TEMPLATES

_BOM = b"\xef\xbb\xbf"
_HEADER = re.compile(r"\s*\[")
_STRING = r'"(?:[^"\\]|\\.)*"|\'[^\']*\''


def save(path: Path, section: str, chosen: Mapping[str, str]) -> None:
    """Set `chosen` (snake_case keys: provider, model) in a section of the file at `path`.

    Raises SettingsError, and leaves the file as it was, where it cannot be read, changed or written.
    """
    read = read_toml(path)
    if read.problem is not None:
        raise SettingsError(f"nothing is saved: {read.problem}")
    try:
        raw = path.read_bytes() if read.table is not None else b""
        made = _edited(raw.removeprefix(_BOM).decode("utf-8"), section, chosen)
        _write(path, (_BOM if raw.startswith(_BOM) else b"") + made.encode("utf-8"))
    except OSError as error:
        reason = error.strerror or "it cannot be written"
        raise SettingsError(f"nothing is saved: {shown_path(path)}: {reason}") from None
    except _CannotEditError:
        wanted = ", ".join(_line(key, value) for key, value in chosen.items())
        where = f"under [{section}] in {shown_path(path)}"
        raise SettingsError(
            f"nothing is saved: the file is written in a way that only you can change. Set {wanted} {where}."
        ) from None


def _edited(text: str, section: str, chosen: Mapping[str, str]) -> str:
    """The TOML text with these settings. Raises _CannotEditError where that takes more than lines."""
    before = tomllib.loads(text)
    path = (SECTION, section) if SECTION in before else (section,)
    dropped = _void(_table_at(deepcopy(before), path), chosen)
    lines = text.split("\n")
    start = _header_of(lines, path)
    if start is None:
        made = _with_new_section(text, path, chosen)
    else:
        made = "\n".join(_changed(lines, start, chosen, dropped))
    if _parsed(made) != _wanted(before, path, chosen, dropped):
        raise _CannotEditError
    return made


def _void(table: Mapping[str, Any], chosen: Mapping[str, str]) -> set[str]:
    """The keys of the section that are of another provider or model than what is chosen."""
    said = {snake(key): value for key, value in table.items()}
    moved = "provider" in chosen and chosen["provider"] != said.get("provider", DEFAULT)
    other = moved or ("model" in chosen and chosen["model"] != said.get("model"))
    void = {*ADDRESS_FIELDS, "model"} if moved else set()
    if other and said.get("fim_template", "") not in SPECIAL_TEMPLATES:
        void.add("fim_template")
    return void & {*said} - {*chosen}


class _CannotEditError(Exception):
    """Changing lines does not give what is wanted."""


def _header_of(lines: list[str], path: tuple[str, ...]) -> int | None:
    """The row of the section's header."""
    names = r"\s*\.\s*".join(rf"[\"']?{re.escape(name)}[\"']?" for name in path)
    header = re.compile(rf"\s*\[\s*{names}\s*\]\s*(#.*)?")
    rows = (row for row, line in enumerate(lines) if header.fullmatch(line))
    return next((row for row in rows if _begins(lines, row)), None)


def _begins(lines: list[str], row: int) -> bool:
    """Whether a statement begins in that row: it is not inside a text or a list of several lines."""
    return _parsed("\n".join(lines[:row])) is not None


def _changed(lines: list[str], start: int, chosen: Mapping[str, str], dropped: Collection[str]) -> list[str]:
    """The lines with the section that begins at `start` changed."""
    end = next(
        (row for row in range(start + 1, len(lines)) if _HEADER.match(lines[row]) and _begins(lines, row)),
        len(lines),
    )
    body = lines[start + 1 : end]
    added = []
    for key, value in chosen.items():
        found = _row_of(body, key)
        if found is None:
            added.append(_line(key, value) + ("\r" if lines[start].endswith("\r") else ""))
        else:
            body[found] = _replaced(body[found], value)
    for key in dropped:
        if (found := _row_of(body, key)) is not None:
            body[found] = f"# {body[found]}"
    return [*lines[: start + 1], *added, *body, *lines[end:]]


def _row_of(body: list[str], key: str) -> int | None:
    spelled = "|".join({key, camel(key)})
    begins = re.compile(rf"\s*[\"']?(?:{spelled})[\"']?\s*=")
    return next((row for row, line in enumerate(body) if begins.match(line)), None)


def _replaced(line: str, value: str) -> str:
    """A line `key = "old"  # why` with another value."""
    parts = re.fullmatch(rf"([^=]*=\s*)(?:{_STRING})(\s*(?:#.*)?)", line)
    if parts is None:
        raise _CannotEditError
    return parts[1] + json.dumps(value, ensure_ascii=False) + parts[2]


def _with_new_section(text: str, path: tuple[str, ...], chosen: Mapping[str, str]) -> str:
    end = "\r\n" if "\r\n" in text else "\n"
    gap = "" if not text.strip() else end if text.endswith("\n") else end + end
    lines = [f"[{'.'.join(path)}]", *(_line(key, value) for key, value in chosen.items())]
    return text + gap + "".join(line + end for line in lines)


def _line(key: str, value: str) -> str:
    return f"{key} = {json.dumps(value, ensure_ascii=False)}"


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _wanted(
    before: dict[str, Any], path: tuple[str, ...], chosen: Mapping[str, str], dropped: Collection[str]
) -> dict[str, Any]:
    """What the file should say afterwards. Keys keep the spelling they have."""
    after = deepcopy(before)
    table = _table_at(after, path)
    spelled = {snake(key): key for key in table}
    for key in dropped:
        del table[spelled[key]]
    for key, value in chosen.items():
        table[spelled.get(key, key)] = value
    return after


def _table_at(table: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The section in the parsed file, made where it is not there."""
    for name in path:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise _CannotEditError
    return table


def _write(path: Path, data: bytes) -> None:
    """All of it or nothing. A link stays a link, and the file keeps its rights."""
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        if target.exists():
            os.chmod(name, target.stat().st_mode & 0o7777)
        os.replace(name, target)
    except OSError:
        os.unlink(name)
        raise
