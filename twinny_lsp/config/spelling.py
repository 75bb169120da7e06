"""The two spellings of a setting's key: camelCase in JSON, snake_case in TOML and in this program."""

from __future__ import annotations

from collections.abc import Iterable


def snake(key: str) -> str:
    """`baseUrl` and `base_url` are `base_url`; nothing else is touched."""
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in key)


def camel(key: str) -> str:
    """`base_url` and `baseUrl` are `baseUrl`."""
    head, *rest = key.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)


def dotted(path: Iterable[str]) -> str:
    """A path of keys as people read it: the names in it as they are, its last key in camelCase."""
    *names, key = path
    return ".".join([*names, camel(key)])
