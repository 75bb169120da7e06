"""Short ways to an endpoint, a generation and the pieces of an answer, for tests of providers."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, ParamSpec

from tests.support.fake_server import bounded
from twinny_lsp.exchange import ChatPrompt, Generation, Message, Piece, Prompt, RawPrompt
from twinny_lsp.providers.base import Provider
from twinny_lsp.providers.endpoint import Endpoint, Timeouts
from twinny_lsp.providers.presets import PRESETS

P = ParamSpec("P")
LIMIT_S = 30.0
GENERATE = "/api/generate"
RAW = RawPrompt("x = ")
CHAT = ChatPrompt((Message("user", "hi"),))


def generation(prompt: Prompt = RAW, model: str = "m") -> Generation:
    return Generation(model, prompt, 16, 0.2)


def endpoint(url: str, preset: str = "ollama", **changes: Any) -> Endpoint:
    known = PRESETS[preset]
    usual: dict[str, Any] = {"timeouts": Timeouts(5.0, 8.0, 8.0), "embeddings": known.embeddings}
    return Endpoint(preset, preset, url, known.completion, known.chat, known.infill, **{**usual, **changes})


async def collect(provider: Provider, asked: Generation | None = None) -> list[Piece]:
    return [piece async for piece in provider.stream(asked or generation())]


async def first_text(stream: AsyncIterator[Piece]) -> str:
    """The first text of a stream; counts may come before it."""
    while True:
        if (piece := await anext(stream)).text:
            return piece.text


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def limited(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, Coroutine[Any, Any, None]]:
    """A test that fails instead of hanging."""

    @functools.wraps(test)
    async def run(*args: P.args, **more: P.kwargs) -> None:
        await bounded(test(*args, **more), LIMIT_S)

    return run
