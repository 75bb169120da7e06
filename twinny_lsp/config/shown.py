"""The settings as they may be shown: complete, in camelCase, and without any secret."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, SecretStr

SECRET = "(set)"  # noqa: S105 - what is shown in place of one
SECRET_KEYS = frozenset({"apiKeyCommand"})
_PASSWORD = re.compile(r"(?<=//)[^/@]*(?=@)|(?<=[?#]).+")
"""Where an address has a password or a key by mistake; such an address is not used, but it is shown."""


def shown(settings: BaseModel) -> dict[str, Any]:
    """Plain JSON of a settings model; keys, header values and key commands are replaced by "(set)"."""
    result = _masked(settings.model_dump(by_alias=True))
    assert isinstance(result, dict)  # noqa: S101 - a model dumps as a dict
    return result


def _masked(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return SECRET if value.get_secret_value() else ""
    if isinstance(value, dict):
        return {
            key: [SECRET] if key in SECRET_KEYS and inner else _masked(inner) for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_masked(inner) for inner in value]
    if isinstance(value, str):
        return _PASSWORD.sub(SECRET, value) if "@" in value or "?" in value or "#" in value else value
    return value
