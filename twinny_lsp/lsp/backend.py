"""Everything behind the protocol, built once the client is ready and closed at the end.

Its imports cost more than the rest of the start: they run on a thread, so that the loop answers meanwhile.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import aiohttp  # noqa: F401 - the first request needs it; it also reads the machine's certificates

import twinny_lsp.providers.connect
import twinny_lsp.providers.http  # noqa: F401 - made by the registry when it is first asked
from twinny_lsp.chat.conversation import Conversations
from twinny_lsp.completion.engine import CompletionEngine
from twinny_lsp.completion.prompting import Prompts
from twinny_lsp.completion.seams import Reports
from twinny_lsp.config.resolved import ContextSettings, PrivacySettings
from twinny_lsp.config.store import SettingsStore
from twinny_lsp.context.gatherer import Gatherer
from twinny_lsp.fim.custom import CustomTemplates
from twinny_lsp.fim.families import names
from twinny_lsp.lsp.places import Place
from twinny_lsp.lsp.workspace import Documents
from twinny_lsp.providers.registry import Registry

SWITCH_S = 0.001
"""How long another thread may keep the interpreter when the loop wants it: it must not show at a key."""


@dataclass(slots=True)
class Backend:
    """The parts a request needs."""

    store: SettingsStore
    registry: Registry
    prompts: Prompts
    engine: CompletionEngine
    conversations: Conversations
    gatherer: Gatherer

    async def close(self) -> None:
        """End all that is under way and release sockets and child processes."""
        await self.engine.close()
        await self.gatherer.close()
        await self.registry.close_all()


@dataclass(frozen=True, slots=True)
class Editor:
    """What the parts need of the client's side: its documents, and where each is in which folder."""

    roots: Sequence[str]
    documents: Documents
    place_of: Callable[[str], Place]


async def build(editor: Editor, reports: Reports) -> Backend:
    """Put the parts together; what takes long happens on a thread."""
    sys.setswitchinterval(SWITCH_S)
    store = await asyncio.to_thread(_read_settings, tuple(editor.roots))
    registry = Registry()
    prompts = Prompts(CustomTemplates(store.global_settings().template_directory))
    gatherer = _gatherer(editor, store)
    engine = CompletionEngine(registry, prompts, reports, context=gatherer)
    gatherer.on_better(engine.context_better)
    conversations = Conversations(registry.provider)
    return Backend(store, registry, prompts, engine, conversations, gatherer)


def _gatherer(editor: Editor, store: SettingsStore) -> Gatherer:
    """The gatherer, told of every document's events from now on."""

    def place_of(uri: str) -> tuple[str, str]:
        place = editor.place_of(uri)
        return place.path, place.root

    def settings_of(uri: str) -> tuple[ContextSettings, PrivacySettings]:
        settings = store.for_document(uri)
        return settings.context(), settings.privacy()

    gatherer = Gatherer(editor.documents, place_of, settings_of)
    editor.documents.on_open(gatherer.opened)
    editor.documents.on_change(gatherer.changed)
    editor.documents.on_close(gatherer.closed)
    return gatherer


def _read_settings(roots: tuple[str, ...]) -> SettingsStore:
    store = SettingsStore(roots=roots, templates=names())
    store.global_settings()
    return store
