"""What all wire shapes share: how an answer's reader looks, and safe ways into other people's JSON.

Not for one server's fields: ollama.py, openai.py and llamacpp.py have those.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from twinny_lsp.exchange import Finish, Piece, Usage

JsonObject = dict[str, object]


class Reader(ABC):
    """Reads the decoded objects of one answer, in order.

    `known` becomes True with the first object that belongs to this API. `finish` is set as soon as the
    server says why it stopped, `done` when nothing worth waiting for follows.
    """

    def __init__(self) -> None:
        self.known = False
        self.finish: Finish | None = None
        self.usage: Usage | None = None
        self.done = False

    @abstractmethod
    def read(self, value: Mapping[str, object]) -> Piece | None:
        """The text in one object, if it has any. Every field may be missing, null or of another type."""


def text_at(value: Mapping[str, object], key: str) -> str:
    """The string at `key`, or "" when it is missing, null or no string."""
    found = value.get(key)
    return found if isinstance(found, str) else ""


def int_at(value: Mapping[str, object], key: str) -> int | None:
    """The whole number at `key`, or None."""
    found = value.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def object_at(value: Mapping[str, object], key: str) -> Mapping[str, object]:
    """The object at `key`, or an empty one."""
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def objects_at(value: object, key: str) -> list[Mapping[str, object]]:
    """The objects in the list at `key`; anything else is left out."""
    found = value.get(key) if isinstance(value, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
