"""What only one brand of server answers: is it well, which models has it, how much fits into one.

What all servers of the OpenAI API have, and how they are asked: brand.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from twinny_lsp import errors
from twinny_lsp.exchange import ModelFacts
from twinny_lsp.providers.base import Health, State
from twinny_lsp.providers.brand import Ask, OpenAi, match_name
from twinny_lsp.providers.endpoint import Endpoint
from twinny_lsp.providers.wire import JsonObject, int_at, object_at, objects_at, text_at

_PROBE_SECONDS = 2.0
_OLLAMA_DEFAULT_CONTEXT = 4096
"""Ollama's own num_ctx on machines with less than 24 GiB of video memory."""


def brand_of(endpoint: Endpoint) -> OpenAi:
    """The brand an endpoint's preset stands for; unknown ones are plain servers of the OpenAI API."""
    brands: dict[str, type[OpenAi]] = {
        "ollama": Ollama,
        "openwebui": OpenWebUi,
        "llamacpp": LlamaCpp,
        "lmstudio": LmStudio,
        "litellm": LiteLlm,
        "oobabooga": Oobabooga,
        "koboldcpp": KoboldCpp,
        "tgi": Tgi,
        "llama-swap": LlamaSwap,
    }
    return brands.get(endpoint.preset, OpenAi)(endpoint)


class Ollama(OpenAi):
    """Ollama's own API below `prefix` ("" or, behind Open WebUI, `/ollama`)."""

    title = "Ollama"

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        path = endpoint.completion.path if endpoint.completion else ""
        self._prefix = path.partition("/api/")[0] if "/api/" in path else ""

    async def health(self, ask: Ask) -> Health:
        """By its version, which costs it nothing."""
        version = await ask("GET", f"{self._prefix}/api/version")
        number = text_at(version, "version") if isinstance(version, dict) else ""
        return Health(State.READY, server=f"{self.title} {number}".strip())

    async def models(self, ask: Ask) -> list[ModelFacts]:
        """The installed models; which of them are loaded, where it tells."""
        listed = objects_at(await ask("GET", f"{self._prefix}/api/tags"), "models")
        loaded = {text_at(entry, "name"): entry for entry in await self._loaded(ask) or ()}
        made = []
        for entry in listed:
            name = text_at(entry, "name") or text_at(entry, "model")
            capabilities = _strings(entry.get("capabilities"))
            made.append(
                ModelFacts(
                    name,
                    insert="insert" in capabilities if capabilities else None,
                    context_tokens=int_at(loaded[name], "context_length") if name in loaded else None,
                    capabilities=capabilities,
                    loaded=name in loaded,
                )
            )
        return [model for model in made if model.name]

    async def facts(self, ask: Ask, model: str) -> ModelFacts:
        """From `/api/show`: the template, the capabilities, and how much fits into a request."""
        body: JsonObject = {"model": self.name_for(model)}
        shown = await ask("POST", f"{self._prefix}/api/show", body)
        told = shown if isinstance(shown, dict) else {}
        capabilities = _strings(told.get("capabilities"))
        info = object_at(told, "model_info")
        trained = next((int_at(info, key) for key in info if key.endswith(".context_length")), None)
        loaded = await self._loaded(ask)
        names = {text_at(entry, "name"): entry for entry in loaded or ()}
        name = match_name(self.name_for(model), names)
        return ModelFacts(
            model,
            insert="insert" in capabilities if "capabilities" in told else None,
            template=text_at(told, "template") or None,
            context_tokens=self._context(trained, int_at(names[name], "context_length") if name else None),
            capabilities=capabilities,
            loaded=None if loaded is None else name is not None,
        )

    def _context(self, trained: int | None, loaded: int | None) -> int:
        """num_ctx as we send it, else as the model was loaded, else Ollama's default; at most as trained."""
        sent = int_at(self._endpoint.options, "num_ctx")
        window = sent or loaded or _OLLAMA_DEFAULT_CONTEXT
        return min(window, trained) if trained else window

    async def _loaded(self, ask: Ask) -> list[Mapping[str, object]] | None:
        """The loaded models; None where it does not tell (old versions and some proxies)."""
        try:
            told = await ask("GET", f"{self._prefix}/api/ps")
        except errors.ProviderError:
            return None
        return objects_at(told, "models") if isinstance(told, dict) and "models" in told else None


class OpenWebUi(Ollama):
    """Ollama behind Open WebUI: it wants a key, and the model's full name."""

    title = "Open WebUI with Ollama"

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._prefix = self._prefix or "/ollama"

    def name_for(self, model: str) -> str:
        """With `:latest` where no tag is given: unlike Ollama it takes only the full name."""
        return model if ":" in model.rpartition("/")[2] or not model else f"{model}:latest"


