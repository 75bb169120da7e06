"""The kinds of value that settings have: what is taken for one, within which range; and what all tables of
settings have in common. No single setting.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic.alias_generators import to_camel

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Section(BaseModel):
    """What all parts of the settings have in common; keys are camelCase outside, snake_case in here."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        strict=True,
        hide_input_in_errors=True,
        defer_build=True,
        protected_namespaces=(),
    )


def _token(name: str) -> str:
    if not HEADER_NAME.fullmatch(name):
        raise ValueError("should be the name of a header: letters, digits and dashes")
    return name


def _printable(value: object) -> object:
    """A header's value with a line break in it would be two headers."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if isinstance(text, str) and any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise ValueError("should be without line breaks and control characters")
    return value


def _as_texts(value: object) -> object:
    """A list of text, whatever it was: of these keys a wrong one is refused, not left out (owner.py)."""
    items = value if isinstance(value, list) else [value]
    return [item if isinstance(item, str) else "" for item in items]


def _as_text(value: object) -> object:
    return value if isinstance(value, str) else "?"


HeaderValue = Annotated[SecretStr, BeforeValidator(_printable)]
HeaderName = Annotated[str, AfterValidator(_token)]
OwnersText = Annotated[str, BeforeValidator(_as_text)]
OwnersTexts = Annotated[list[str], BeforeValidator(_as_texts)]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
Temperature = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]
MaxTokens = Annotated[int, Field(ge=1, le=131_072)]
