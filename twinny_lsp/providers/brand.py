"""A server of the OpenAI API of which no more is known; what its brand would add is in brands.py.

Everything goes through `Ask`, one question and its decoded JSON, which raises ProviderError. Not for
generating text: the wire modules do that for all brands alike.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from twinny_lsp.exchange import ModelFacts
from twinny_lsp.providers.base import Health, State
from twinny_lsp.providers.endpoint import Endpoint
from twinny_lsp.providers.wire import JsonObject, int_at, object_at, objects_at, text_at


class Ask(Protocol):
    """One question to the server: the decoded JSON, or a ProviderError."""

    def __call__(self, method: str, path: str, body: JsonObject | None = None) -> Awaitable[object]:
        """Ask `path`, relative to the endpoint's base URL."""
        ...


def match_name(wanted: str, names: Iterable[str]) -> str | None:
    """The name a server knows a model by: exactly this, else with `:latest`, else without the tag."""
    known = list(names)
    bare, _, tag = wanted.rpartition(":")
    candidates = [wanted, f"{wanted}:latest"]
    if bare and tag == "latest":
        candidates.append(bare)
    return next((name for name in candidates if name in known), None)


class OpenAi:
    """Any server of the OpenAI API: `/v1/models` is all there is."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def name_for(self, model: str) -> str:
        """The model's name as this brand wants it in a request."""
        return model

    async def health(self, ask: Ask) -> Health:
        """Raises ProviderError when it is not well."""
        await ask("GET", self._list_path())
        return Health(State.READY)

    async def models(self, ask: Ask) -> list[ModelFacts]:
        """What it lists, in its own order."""
        listed = await ask("GET", self._list_path())
        return [self._model(entry) for entry in objects_at(listed, "data") if text_at(entry, "id")]

    async def facts(self, ask: Ask, model: str) -> ModelFacts:
        """One model out of the list; of a model that is not listed, nothing is known."""
        models = {found.name: found for found in await self.models(ask)}
        name = match_name(model, models)
        return replace(models[name], name=model) if name is not None else ModelFacts(model)

    def _list_path(self) -> str:
        """`models` beside `chat/completions`, wherever the settings put that."""
        route = self._endpoint.chat or self._endpoint.completion
        path = route.path if route else "/v1/chat/completions"
        for tail in ("/chat/completions", "/completions", "/fim/completions"):
            if path.endswith(tail):
                return path.removesuffix(tail) + "/models"
        return "/v1/models"

    def _model(self, entry: Mapping[str, object]) -> ModelFacts:
        status = text_at(object_at(entry, "status"), "value")
        capabilities = object_at(entry, "capabilities")
        fim = capabilities.get("completion_fim")
        return ModelFacts(
            text_at(entry, "id"),
            insert=fim if isinstance(fim, bool) else None,
            context_tokens=_first_int(
                int_at(object_at(entry, "meta"), "n_ctx"),
                int_at(entry, "max_model_len"),
                int_at(entry, "context_length"),
                int_at(entry, "max_context_length"),
                int_at(object_at(entry, "parameters"), "max_seq_len"),
            ),
            capabilities=tuple(name for name, has in capabilities.items() if has is True),
            loaded=status == "loaded" if status else None,
        )


def _first_int(*values: int | None) -> int | None:
    return next((value for value in values if value), None)
