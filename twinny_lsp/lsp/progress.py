"""Work-done progress: a short state while something takes long, never the text.

Nothing happens where the client has none.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from twinny_lsp.lsp.server import TwinnyServer

PROGRESS_S = 2.0
"""How long the client may take to accept a progress token."""


def has_progress(server: TwinnyServer) -> bool:
    """Whether the client shows progress that the server begins."""
    window = server.client_capabilities.window
    return bool(window and window.work_done_progress)


async def begin(server: TwinnyServer, message: str, on_cancel: Callable[[], object] | None = None) -> str:
    """Show progress; its token, for `end`. "" where the client has none, or does not answer in time."""
    if not has_progress(server):
        return ""
    progress, token = server.work_done_progress, f"twinny-lsp-{uuid.uuid4().hex}"
    try:
        async with asyncio.timeout(PROGRESS_S):
            await progress.create_async(token)
    except (TimeoutError, JsonRpcException):
        return ""
    cancelled = progress.tokens.get(token)
    if cancelled is not None and on_cancel is not None:
        cancelled.add_done_callback(lambda done: on_cancel() if done.cancelled() else None)
    cancellable = on_cancel is not None
    progress.begin(
        token, lsp.WorkDoneProgressBegin(title="twinny-lsp", message=message, cancellable=cancellable)
    )
    return token


def end(server: TwinnyServer, token: str, message: str = "") -> None:
    """Take it away, with a last word; "" and a token that has ended are no error."""
    if token in server.work_done_progress.tokens:
        server.work_done_progress.end(token, lsp.WorkDoneProgressEnd(message=message or None))


class LoadingProgress:
    """Progress for as long as a model is being loaded."""

    def __init__(self, server: TwinnyServer) -> None:
        self._server = server
        self._message = ""
        self._over = asyncio.Event()

    def show(self, message: str) -> None:
        """What is being loaded now; "" for nothing."""
        if message == self._message:
            return
        self._over.set()
        self._message, self._over = message, asyncio.Event()
        if message:
            self._server.run_task(self._run(message, self._over), "show that a model is loaded")

    async def _run(self, message: str, over: asyncio.Event) -> None:
        token = await begin(self._server, message)
        try:
            if token:
                await over.wait()
        finally:
            end(self._server, token)
