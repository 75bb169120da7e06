"""The server as its features see it: the client, the documents, what is wrong, what is behind the protocol.

Imports only what `initialize` needs. Which feature answers what is features.py's.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from twinny_lsp import __version__
from twinny_lsp.errors import TwinnyError
from twinny_lsp.lsp.clients import Profile, profile_of
from twinny_lsp.lsp.core import TwinnyLanguageServer
from twinny_lsp.lsp.notices import Level, Notices
from twinny_lsp.lsp.places import Place, place_of
from twinny_lsp.lsp.progress import LoadingProgress, has_progress
from twinny_lsp.lsp.standing import told

if TYPE_CHECKING:
    from twinny_lsp.lsp.backend import Backend

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
        self.notices = Notices(self.tell, self.status_changed)
        self._loading = LoadingProgress(self)
        self._ready = asyncio.Event()
        self.enabled = True
        self._told = ("", "")
        self.profile = Profile()
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
            raise TwinnyError("twinny-lsp could not start; see its log")

    async def require_sendable(self, uri: str) -> None:
        """Raise TwinnyError for a document that no model may see."""
        if refusal := await self.backend.gatherer.refusal(uri):
            path = self.place_of(uri).path or "this document"
            raise TwinnyError(f"Nothing was sent: {path} {refusal}.")

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
        engine = self.backend.engine
        return told(engine.standing(), self.notices.current, busy=engine.busy)

    def is_ready(self) -> None:
        """Everything behind the protocol is there: requests that wait are let in."""
        self._ready.set()
        self.status_changed()

    async def _stop(self) -> None:
        if hasattr(self, "backend"):
            await self.backend.close()

    def _closed(self, document: Any) -> None:
        if hasattr(self, "backend"):
            self.backend.engine.forget(document.uri)

    def enable(self, enabled: bool) -> None:
        """Switch completion on or off for this session, whatever the settings say."""
        self.enabled = enabled
        self.status_changed()

    def tell(self, message: str, level: Level) -> None:
        """One message to the user."""
        self.window_show_message(lsp.ShowMessageParams(MESSAGE_TYPES[level], f"twinny-lsp: {message}"))

    @property
    def shows_loading(self) -> bool:
        """Whether this client shows that a model is being loaded, so that no message is needed."""
        return has_progress(self) or self.wants("status")

    def status_changed(self) -> None:
        """How things stand may have changed: for status lines and progress."""
        state = self.state()
        if state == self._told:
            return
        self._told = state
        self._loading.show(state[1] if state[0] == "loading" else "")
        if self.wants("status"):
            self.protocol.notify("twinny-lsp/status", {"state": state[0], "message": state[1]})
