"""How many tokens messages have: by the server's own tokenizer where it has a route, else estimated."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from twinny_lsp.documents.windows import estimate_tokens
from twinny_lsp.errors import TwinnyError
from twinny_lsp.providers.base import Provider

PER_MESSAGE = 6
"""What a chat template puts around a message, about."""
WINDOW_TOKENS = 4096
"""Taken for the window of a model whose server does not tell: what Ollama gives a request by itself."""
_KEPT = 2_000
_AT_ONCE = 8


Known = OrderedDict[tuple[str, str], int]
"""What was counted, by model and text: a conversation is sent again and again."""


class TokenCounts:
    """Sizes of texts for one model of one server. `exact`: all so far were counted there.

    `known` is what was counted before, by others of these; it is added to.
    """

    def __init__(self, provider: Provider, model: str, known: Known | None = None) -> None:
        self._provider, self._model = provider, model
        self._known: Known = OrderedDict() if known is None else known
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self.exact = True

    async def of(self, text: str) -> int:
        """The tokens of one text."""
        if not text:
            return 0
        known = self._known.get((self._model, text))
        if known is not None:
            self._known.move_to_end((self._model, text))
            return known
        async with self._turns:
            counted = await self._provider.count_tokens(text, self._model)
        if counted is None:
            self.exact = False
            return estimate_tokens(text)
        self._known[self._model, text] = counted
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return counted

    async def of_all(self, texts: Sequence[str]) -> list[int]:
        """The tokens of several messages' texts, each with what the template adds."""
        return [size + PER_MESSAGE for size in await asyncio.gather(*map(self.of, texts))]


async def window_of(provider: Provider, model: str) -> int:
    """The tokens that prompt and answer have together; WINDOW_TOKENS where the server does not tell."""
    return await told_window(provider, model) or WINDOW_TOKENS


async def told_window(provider: Provider, model: str) -> int:
    """The same, 0 where the server does not tell."""
    try:
        facts = await provider.facts(model)
    except TwinnyError:
        return 0  # what is wrong there is told by the request itself
    return facts.context_tokens or 0


def reserved(max_tokens: int, window: int) -> int:
    """Of the window, what is kept for the answer."""
    return max(1, min(max_tokens, window // 2))
