"""Embeddings, a vector for each text: Ollama's `/api/embed` and the OpenAI API's `/v1/embeddings`.

Pure. Only fields that every server takes. Ollama before 0.3 (July 2024) has no `/api/embed`, and none of its
older `/api/embeddings` is asked: that takes one text a request. Not for what vectors are good for
(chat/nearness.py).
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence

from twinny_lsp import errors
from twinny_lsp.exchange import Vector
from twinny_lsp.providers import failures, ollama
from twinny_lsp.providers.endpoint import Endpoint, Route, Wire
from twinny_lsp.providers.wire import JsonObject, int_at, objects_at

_MOST = 1e30
"""No server's numbers are near it; their squares are still floats."""


def unsupported(endpoint: Endpoint) -> errors.Unsupported:
    """The error where a server has no route for embeddings."""
    message = f"{failures.where(endpoint)} computes no embeddings. Choose another provider for them."
    return errors.Unsupported(message, provider=endpoint.name)


def body(route: Route, model: str, texts: Sequence[str], endpoint: Endpoint) -> JsonObject:
    """The request body. No `num_ctx` goes along: that of the settings is meant for other models."""
    made: JsonObject = {"model": model, "input": list(texts)}
    if route.wire is Wire.OLLAMA_EMBED and (kept := ollama.keep_alive(endpoint)) is not None:
        made["keep_alive"] = kept
    return made


def vectors(route: Route, answer: object, count: int) -> list[Vector]:
    """The `count` vectors of an answer, in the order of the texts. Raises ValueError: what is wrong."""
    told = answer if isinstance(answer, dict) else {}
    found = told.get("embeddings") if route.wire is Wire.OLLAMA_EMBED else _in_order(told)
    each = found if isinstance(found, list) else []
    if len(each) != count:
        raise ValueError(f"it sent {len(each)} vectors for {count} texts")
    made = [_unit(one) for one in each]
    if len({len(one) for one in made}) > 1:
        raise ValueError("its vectors are not of one length")
    return made


def _in_order(answer: Mapping[str, object]) -> list[object]:
    """Each vector says which text it belongs to; where what they say makes no sense, their order counts."""
    entries = objects_at(answer, "data")
    places = [int_at(entry, "index") for entry in entries]
    by_place = {place: entry.get("embedding") for place, entry in zip(places, entries, strict=True)}
    if set(by_place) != set(range(len(entries))):
        return [entry.get("embedding") for entry in entries]
    return [by_place[place] for place in range(len(entries))]


def _unit(value: object) -> Vector:
    """One vector, made of length 1."""
    if not isinstance(value, list) or not all(isinstance(one, int | float) for one in value):
        raise ValueError("a vector in its answer is no list of numbers")
    if not all(-_MOST < one < _MOST for one in value) or not (length := math.hypot(*value)):
        raise ValueError("a vector in its answer has no length")
    return array("f", (one / length for one in value))
