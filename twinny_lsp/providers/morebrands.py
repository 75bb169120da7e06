"""What KoboldCpp, text-generation-inference and llama-swap answer beside the OpenAI API; see brands.py."""

from __future__ import annotations

from dataclasses import replace

from twinny_lsp import errors
from twinny_lsp.exchange import ModelFacts
from twinny_lsp.providers.base import Health, State
from twinny_lsp.providers.brands import Ask, OpenAi
from twinny_lsp.providers.wire import int_at, objects_at, text_at


class KoboldCpp(OpenAi):
    """KoboldCpp: one model, named `koboldcpp/FILE` in its list, whatever name is asked for."""

    async def health(self, ask: Ask) -> Health:
        """By its version."""
        told = await ask("GET", "/api/extra/version")
        number = text_at(told, "version") if isinstance(told, dict) else ""
        return Health(State.READY, server=f"KoboldCpp {number}".strip())

    async def models(self, ask: Ask) -> list[ModelFacts]:
        """The one that is loaded, by its file's name."""
        listed = await super().models(ask)
        return [replace(each, name=each.name.removeprefix("koboldcpp/"), loaded=True) for each in listed]

    async def facts(self, ask: Ask, model: str) -> ModelFacts:
        """The loaded model, and its context, which the list does not tell."""
        models = await self.models(ask)
        try:
            told = await ask("GET", "/api/extra/true_max_context_length")
        except errors.ProviderError:
            told = None
        context = int_at(told, "value") if isinstance(told, dict) else None
        serves = models[0].name if models else ""
        return ModelFacts(model, context_tokens=context, loaded=bool(models), serves=serves)


class Tgi(OpenAi):
    """text-generation-inference: one model, told by `/info`; `/health` has no body."""

    async def health(self, ask: Ask) -> Health:
        """By what it says of itself."""
        told = await ask("GET", "/info")
        number = text_at(told, "version") if isinstance(told, dict) else ""
        return Health(State.READY, server=f"text-generation-inference {number}".strip())

    async def models(self, ask: Ask) -> list[ModelFacts]:
        """The one it serves; older versions have no `/v1/models`."""
        told = await ask("GET", "/info")
        name = text_at(told, "model_id") if isinstance(told, dict) else ""
        window = int_at(told, "max_total_tokens") if isinstance(told, dict) else None
        return [ModelFacts(name, context_tokens=window, loaded=True)] if name else []

    async def facts(self, ask: Ask, model: str) -> ModelFacts:
        """It serves that model, whatever name is asked for."""
        models = await self.models(ask)
        return replace(models[0], name=model, serves=models[0].name) if models else ModelFacts(model)


class LlamaSwap(OpenAi):
    """llama-swap: starts the server of the model that is asked for, and stops the one before."""

    async def models(self, ask: Ask) -> list[ModelFacts]:
        """Those of its configuration; loaded are those whose server runs and is ready."""
        listed = await super().models(ask)
        try:
            running = objects_at(await ask("GET", "/running"), "running")
        except errors.ProviderError:
            return listed
        ready = {text_at(each, "model") for each in running if text_at(each, "state") == "ready"}
        return [replace(each, loaded=each.name in ready) for each in listed]
