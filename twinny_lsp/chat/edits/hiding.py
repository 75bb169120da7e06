"""Secrets of the code that a model is to edit: hidden from it, and put back into what it wrote.

Each becomes a name of its own, which a model copies as it copies any name; masking with `x` as elsewhere
would come back as `x` and overwrite the user's secret. Not for text that only goes out (context/secrets.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from twinny_lsp.context.secrets import find

_NAME = "HIDDEN_SECRET_"
_HIDDEN = re.compile(rf"{_NAME}\d+")


@dataclass(frozen=True, slots=True)
class Hidden:
    """`secrets` by the names they have in what is sent."""

    secrets: Mapping[str, str] = field(default_factory=dict)

    def hide(self, text: str) -> str:
        """The text with the names in the place of the secrets."""
        for name, secret in sorted(self.secrets.items(), key=lambda each: -len(each[1])):
            text = text.replace(secret, name)
        return text

    def restore(self, text: str) -> str | None:
        """The text with the secrets in the place of the names; None when one of the names is unknown."""
        if self.secrets and any(name not in self.secrets for name in _HIDDEN.findall(text)):
            return None
        return _HIDDEN.sub(lambda match: self.secrets.get(match.group(), match.group()), text)


def hidden(document: str) -> Hidden:
    """What has to be hidden of a document."""
    values = dict.fromkeys(document[secret.start : secret.end] for secret in find(document))
    return Hidden({f"{_NAME}{index}": value for index, value in enumerate(values, start=1)})
