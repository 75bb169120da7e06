"""The language server, put together: which part answers what.

Imports only what `initialize` needs; everything behind the protocol is built by backend.py once the client is
ready.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from twinny_lsp import __version__
from twinny_lsp.lsp.actions import code_actions, resolve_action
from twinny_lsp.lsp.chat import REQUEST_FAILED, ChatCommand
from twinny_lsp.lsp.clients import Profile, profile_of
from twinny_lsp.lsp.commands import Commands
from twinny_lsp.lsp.completion import TRIGGER_CHARACTERS, CompletionFeatures
from twinny_lsp.lsp.core import TwinnyLanguageServer
from twinny_lsp.lsp.first_run import FirstRun
from twinny_lsp.lsp.imports import lean_imports
from twinny_lsp.lsp.notices import Level, Notices
from twinny_lsp.lsp.places import Place, place_of
from twinny_lsp.lsp.sync import SettingsSync
from twinny_lsp.lsp.troubles import Troubles

if TYPE_CHECKING:
    from twinny_lsp.config.resolved import CompletionSettings
    from twinny_lsp.documents.snapshot import Snapshot
    from twinny_lsp.exchange import ContextFile
    from twinny_lsp.lsp.backend import Backend

log = logging.getLogger(__name__)

READY_S = 20.0
"""How long a request waits for the parts behind the protocol; they take about a second."""

MESSAGE_TYPES = {
    Level.ERROR: lsp.MessageType.Error,
    Level.WARNING: lsp.MessageType.Warning,
    Level.INFO: lsp.MessageType.Info,
}


class TwinnyServer(TwinnyLanguageServer):
    """One client's server. `backend` may be used once `ready()` was awaited and gave True."""

    backend: Backend

    def __init__(self, *, log_level_fixed: bool = False) -> None:
        super().__init__("twinny-lsp", __version__)
        self.log_level_fixed = log_level_fixed
        """The level was given on the command line; settings do not change it."""
        self.notices = Notices(self.tell, self._status_changed)
        self.sync = SettingsSync(self)
        self.troubles = Troubles(self, FirstRun(self))
        self.completion = CompletionFeatures(self)
        self._ready = asyncio.Event()
        self.enabled = True
        self.profile = Profile()
        self.on_initialized(self._start)
        self.on_shutdown(self._stop)
        self.documents.on_close(self._closed)

    def client_arrived(self, params: lsp.InitializeParams) -> None:
        """Before the capabilities are worked out: not every client is told all of them."""
        super().client_arrived(params)
        self.profile = profile_of(self.client_name, params.capabilities)
        options = self.protocol.fm.feature_options[lsp.TEXT_DOCUMENT_COMPLETION]
        options.resolve_provider = self.profile.resolves

    async def ready(self) -> bool:
        """Wait until requests can be answered; False if that took too long or failed."""
        if not self._ready.is_set():
            try:
                async with asyncio.timeout(READY_S):
                    await self._ready.wait()
            except TimeoutError:
                return False
        return True

    async def require_ready(self) -> None:
        """As `ready`, for requests that must say why they have no answer."""
        if not await self.ready():
            raise JsonRpcException("twinny-lsp could not start; see its log", REQUEST_FAILED)

    def completion_settings(self, snapshot: Snapshot) -> CompletionSettings:
        """What holds for this document now."""
        return self.sync.completion_settings(snapshot.uri, snapshot.language)

    def place_of(self, uri: str) -> Place:
        """Where a document (or a notebook's cell) is in its project."""
        book = self.documents.notebook_of(uri)
        return place_of(book.uri if book else uri, self.roots)

    @property
    def roots(self) -> tuple[str, ...]:
        """The workspace folders' uris, as the client wrote them."""
        workspace = self.protocol.workspace
        folders = tuple(folder.uri for folder in workspace.folders.values())
        return folders or ((workspace.root_uri,) if workspace.root_uri else ())

    def neighbours_of(self, uri: str) -> tuple[ContextFile, ...]:
        """The other code cells of a notebook, those before the cell first; nothing for other documents."""
        from twinny_lsp.context.notebooks import cells_as_files

        book = self.documents.notebook_of(uri)
        if book is None:
            return ()
        before, after = self.documents.neighbours(uri)
        return cells_as_files(self.place_of(uri).path, before, after)

    def wants(self, feature: str) -> bool:
        """Whether the client asked for one of our own notifications."""
        params = self.initialize_params
        if params is None:
            return False
        experimental = params.capabilities.experimental
        asked = experimental.get("twinny-lsp") if isinstance(experimental, dict) else None
        options = params.initialization_options
        features = options.get("clientFeatures") if isinstance(options, dict) else None
        return any(isinstance(given, dict) and given.get(feature) is True for given in (asked, features))

    def state(self) -> tuple[str, str]:
        """(state, message) for status lines."""
        if not self._ready.is_set():
            return "starting", ""
        if not self.enabled:
            return "off", "switched off by twinny-lsp.toggle"
        if current := self.notices.current:
            return "problem", current[-1].message
        return "ready", ""

    async def _start(self) -> None:
        """Build what is behind the protocol, off the loop's thread, and read the settings."""
        backend = await asyncio.to_thread(_import_backend)
        self.backend = await backend.build(self, self.roots)
        await self.sync.start()
        self._ready.set()
        self._status_changed()

    async def _stop(self) -> None:
        if hasattr(self, "backend"):
            await self.backend.close()

    def _closed(self, document: Any) -> None:
        if hasattr(self, "backend"):
            self.backend.engine.forget(document.uri)

    def enable(self, enabled: bool) -> None:
        """Switch completion on or off for this session, whatever the settings say."""
        self.enabled = enabled
        self._status_changed()

    def tell(self, message: str, level: Level) -> None:
        """One message to the user."""
        self.window_show_message(lsp.ShowMessageParams(MESSAGE_TYPES[level], f"twinny-lsp: {message}"))

    def _status_changed(self) -> None:
        if self.wants("status"):
            state, message = self.state()
            self.protocol.notify("twinny-lsp/status", {"state": state, "message": message})


