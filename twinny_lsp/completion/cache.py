"""Answers that are known: the last ones of each document, given again without a request.

A seam more than a structure: exact and typed-through (also after backspacing within what was typed),
bounded, newest first. Entries are immutable. Failures never come in; that a model had nothing to add is
an answer and does.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass

from twinny_lsp.completion.place import Cursor, Place
from twinny_lsp.config.resolved import CompletionSettings, Multiline, Target

_PER_DOCUMENT = 32
_DOCUMENTS = 64


@dataclass(frozen=True, slots=True)
class Terms:
    """The settings that must be equal for an answer or a stream to serve another request."""

    targets: tuple[Target | None, ...]
    multiline: Multiline
    max_tokens: int
    temperature: float
    context_tokens: int
    suffix_tokens: int

    @classmethod
    def of(cls, settings: CompletionSettings) -> Terms:
        """Those of these settings."""
        return cls(
            (settings.target, *settings.fallback),
            settings.multiline,
            settings.max_tokens,
            settings.temperature,
            settings.context_tokens,
            settings.suffix_tokens,
        )


@dataclass(frozen=True, slots=True)
class Known:
    """An answer. `text` has line ends `\\n` and is "" when the model had nothing to add (`reason`)."""

    place: Place
    terms: Terms
    text: str
    reason: str = ""


class Cache:
    """The last answers of each document."""

    def __init__(self) -> None:
        self._documents: OrderedDict[str, deque[Known]] = OrderedDict()

    def find(self, cursor: Cursor, terms: Terms, *, empty: bool = True) -> Known | None:
        """The newest answer that still holds here, with what is left of its text.

        `empty`: whether "nothing to add" is good enough.
        """
        uri = cursor.place.uri
        entries = self._documents.get(uri)
        if entries is None:
            return None
        self._documents.move_to_end(uri)
        for known in entries:
            typed = cursor.typed_since(known.place)
            if typed is None or known.terms != terms:
                continue
            if known.text.startswith(typed) and known.text[len(typed) :].strip():
                return Known(known.place, terms, known.text[len(typed) :])
            if not known.text and not typed and empty:
                return known
        return None

    def put(self, known: Known) -> None:
        """Keep an answer; it replaces an older one for the same place and terms."""
        entries = self._documents.setdefault(known.place.uri, deque(maxlen=_PER_DOCUMENT))
        self._documents.move_to_end(known.place.uri)
        for old in entries:
            if old.place == known.place and old.terms == known.terms:
                entries.remove(old)
                break
        entries.appendleft(known)
        while len(self._documents) > _DOCUMENTS:
            self._documents.popitem(last=False)

    def forget(self, uri: str) -> None:
        """Drop what is known of a document."""
        self._documents.pop(uri, None)

    def clear(self) -> None:
        """Drop everything."""
        self._documents.clear()
