"""What all wire shapes share: an answer's reader, its counts, and safe ways into other people's JSON.

Not for one server's fields: ollama.py, openai.py and llamacpp.py have those.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import replace

from twinny_lsp.exchange import Piece, Usage

JsonObject = dict[str, object]

WHOLE = -1
"""In place of a choice: a count over all choices."""


class Tally:
    """What was counted so far, by choice. `news`: something was added since that was last set to False."""

    def __init__(self) -> None:
        self.news = False
        self._by_choice: dict[int, Usage] = {}

    def add(self, usage: Usage, choice: int = WHOLE) -> None:
        """Take a newer count; what it does not say stays as it was."""
        known = self._by_choice.get(choice)
        self._by_choice[choice] = usage if known is None else merged(known, usage)
        self.news = True

    @property
    def total(self) -> Usage | None:
        """The count over all choices."""
        whole = self._by_choice.get(WHOLE)
        each = [usage for choice, usage in self._by_choice.items() if choice != WHOLE]
        if not each:
            return whole
        # Each choice has the same prompt, read once.
        summed = replace(
            each[0],
            generated=sum(usage.generated or 0 for usage in each),
            generated_ms=max((u.generated_ms for u in each if u.generated_ms is not None), default=None),
        )
        return summed if whole is None else merged(summed, whole)


def merged(known: Usage, newer: Usage) -> Usage:
    """The newer numbers, and the known ones where it has none."""
    if None not in (newer.prompt, newer.generated, newer.cached, newer.prompt_ms, newer.generated_ms):
        return newer
    return Usage(
        prompt=known.prompt if newer.prompt is None else newer.prompt,
        generated=known.generated if newer.generated is None else newer.generated,
        cached=known.cached if newer.cached is None else newer.cached,
        prompt_ms=known.prompt_ms if newer.prompt_ms is None else newer.prompt_ms,
        generated_ms=known.generated_ms if newer.generated_ms is None else newer.generated_ms,
    )


class Reader(ABC):
    """Reads the decoded objects of one answer, in order.

    `choices`: how many answers were asked for. `known` becomes True with the first object that belongs to
    this API. `final`: nothing worth waiting for follows the end of the last choice.
    """

    def __init__(self, choices: int = 1) -> None:
        self.choices = choices
        self.known = False
        self.final = False
        self.tally = Tally()

    @abstractmethod
    def read(self, value: Mapping[str, object]) -> Iterable[Piece]:
        """What one object says of each choice: text, thinking, its end. Any field may be missing or wrong."""


def text_at(value: Mapping[str, object], key: str) -> str:
    """The string at `key`, or "" when it is missing, null or no string."""
    found = value.get(key)
    return found if isinstance(found, str) else ""


def int_at(value: Mapping[str, object], key: str) -> int | None:
    """The whole number at `key`, or None."""
    found = value.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def number_at(value: Mapping[str, object], key: str) -> float | None:
    """The number at `key`, or None."""
    found = value.get(key)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def object_at(value: Mapping[str, object], key: str) -> Mapping[str, object]:
    """The object at `key`, or an empty one."""
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def objects_at(value: object, key: str) -> list[Mapping[str, object]]:
    """The objects in the list at `key`; anything else is left out."""
    found = value.get(key) if isinstance(value, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
