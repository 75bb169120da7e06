"""A provider in this process, for tests and benchmarks: what all of them need beside their stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from twinny_lsp.exchange import Generation, ModelFacts, Piece, Prompt, Vector
from twinny_lsp.providers.base import Health, State
from twinny_lsp.providers.endpoint import Endpoint, Route, Wire

ENDPOINT = Endpoint(
    "stand-in",
    "openai-compatible",
    "http://127.0.0.1:1",
    Route(Wire.OPENAI_COMPLETIONS, "/v1/completions"),
    None,
)


class StandIn:
    """Knows nothing and is always well; each has a stream of its own."""

    endpoint = ENDPOINT

    def stream(self, generation: Generation) -> AsyncGenerator[Piece, None]:
        raise AssertionError("a stand-in has its own stream")

    async def health(self) -> Health:
        return Health(State.READY)

    async def models(self) -> list[ModelFacts]:
        return []

    async def facts(self, model: str) -> ModelFacts:
        return ModelFacts(model)

    def most_choices(self, prompt: Prompt, facts: ModelFacts) -> int:
        return 1

    async def count_tokens(self, text: str, model: str) -> int | None:
        return None

    async def embed(self, texts: Sequence[str], model: str) -> list[Vector]:
        raise AssertionError("a stand-in embeds nothing")

    async def close(self) -> None:
        return None


class OneProvider:
    """A registry with just that one."""

    def __init__(self, provider: StandIn) -> None:
        self._provider = provider

    def provider(self, endpoint: Endpoint) -> StandIn:
        return self._provider

    def native_refused(self, endpoint: Endpoint, model: str) -> bool:
        return True

    def refuse_native(self, endpoint: Endpoint, model: str) -> None:
        return None

    def restarted(self, endpoint: Endpoint) -> None:
        return None
