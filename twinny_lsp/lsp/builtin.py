"""The methods every server has (life cycle, documents, commands), in the place of pygls' own.

Each keeps our state first and then calls what a feature registered for the same method, so features are
registered as with plain pygls. Not for how messages are taken and answered (see protocol.py).
"""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams
from pygls.protocol import LanguageServerProtocol, lsp_method

from twinny_lsp.lsp.calls import Handler, bind_arguments
from twinny_lsp.lsp.workspace import choose_encoding

if TYPE_CHECKING:
    from twinny_lsp.lsp.core import TwinnyLanguageServer


class BuiltinFeatures(LanguageServerProtocol):
    """Built-in methods. `invoke` and `shut_down` come from the protocol that extends this."""

    _server: TwinnyLanguageServer

    @abstractmethod
    def invoke(self, handler: Handler, args: tuple[Any, ...]) -> Any:
        """Call a handler of any kind; its result, or an awaitable of it."""

    @abstractmethod
    def shut_down(self) -> None:
        """Answer what is at work; from now on only `exit` is heard."""

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Any:
        """Take note of the client, then let pygls work out the capabilities."""
        self._server.documents.encoding = choose_encoding(params.capabilities)
        self._server.client_arrived(params)
        return (yield from super().lsp_initialize(params))

    @lsp_method(types.INITIALIZED)
    def lsp_initialized(self, params: types.InitializedParams) -> Any:
        """Start what had to wait for this."""
        self._server.client_ready()
        return self._user(types.INITIALIZED, params)

    @lsp_method(types.SHUTDOWN)
    def lsp_shutdown(self, *_: Any) -> Any:
        """Answer what is at work, then this; only `exit` is heard afterwards."""
        self.shut_down()
        self._server.lifecycle.shutdown_requested = True
        outcome = self._user(types.SHUTDOWN, None)
        return _then_none(outcome) if inspect.isawaitable(outcome) else None

    @lsp_method(types.EXIT)
    def lsp_exit(self, *_: Any) -> Any:
        """End the process; the code says whether `shutdown` came first."""
        self._server.lifecycle.stop("exit")

    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    def lsp_workspace__execute_command(self, params: types.ExecuteCommandParams) -> Any:
        """Call the command; an awaitable goes back as it is, so that cancelling reaches it."""
        handler = self.fm.commands.get(params.command)
        if handler is None:
            raise JsonRpcInvalidParams(f"{params.command[:100]!r} is not a command of this server")
        args = bind_arguments(self._converter, handler, params.arguments, type(self._server))
        return self.invoke(handler, args)

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> Any:
        """Keep the document, then tell the feature."""
        self._server.documents.open(params.text_document)
        return self._user(types.TEXT_DOCUMENT_DID_OPEN, params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> Any:
        """Apply the changes, then tell the feature."""
        document = params.text_document
        self._server.documents.change(document.uri, document.version, params.content_changes)
        return self._user(types.TEXT_DOCUMENT_DID_CHANGE, params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> Any:
        """Forget the document, then tell the feature."""
        self._server.documents.close(params.text_document.uri)
        return self._user(types.TEXT_DOCUMENT_DID_CLOSE, params)

    @lsp_method(types.NOTEBOOK_DOCUMENT_DID_OPEN)
    def lsp_notebook_document__did_open(self, params: types.DidOpenNotebookDocumentParams) -> Any:
        """Keep the notebook and its cells, then tell the feature."""
        self._server.documents.open_notebook(params)
        return self._user(types.NOTEBOOK_DOCUMENT_DID_OPEN, params)

    @lsp_method(types.NOTEBOOK_DOCUMENT_DID_CHANGE)
    def lsp_notebook_document__did_change(self, params: types.DidChangeNotebookDocumentParams) -> Any:
        """Apply the changes, then tell the feature."""
        self._server.documents.change_notebook(params)
        return self._user(types.NOTEBOOK_DOCUMENT_DID_CHANGE, params)

    @lsp_method(types.NOTEBOOK_DOCUMENT_DID_SAVE)
    def lsp_notebook_document__did_save(self, params: types.DidSaveNotebookDocumentParams) -> Any:
        """Nothing of ours changes; the feature may want to know."""
        return self._user(types.NOTEBOOK_DOCUMENT_DID_SAVE, params)

    @lsp_method(types.NOTEBOOK_DOCUMENT_DID_CLOSE)
    def lsp_notebook_document__did_close(self, params: types.DidCloseNotebookDocumentParams) -> Any:
        """Forget the notebook and its cells, then tell the feature."""
        self._server.documents.close_notebook(params)
        return self._user(types.NOTEBOOK_DOCUMENT_DID_CLOSE, params)

    def _user(self, method: str, params: Any) -> Any:
        """What the feature registered for a built-in method makes of it, None when there is none."""
        handler = self.fm.features.get(method)
        return None if handler is None else self.invoke(handler, (params,))


async def _then_none(outcome: Awaitable[Any]) -> None:
    await outcome
