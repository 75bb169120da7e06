"""Which part answers what: the language server, put together.

Imports only what `initialize` needs; everything behind the protocol is built by backend.py once the client is
ready.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

import attrs
from lsprotocol import types as lsp

from twinny_lsp.lsp.actions import code_actions
from twinny_lsp.lsp.asking import Asker
from twinny_lsp.lsp.chat import ChatCommand
from twinny_lsp.lsp.chat_documents import ChatDocuments
from twinny_lsp.lsp.chat_offers import ChatOffers
from twinny_lsp.lsp.code_tasks import KINDS, CodeTasks
from twinny_lsp.lsp.commands import Commands
from twinny_lsp.lsp.completion import TRIGGER_CHARACTERS, CompletionFeatures
from twinny_lsp.lsp.first_run import FirstRun
from twinny_lsp.lsp.imports import lean_imports
from twinny_lsp.lsp.seen import selection
from twinny_lsp.lsp.server import TwinnyServer
from twinny_lsp.lsp.strangers import Caution
from twinny_lsp.lsp.sync import SettingsSync
from twinny_lsp.lsp.troubles import Troubles

if TYPE_CHECKING:
    from twinny_lsp.documents.document import Document


def create_server(*, log_level_fixed: bool = False) -> TwinnyServer:
    """A server with all its features registered, ready to run."""
    server = TwinnyServer(log_level_fixed=log_level_fixed)
    sync = SettingsSync(server)
    troubles = Troubles(server, FirstRun(server, sync))
    completion = CompletionFeatures(server, sync)
    caution = Caution(server)
    asker = Asker(server, sync, troubles, caution)
    chats = ChatDocuments(server, sync, asker)
    offers = ChatOffers(server, chats)
    tasks = CodeTasks(server, chats, asker)
    server.on_initialized(partial(_start, server, sync, troubles))

    def feature(method: str, handler: Callable[..., Any], options: object = None) -> None:
        # pygls sets attributes on what it registers, and a bound method takes none.
        server.feature(method, options)(partial(handler))

    feature(
        lsp.TEXT_DOCUMENT_INLINE_COMPLETION,
        partial(_inline, chats, completion),
        lsp.InlineCompletionOptions(),
    )
    feature(
        lsp.TEXT_DOCUMENT_COMPLETION,
        partial(_menu, chats, offers, completion),
        lsp.CompletionOptions(trigger_characters=list(TRIGGER_CHARACTERS), resolve_provider=True),
    )
    feature(lsp.COMPLETION_ITEM_RESOLVE, completion.resolve)
    feature("textDocument/didShowCompletion", completion.did_show)
    feature("textDocument/didPartiallyAcceptCompletion", completion.did_accept_part)
    feature(
        lsp.TEXT_DOCUMENT_CODE_ACTION,
        partial(_actions, server, offers, tasks),
        lsp.CodeActionOptions(code_action_kinds=list(KINDS), resolve_provider=True),
    )
    feature(lsp.CODE_ACTION_RESOLVE, tasks.resolve)
    feature(lsp.TEXT_DOCUMENT_CODE_LENS, offers.lenses, lsp.CodeLensOptions())
    feature(lsp.WORKSPACE_DID_CHANGE_CONFIGURATION, sync.did_change_configuration)
    feature(lsp.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, sync.did_change_folders)
    commands = Commands(server, sync).table() | tasks.table() | chats.table()
    commands["chat"] = ChatCommand(server, sync, troubles, caution).run
    commands["accepted"] = completion.accepted
    server.documents.on_close(completion.closed)
    server.documents.on_open(lambda document: _opened(server, completion, document))
    for name, handler in commands.items():
        server.command(f"twinny-lsp.{name}")(partial(handler))
    return server


async def _actions(
    server: TwinnyServer, offers: ChatOffers, tasks: CodeTasks, params: lsp.CodeActionParams
) -> list[lsp.CodeAction]:
    """What is wrong first, then what can be done."""
    document = server.documents.get(params.text_document.uri)
    if document is not None:
        params = attrs.evolve(params, range=selection(document, params.range))
    return [*code_actions(server, params), *offers.actions(params), *await tasks.actions(params)]


async def _inline(
    chats: ChatDocuments, completion: CompletionFeatures, params: lsp.InlineCompletionParams
) -> lsp.InlineCompletionList:
    """Nothing while an answer is written there: each of its edits would have the editor ask for more."""
    if chats.is_answering(params.text_document.uri):
        return lsp.InlineCompletionList(items=[])
    return await completion.inline(params)


async def _menu(
    chats: ChatDocuments, offers: ChatOffers, completion: CompletionFeatures, params: lsp.CompletionParams
) -> lsp.CompletionList:
    """Mentions in chat documents, else the model's, unless it is writing an answer there."""
    mentions = await offers.menu(params)
    if mentions is None and chats.is_answering(params.text_document.uri):
        return lsp.CompletionList(is_incomplete=True, items=[])
    return mentions or await completion.menu(params)


def _opened(server: TwinnyServer, completion: CompletionFeatures, document: Document) -> None:
    server.run_task(completion.opened(document), "look at an opened document")


async def _start(server: TwinnyServer, sync: SettingsSync, troubles: Troubles) -> None:
    """Build what is behind the protocol, off the loop's thread, and read the settings."""
    backend = await asyncio.to_thread(_import_backend)
    editor = backend.Editor(server.roots, server.documents, server.place_of)
    reports = backend.Reports(
        troubles.failed, troubles.worked, troubles.back, troubles.pushed_out, server.status_changed
    )
    server.backend = await backend.build(editor, reports)
    await sync.start()
    server.is_ready()


def _import_backend() -> ModuleType:
    """Import what is behind the protocol. Full collections meanwhile would stop the loop, too."""
    name = "twinny_lsp.lsp.backend"
    if name in sys.modules:
        return sys.modules[name]
    with lean_imports():
        return import_module(name)
