"""Which models a server has in memory: says when one is being loaded, and when two push each other out.

Only for servers that load models by themselves and tell which are loaded. Nothing here makes a server load or
compute anything. Not for health or choice of servers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Protocol

from twinny_lsp.errors import TwinnyError
from twinny_lsp.providers.brands import Ask, OpenAi, match_name
from twinny_lsp.providers.endpoint import Endpoint
from twinny_lsp.providers.failures import where

SLOW_SECONDS = 1.5
"""An answer that takes longer to begin makes us ask whether its model is being loaded."""

RECENT_SECONDS = 60.0
"""A model that has not answered for longer may be gone because its time was over."""

_KEEP_BOTH = {
    "ollama": "or set OLLAMA_MAX_LOADED_MODELS=2 for it, if there is memory for both",
    "openwebui": "or set OLLAMA_MAX_LOADED_MODELS=2 for the Ollama behind it, if there is memory for both",
    "lmstudio": "or load both by hand in its Developer page: those it loads by itself push each other out",
    "llamacpp": "or start it with a larger `--models-max`, if there is memory for both",
    "llama-swap": "or put both into one of its `groups` with `swap: false`, if there is memory for both",
}


class Told(Protocol):
    """Who hears of it; both are called from the event loop and must not block."""

    def loading(self, endpoint: Endpoint, model: str, under_way: bool) -> None:
        """A model is being loaded for a request; once more with False when that is over, in any way."""
        ...

    def contended(self, endpoint: Endpoint, message: str) -> None:
        """Two models push each other out of memory; said once for each pair."""
        ...


class Silent:
    """Nobody listens."""

    def loading(self, endpoint: Endpoint, model: str, under_way: bool) -> None:
        """Nothing."""

    def contended(self, endpoint: Endpoint, message: str) -> None:
        """Nothing."""


class Memory:
    """What was seen of one server's memory, by all who ask there."""

    def __init__(self) -> None:
        self._last = ""
        self._last_at = 0.0
        self._pushed: set[tuple[str, str]] = set()
        self._said: set[frozenset[str]] = set()

    def switched(self, model: str, now: float) -> str:
        """An answer of `model` came; the model that answered just before, "" where it is the same or none."""
        before = self._last if now - self._last_at < RECENT_SECONDS else ""
        self._last, self._last_at = model, now
        return before if before != model else ""

    def pushed(self, out: str, by: str) -> bool:
        """`out` is gone since `by` was loaded; True when that has happened both ways, the first time."""
        self._pushed.add((out, by))
        pair = frozenset((out, by))
        if (by, out) not in self._pushed or pair in self._said:
            return False
        self._said.add(pair)
        return True


class Residency:
    """The watch over one provider's requests. `memory` is shared by the providers of one server."""

    def __init__(
        self, endpoint: Endpoint, brand: OpenAi, ask: Ask, memory: Memory, told: Told, slow: float
    ) -> None:
        self._endpoint, self._brand, self._ask = endpoint, brand, ask
        self._memory, self._told, self._slow = memory, told, slow
        self._looking: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def expecting(self, model: str) -> AsyncGenerator[Callable[[], None]]:
        """While the first byte of an answer is waited for. What it gives is called when the server itself
        says that it loads."""
        begun, since = False, self._clock()

        def loads() -> None:
            nonlocal begun
            if not begun:
                begun = True
                self._told.loading(self._endpoint, model, True)

        look = self._start(self._look(model, loads)) if self._brand.swaps else None
        try:
            yield loads
            if self._brand.swaps:
                self._answered(model, self._clock() - since)
        finally:
            if look is not None:
                look.cancel()
            if begun:
                self._told.loading(self._endpoint, model, False)

    def _answered(self, model: str, seconds: float) -> None:
        """The first bytes came. Where that took long, see whether the model before is still in memory."""
        before = self._memory.switched(model, self._clock())
        keeps = self._endpoint.options.get("keep_alive") not in (0, "0")
        if before and keeps and seconds >= self._slow:
            self._start(self._compare(before, model))

    @staticmethod
    def _clock() -> float:
        return asyncio.get_running_loop().time()

    def close(self) -> None:
        """End what is still asked."""
        for task in self._looking:
            task.cancel()

    async def _look(self, model: str, loads: Callable[[], None]) -> None:
        await asyncio.sleep(self._slow)
        loaded = await self._loaded()
        if loaded is not None and not self._is_there(model, loaded):
            loads()

    async def _compare(self, before: str, model: str) -> None:
        loaded = await self._loaded()
        if loaded is None or self._is_there(before, loaded) or not self._is_there(model, loaded):
            return
        if self._memory.pushed(before, model):
            advice = _KEEP_BOTH.get(self._endpoint.preset, "or give it more memory")
            self._told.contended(
                self._endpoint,
                f"{where(self._endpoint)} has no room for two models: {before} and {model} push each other "
                "out of its memory, so that each switch between them, as from completion to chat, waits for "
                f"one to be loaded. Use one model for both, or smaller ones, {advice}.",
            )

    def _is_there(self, model: str, loaded: frozenset[str]) -> bool:
        return match_name(self._brand.name_for(model), loaded) is not None

    async def _loaded(self) -> frozenset[str] | None:
        try:
            return await self._brand.loaded(self._ask)
        except TwinnyError:
            return None

    def _start(self, looking: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(looking)
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)
        return task
