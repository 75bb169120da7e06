"""How many tokens a text has, by the server's own tokenizer, for the brands that have a route for it.

None has: OpenAI's API as such, Ollama (proposed several times, never merged), LM Studio, and LiteLLM, whose
counter is an estimate by another model's tokenizer. Not for what a request cost: counts.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from twinny_lsp import errors
from twinny_lsp.providers.brand import Ask
from twinny_lsp.providers.endpoint import Endpoint
from twinny_lsp.providers.wire import JsonObject

_SECONDS = 2.0
"""None of these routes waits for the model: a server that takes longer has other troubles."""

_TAILS = ("/v1/completions", "/v1/chat/completions", "/completion")


@dataclass(frozen=True, slots=True)
class TokenRoute:
    """POST `path` with the text at `text`, the model at `model` unless "", and `more`.

    The number is at `count`, or the tokens themselves. A piece of a prompt is counted: no BOS, and special
    tokens in it are what they are in a raw prompt.
    """

    path: str
    text: str
    count: str
    model: str = ""
    more: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


_ROUTES = {
    "llamacpp": TokenRoute("/tokenize", "content", "tokens", "model", {"parse_special": True}),
    "vllm": TokenRoute("/tokenize", "prompt", "count", more={"add_special_tokens": False}),
    "tabbyapi": TokenRoute("/v1/token/encode", "text", "length", more={"add_bos_token": False}),
    "oobabooga": TokenRoute("/v1/internal/token-count", "text", "length"),
}
_CANNOT = (errors.WrongAddress, errors.Unsupported, errors.BadAnswer, errors.ServerFailure)
"""What a server answers that has no such route; after these it is not asked again."""


class TokenCounter:
    """Counts for one server, and remembers when it cannot."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._route = _ROUTES.get(endpoint.preset)
        route = endpoint.completion or endpoint.chat
        path = route.path if route is not None else ""
        tail = next((tail for tail in _TAILS if path.endswith(tail)), "")
        self._root = path.removesuffix(tail) if tail else ""
        self._cannot = False

    async def count(self, ask: Ask, text: str, model: str) -> int | None:
        """See `base.Provider.count_tokens`."""
        route = self._route
        if route is None or self._cannot:
            return None
        body: JsonObject = {route.text: text, **route.more}
        if route.model:
            body[route.model] = model
        try:
            async with asyncio.timeout(_SECONDS):
                answer = await ask("POST", self._root + route.path, body)
        except _CANNOT:
            self._cannot = True
            return None
        except (errors.TwinnyError, TimeoutError):
            return None
        counted = answer.get(route.count) if isinstance(answer, dict) else None
        counted = len(counted) if isinstance(counted, list) else counted
        if not isinstance(counted, int):
            self._cannot = True
            return None
        return counted

    def forget(self) -> None:
        """Another server may be there now: ask it again."""
        self._cannot = False
