"""Everything behind the protocol, built once the client is ready and closed at the end.

Its imports cost more than the rest of the start: they run on a thread, so that the loop answers meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp  # noqa: F401 - the first request needs it; it also reads the machine's certificates

import twinny_lsp.providers.http  # noqa: F401 - made by the registry when it is first asked
from twinny_lsp.chat.conversation import Conversations
from twinny_lsp.completion.engine import CompletionEngine
from twinny_lsp.completion.prompting import Prompts
from twinny_lsp.completion.seams import Reports
from twinny_lsp.config.store import SettingsStore
from twinny_lsp.fim.custom import CustomTemplates
from twinny_lsp.fim.families import names
from twinny_lsp.providers.registry import Registry


@dataclass(slots=True)
class Backend:
    """The parts a request needs."""

    store: SettingsStore
    registry: Registry
    prompts: Prompts
    engine: CompletionEngine
    conversations: Conversations

    async def close(self) -> None:
        """End all that is under way and release sockets and child processes."""
        await self.engine.close()
        await self.registry.close_all()


async def build(roots: Sequence[str], reports: Reports) -> Backend:
    """Put the parts together; what takes long happens on a thread."""
    store = await asyncio.to_thread(_read_settings, tuple(roots))
    registry = Registry()
    prompts = Prompts(CustomTemplates(store.global_settings().template_directory))
    engine = CompletionEngine(registry, prompts, reports)
    return Backend(store, registry, prompts, engine, Conversations(registry.provider))


def _read_settings(roots: tuple[str, ...]) -> SettingsStore:
    store = SettingsStore(roots=roots, templates=names())
    store.global_settings()
    return store
