"""How near parts of a project are to a question in meaning, as an embedding model of the user's sees it.

Bounded, since people wait for it and most machines are slow at it: what is known is not computed again, and
when the time is over the rest is left for the next question. Which parts are compared is decided before
(retrieval.py), what may be seen of them as well.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from twinny_lsp.chat import vectors
from twinny_lsp.errors import BadAnswer, ContextOverflow
from twinny_lsp.exchange import Vector
from twinny_lsp.providers.base import Provider

MOST_PLACES = 200
"""Parts that are compared with one question."""
BATCH = 8
"""Texts of one request: some 4,000 tokens, seconds on a machine without a GPU."""
MOST_CHARS, LEAST_CHARS = 1_600, 200
"""Of a text, its beginning counts. Many embedding models take 512 tokens, about the first of these in code;
llama.cpp refuses what does not fit into its physical batch, 512 as well. Some take less: texts are
cut in half until they fit, down to the second."""
EMBED_S = 10.0
"""No batch begins later than that after the first answer (loading a model is waited for)."""
PROBE = "def add(a, b): return a + b"

_PASSAGES = "Represent this sentence for searching relevant passages: "
_PREFIXES = (
    ("nomic-embed-text", "search_query: ", "search_document: "),
    ("nomic-embed-code", "Represent this query for searching relevant code: ", ""),
    ("arctic-embed2", "query: ", ""),
    ("arctic-embed-l-v2", "query: ", ""),
    ("arctic-embed-m-v2", "query: ", ""),
    ("arctic-embed", _PASSAGES, ""),
    ("mxbai-embed", _PASSAGES, ""),
    ("qwen3-embedding", "Instruct: Given a question, find the code that answers it\nQuery: ", ""),
    ("embeddinggemma", "task: code retrieval | query: ", "title: none | text: "),
)
"""What a model was trained to see before a question and before a text, as its authors say, by a part of its
name; the first that fits holds."""


@dataclass(frozen=True, slots=True)
class Nearness:
    """How near each text is, -1 to 1; None: there was no time to find out. `fresh`: computed just now."""

    values: tuple[float | None, ...]
    fresh: int

    @property
    def told(self) -> str:
        """In words."""
        compared = sum(value is not None for value in self.values)
        left = len(self.values) - compared
        places = f"{compared} place{'s' if compared != 1 else ''} compared"
        news = f", {self.fresh} of them for the first time" if self.fresh else ""
        return f"{places}{news}" + (f", {left} left for the next question" if left else "")


class Embedder:
    """One embedding model of one provider, and the file of what it has made before."""

    def __init__(
        self, provider: Provider, model: str, file: Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._provider, self._model, self._file, self._clock = provider, model, file, clock
        self._most = MOST_CHARS

    async def near(self, question: str, texts: Sequence[str]) -> Nearness:
        """How near the texts are to a question; they are compared in their order. Raises TwinnyError.

        What was computed is kept, also when this is cancelled or fails.
        """
        before_question, before_text = prefixes(self._model)
        texts = [before_text + text for text in texts]
        known = await asyncio.to_thread(vectors.read, self._file)
        probe, asked = await self._embedded((PROBE, before_question + question))
        if known is None or not known.made_by(probe):
            known = vectors.Vectors(probe)
        missing = [text for text in dict.fromkeys(texts) if known.get(text) is None]
        until, fresh = self._clock() + EMBED_S, 0
        try:
            for batch in (missing[at : at + BATCH] for at in range(0, len(missing), BATCH)):
                if self._clock() >= until:
                    break
                for text, vector in zip(batch, await self._embedded(batch), strict=True):
                    self._keep(known, text, vector)
                    fresh += 1
        finally:
            if fresh:
                await asyncio.to_thread(vectors.write, self._file, known)
        return Nearness(await asyncio.to_thread(_products, asked, texts, known), fresh)

    async def _embedded(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of the texts, or of as much of their beginnings as the model takes."""
        while True:
            try:
                return await self._provider.embed([text[: self._most] for text in texts], self._model)
            except ContextOverflow as error:
                if self._most <= LEAST_CHARS:
                    raise ContextOverflow(
                        f"{error.provider}: {self._model} does not take {self._most} characters. Start it "
                        "with a larger context (llama.cpp: a larger `-ub`), or choose another model.",
                        provider=error.provider,
                        detail=error.detail,
                    ) from None
                self._most //= 2

    def _keep(self, known: vectors.Vectors, text: str, vector: Vector) -> None:
        try:
            known.put(text, vector)
        except ValueError as error:
            name = self._provider.endpoint.name
            message = f"{name} gave no usable answer: {error}. See the server's own log."
            raise BadAnswer(message, provider=name) from None


def prefixes(model: str) -> tuple[str, str]:
    """What this model wants before a question, and before a text."""
    name = model.lower()
    return next(((question, text) for part, question, text in _PREFIXES if part in name), ("", ""))


def _products(asked: Vector, texts: Sequence[str], known: vectors.Vectors) -> tuple[float | None, ...]:
    found = map(known.get, texts)
    return tuple(None if vector is None else vectors.product(asked, vector) for vector in found)
