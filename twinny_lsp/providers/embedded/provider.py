"""The embedded provider: models run by llama.cpp in child processes of our own, chosen by their names.

Each file that is asked for gets an EmbeddedModel, and that at most one child. A name finds its file in the
Store. Without a model of the user's choice the tiny one in the package is used, which shows that everything
works and no more than that.

Options (Endpoint.options): `model_path` (a GGUF file, which then answers to every name), `model_directory`
(the folder of pulled models), and those of model.py.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

from twinny_lsp.errors import ProviderError, ServerFailure
from twinny_lsp.exchange import Generation, ModelFacts, Piece, Prompt, Vector
from twinny_lsp.providers import embeddings
from twinny_lsp.providers.base import Health, State
from twinny_lsp.providers.embedded.model import SERVER, EmbeddedModel
from twinny_lsp.providers.embedded.store import Store, name_of
from twinny_lsp.providers.endpoint import Endpoint
from twinny_lsp.providers.presets import INSTALL_HINT


class EmbeddedProvider:
    """llama.cpp in child processes, as a Provider. Makes no process and reads no file until asked."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._store = Store.of(endpoint)
        self._paths: dict[str, Path] = {}
        self._models: dict[Path, EmbeddedModel] = {}
        self._closed = False

    async def stream(self, generation: Generation) -> AsyncGenerator[Piece, None]:
        """Start the model's child where needed and pass its answer on; see base.Provider."""
        model = await self._model(generation.model)
        async with aclosing(model.stream(generation)) as pieces:
            async for piece in pieces:
                yield piece

    async def health(self) -> Health:
        """How the models in use are; one that only waits for its first request counts as ready."""
        if self._store.chosen is not None:
            return await (await self._model("")).health()
        if loaded := [model for model in self._models.values() if model.loaded]:
            return await loaded[-1].health()
        if importlib.util.find_spec("xllamacpp") is None:
            return Health(State.DOWN, f"it needs llama.cpp: {INSTALL_HINT}")
        return Health(State.READY, "a model starts with its first request", SERVER)

    async def models(self) -> list[ModelFacts]:
        """What was pulled, or the one file of the settings, without starting anything."""
        found = []
        for name, _ in await asyncio.to_thread(self._store.models):
            try:
                found.append(await self.facts(name))
            except ProviderError:
                if self._store.chosen is not None:
                    raise
                found.append(ModelFacts(name))  # a damaged file; the first request says what is wrong with it
        return found

    async def facts(self, model: str) -> ModelFacts:
        """What the GGUF file's header tells, without starting anything."""
        return await (await self._model(model)).facts()

    def most_choices(self, prompt: Prompt, facts: ModelFacts) -> int:
        """One for each of the child's slots."""
        return facts.slots or 1

    async def count_tokens(self, text: str, model: str) -> int | None:
        """By the running child; it is not started for this."""
        try:
            return await (await self._model(model)).count_tokens(text, model)
        except ProviderError:
            return None

    async def embed(self, texts: Sequence[str], model: str) -> list[Vector]:
        """Never: raises Unsupported."""
        raise embeddings.unsupported(self.endpoint)

    async def close(self) -> None:
        """Let go of the children; they are gone afterwards unless another editor uses them."""
        self._closed = True
        await asyncio.gather(*(model.close() for model in self._models.values()))

    async def _model(self, name: str) -> EmbeddedModel:
        """The model of that name. Raises ModelMissing; ServerFailure after `close`."""
        path = self._paths.get(name)
        if path is None:
            path = self._paths[name] = await asyncio.to_thread(self._store.path, name)
        if self._closed:
            raise ServerFailure("the embedded provider was closed", provider=self.endpoint.name)
        if path not in self._models:
            self._models[path] = EmbeddedModel(self.endpoint, name_of(path), path)
        return self._models[path]
