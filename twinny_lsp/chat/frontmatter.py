"""The front matter of a chat document: which model, where, and how. Pure.

The part of YAML people write there: `key: value`, quotes, comments, and `key: |` with indented lines below.
What a key means is checked here; whether a provider or a model of that name is there, elsewhere. Keys of
other programs (a note may have `tags:`) are theirs, but for those that look like a slip in one of ours.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields

_LINE = re.compile(r"(?P<key>[A-Za-z_]+)[ \t]*:(?:[ \t]+(?P<value>.*))?$")
_BLOCK = re.compile(r"[|>][+-]?$")
_MESSAGE = re.compile(r"##[ \t]+you\b", re.IGNORECASE)
_SLIP = 0.7
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class Front:
    """What the document says; "" and None are "nothing".

    `context`: tokens of the model's window. `thinking`: whether the model's thinking is shown. `problems` are
    sentences for the person who wrote it.
    """

    model: str = ""
    provider: str = ""
    system: str = ""
    temperature: float | None = None
    context: int | None = None
    thinking: bool = False
    problems: tuple[str, ...] = ()


KEYS = tuple(field.name for field in fields(Front) if field.name != "problems")


def read(lines: Sequence[str]) -> tuple[Front, int]:
    """The front matter at the top of a document, and the row where the document goes on.

    `lines` are without terminators. Where there is no closing `---`, or nothing like `key: value` before it,
    the first one is a rule and all of it text.
    """
    end = _end(lines)
    if not end:
        return Front(), 0
    found: dict[str, object] = {}
    problems: list[str] = []
    ours = False
    row = 1
    while row < end:
        line, at, row = lines[row], row + 1, row + 1
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.match(line.rstrip())
        key = match["key"].lower() if match else ""
        near = difflib.get_close_matches(key or line.partition(" ")[0].lower(), KEYS, 1, _SLIP)
        ours = ours or bool(near)
        if match is None or (near and key not in KEYS):
            problems.append(f"line {at}: known here are {', '.join(f'`{known}:`' for known in KEYS)}")
            continue
        if key not in KEYS:
            while row < end and lines[row][:1] in (" ", "\t", "-"):
                row += 1
            continue
        value = _plain(match["value"] or "")
        if _BLOCK.match(value):
            begin = row
            while row < end and (not lines[row].strip() or lines[row][:1] in " \t"):
                row += 1
            value = _block(lines[begin:row])
        try:
            found[key] = _typed(key, value)
        except ValueError as error:
            problems.append(f"line {at}: `{key}` {error}")
    # Where not one line is meant for us, none that we cannot read is.
    return Front(**found, problems=tuple(problems) if ours else ()), end + 1  # type: ignore[arg-type]


def _end(lines: Sequence[str]) -> int:
    """The row of the line that closes the front matter; 0 where there is none."""
    if not lines or lines[0].removeprefix("\ufeff").rstrip() != "---":
        return 0
    keyed = False
    for row, line in enumerate(lines[1:], start=1):
        if line.rstrip() in ("---", "..."):
            return row if keyed else 0
        if _MESSAGE.match(line):
            return 0
        keyed = keyed or bool(_LINE.match(line.rstrip())) or line.partition(" ")[0].lower() in KEYS
    return 0


def _plain(value: str) -> str:
    """Without quotes, or without a comment."""
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return re.sub(r"(?:^|[ \t]+)#.*$", "", value)


def _block(lines: Sequence[str]) -> str:
    """The lines of a block without their common indentation."""
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[margin:].rstrip() for line in lines).strip("\n")


def _typed(key: str, value: str) -> object:
    """The value as `Front` has it. Raises ValueError with what it should be."""
    if key == "temperature":
        return _number(value, 0, 2) if value else None
    if key == "context":
        return int(_number(value, 256, 10_000_000)) if value else None
    if key == "thinking":
        if value and value.lower() not in _WORDS:
            raise ValueError("is true or false")
        return _WORDS.get(value.lower(), False)
    return value


def _number(value: str, least: float, most: float) -> float:
    try:
        number = float(value.replace("_", ""))
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise ValueError(f"is a number from {least:,} to {most:,}")
    return number