def _import_backend() -> ModuleType:
    """Import what is behind the protocol. Full collections meanwhile would stop the loop, too."""
    name = "twinny_lsp.lsp.backend"
    if name in sys.modules:
        return sys.modules[name]
    with lean_imports():
        return import_module(name)


def create_server(*, log_level_fixed: bool = False) -> TwinnyServer:
    """A server with all its features registered, ready to run."""
    server = TwinnyServer(log_level_fixed=log_level_fixed)
    completion, sync = server.completion, server.sync

    def feature(method: str, handler: Callable[..., Any], options: object = None) -> None:
        # pygls sets attributes on what it registers, and a bound method takes none.
        server.feature(method, options)(partial(handler))

    feature(lsp.TEXT_DOCUMENT_INLINE_COMPLETION, completion.inline, lsp.InlineCompletionOptions())
    feature(
        lsp.TEXT_DOCUMENT_COMPLETION,
        completion.menu,
        lsp.CompletionOptions(trigger_characters=list(TRIGGER_CHARACTERS), resolve_provider=True),
    )
    feature(lsp.COMPLETION_ITEM_RESOLVE, completion.resolve)
    feature(
        lsp.TEXT_DOCUMENT_CODE_ACTION,
        partial(code_actions, server),
        lsp.CodeActionOptions(code_action_kinds=[lsp.CodeActionKind.QuickFix], resolve_provider=True),
    )
    feature(lsp.CODE_ACTION_RESOLVE, resolve_action)
    feature(lsp.WORKSPACE_DID_CHANGE_CONFIGURATION, sync.did_change_configuration)
    feature(lsp.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, sync.did_change_folders)
    commands = Commands(server).table() | {"chat": ChatCommand(server).run}
    for name, handler in commands.items():
        server.command(f"twinny-lsp.{name}")(partial(handler))
    return server