class LlamaCpp(OpenAi):
    """llama.cpp's server, with one model or as a router over several."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        path = endpoint.completion.path if endpoint.completion else ""
        self._prefix = path.removesuffix("/completion") if path.endswith("/completion") else ""

    async def health(self, ask: Ask) -> Health:
        """`/health` says whether the model is loaded, `/props` whether our key is right."""
        await ask("GET", f"{self._prefix}/health")
        props = await ask("GET", f"{self._prefix}/props")
        build = text_at(props, "build_info") if isinstance(props, dict) else ""
        return Health(State.READY, server=f"llama.cpp {build}".strip())

    async def facts(self, ask: Ask, model: str) -> ModelFacts:
        """From `/props`, and for native FIM by asking `/infill` for nothing."""
        path = f"{self._prefix}/props"
        props = await ask("GET", path)
        router = isinstance(props, dict) and props.get("role") == "router"
        if router:
            props = await ask("GET", f"{path}?model={quote(model, safe='')}")
        told = props if isinstance(props, dict) else {}
        # /props hides n_batch: it is only known where the settings, or we who started it, say so.
        batch = int_at(self._endpoint.options, "batch_tokens") or int_at(self._endpoint.options, "n_batch")
        return ModelFacts(
            model,
            insert=await self._can_insert(ask, model),
            template=text_at(told, "chat_template") or None,
            context_tokens=int_at(object_at(told, "default_generation_settings"), "n_ctx") or None,
            batch_tokens=batch,
            loaded=True,
            slots=int_at(told, "total_slots") or None,
            serves="" if router else _file_name(text_at(told, "model_path")),
        )

    async def _can_insert(self, ask: Ask, model: str) -> bool | None:
        if self._endpoint.infill is None:
            return None
        body: JsonObject = {"model": model, "input_prefix": "", "input_suffix": "", "n_predict": 0}
        try:
            # A busy slot says nothing until it is free; the answer is not worth that wait.
            async with asyncio.timeout(_PROBE_SECONDS):
                await ask("POST", self._endpoint.infill.path, body)
        except (errors.Unsupported, errors.WrongAddress):
            return False
        except (errors.ProviderError, TimeoutError):
            return None
        return True


class LmStudio(OpenAi):
    """LM Studio: its own list says what is loaded and how much fits."""

    async def models(self, ask: Ask) -> list[ModelFacts]:
        """Without the embedding models; from versions before 0.3.6 only names."""
        try:
            listed = objects_at(await ask("GET", "/api/v0/models"), "data")
        except (errors.WrongAddress, errors.ServerFailure):
            return await super().models(ask)
        return [
            self._own(entry) for entry in listed if entry.get("type") != "embeddings" and text_at(entry, "id")
        ]

    @staticmethod
    def _own(entry: Mapping[str, object]) -> ModelFacts:
        state = text_at(entry, "state")
        return ModelFacts(
            text_at(entry, "id"),
            # Not max_context_length: a model is loaded with 4096 tokens or what its user chose.
            context_tokens=int_at(entry, "loaded_context_length"),
            capabilities=_strings(entry.get("capabilities")),
            loaded=state == "loaded" if state else None,
        )


class LiteLlm(OpenAi):
    """The LiteLLM proxy. Its `/health` is not asked: it makes every model generate something."""

    async def health(self, ask: Ask) -> Health:
        """Alive, and our key is taken."""
        await ask("GET", "/health/liveliness")
        await ask("GET", self._list_path())
        return Health(State.READY, server="LiteLLM")


class Oobabooga(OpenAi):
    """text-generation-webui: one model, loaded by hand."""

    async def health(self, ask: Ask) -> Health:
        """Says when no model is loaded: requests would then fail without a reason."""
        info = await ask("GET", "/v1/internal/model/info")
        name = text_at(info, "model_name") if isinstance(info, dict) else ""
        detail = "" if name not in ("", "None") else "It is running, but no model is loaded."
        return Health(State.READY, detail, "text-generation-webui")

    async def facts(self, ask: Ask, model: str) -> ModelFacts:
        """It serves the loaded model, whatever name is asked for."""
        models = await self.models(ask)
        loaded = [replace(found, name=model, loaded=True, serves=found.name) for found in models]
        return loaded[0] if loaded else ModelFacts(model, loaded=False)


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


def _file_name(path: str) -> str:
    """The last part of a path on the server's machine, whatever system that is."""
    return path.replace("\\", "/").rpartition("/")[2]


def _strings(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
