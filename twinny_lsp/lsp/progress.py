"""Work-done progress of one request to a model: a short state, never the text, and a way to cancel it."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from twinny_lsp.lsp.server import TwinnyServer

PROGRESS_S = 2.0
"""How long the client may take to accept a progress token."""


class ModelProgress:
    """Begin once, end once; a client that has no progress is told nothing."""

    def __init__(self, server: TwinnyServer) -> None:
        self._server = server
        self._token = f"twinny-lsp-chat-{uuid.uuid4().hex}"

    async def begin(self, model: str, work: asyncio.Future[Any]) -> None:
        """Say that `model` is at work. The client's cancel cancels `work`."""
        window = self._server.client_capabilities.window
        if not (window and window.work_done_progress):
            return
        progress = self._server.work_done_progress
        try:
            async with asyncio.timeout(PROGRESS_S):
                await progress.create_async(self._token)
        except (TimeoutError, JsonRpcException):
            return  # a client that does not answer must not hold up the chat
        cancelled = progress.tokens.get(self._token)
        if cancelled is not None:
            cancelled.add_done_callback(lambda done: work.cancel() if done.cancelled() else None)
        begun = lsp.WorkDoneProgressBegin(title="twinny-lsp", message=model, cancellable=True)
        progress.begin(self._token, begun)

    def end(self) -> None:
        """Say that it is over."""
        if self._token in self._server.work_done_progress.tokens:
            self._server.work_done_progress.end(self._token, lsp.WorkDoneProgressEnd())
