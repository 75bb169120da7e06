"""Reading the arguments of commands: what does not fit is refused by name, with what would fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pygls.exceptions import JsonRpcInvalidParams


def take(argument: Any, keys: Sequence[str]) -> Mapping[str, Any]:
    """The one argument object of a command; None counts as empty, as does `[]`, which is how Lua writes `{}`.

    Raises -32602 for unknown keys.
    """
    if argument is None or argument == []:
        return {}
    if not isinstance(argument, Mapping):
        raise JsonRpcInvalidParams(f"the argument is an object with the keys {', '.join(keys)}")
    unknown = [str(key) for key in argument if key not in keys]
    if unknown:
        raise JsonRpcInvalidParams(f"unknown key `{unknown[0]}`; known are {', '.join(keys) or 'none'}")
    return argument


def text(given: Mapping[str, Any], key: str) -> str:
    """A text, "" when absent or null."""
    value = given.get(key)
    if value is not None and not isinstance(value, str):
        raise JsonRpcInvalidParams(f"`{key}` is a text")
    return value or ""


def items(given: Mapping[str, Any], key: str) -> Sequence[Any]:
    """A list, empty when absent or null."""
    value = given.get(key)
    if value is not None and (isinstance(value, str) or not isinstance(value, Sequence)):
        raise JsonRpcInvalidParams(f"`{key}` is a list")
    return value or ()


def flag(given: Mapping[str, Any], key: str) -> bool | None:
    """True, False or None when absent."""
    value = given.get(key)
    if value is not None and not isinstance(value, bool):
        raise JsonRpcInvalidParams(f"`{key}` is true or false")
    return value


def waits(given: Mapping[str, Any]) -> bool:
    """Whether a command answers at its end only. `wait: false` is for at once, and so is null: lsp-mode sends
    the false of an action's argument back as null, and gives up on what takes 10 s."""
    return "wait" not in given or bool(flag(given, "wait"))


def choice(given: Mapping[str, Any], key: str, allowed: Sequence[str]) -> str:
    """One of `allowed`, the first when absent."""
    value = text(given, key) or allowed[0]
    if value not in allowed:
        raise JsonRpcInvalidParams(f"`{key}` is one of {', '.join(allowed)}")
    return value


def span(given: Mapping[str, Any], key: str) -> tuple[int, int, int, int] | None:
    """An LSP range as (line, character, line, character) in the client's units, None when absent."""
    value = given.get(key)
    if value is None:
        return None
    ends = [value.get("start"), value.get("end")] if isinstance(value, Mapping) else []
    numbers = [
        number
        for end in ends
        if isinstance(end, Mapping)
        for name in ("line", "character")
        if type(number := end.get(name)) is int and number >= 0
    ]
    if len(numbers) != 4:
        raise JsonRpcInvalidParams(f"`{key}` is a range: {{start: {{line, character}}, end: …}}")
    return numbers[0], numbers[1], numbers[2], numbers[3]


def place(given: Mapping[str, Any], key: str) -> tuple[int, int] | None:
    """An LSP position as (line, character) in the client's units, None when absent."""
    value = given.get(key)
    if value is None:
        return None
    line, character = (
        (value.get("line"), value.get("character", 0)) if isinstance(value, Mapping) else (None, 0)
    )
    if type(line) is not int or type(character) is not int or min(line, character) < 0:
        raise JsonRpcInvalidParams(f"`{key}` is a position: {{line, character}}")
    return line, character
