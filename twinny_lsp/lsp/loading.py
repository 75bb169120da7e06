"""A model that is being loaded is shown as progress, it is no error; two models without room are said once.

The providers notice both (providers/residency.py). Not for a chat's own progress (chat.py).
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from twinny_lsp.lsp.notices import Level

if TYPE_CHECKING:
    from twinny_lsp.lsp.server import TwinnyServer
    from twinny_lsp.providers.endpoint import Endpoint

CREATE_S = 2.0
"""How long the client may take to accept a progress token."""


@dataclass(slots=True)
class _Wait:
    """One model that is being loaded, and how many requests wait for it."""

    requests: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)


class LoadingProgress:
    """Hears from the providers; see `providers.residency.Told`. One progress a model, however many wait."""

    def __init__(self, server: TwinnyServer) -> None:
        self._server = server
        self._waits: dict[tuple[str, str], _Wait] = {}

    def loading(self, endpoint: Endpoint, model: str, under_way: bool) -> None:
        """Begin with the first request that waits for the model, end with the last."""
        key = (endpoint.address, model)
        wait = self._waits.get(key)
        if wait is None:
            wait = self._waits[key] = _Wait()
            self._server.run_task(
                self._show(f"{endpoint.name} is loading {model}", wait), "show that a model is loading"
            )
        wait.requests += 1 if under_way else -1
        if wait.requests <= 0:
            wait.over.set()
            del self._waits[key]

    def contended(self, endpoint: Endpoint, message: str) -> None:
        """Say it. No notice: nothing is broken, and what works would not take it back."""
        self._server.tell(message, Level.WARNING)

    async def _show(self, message: str, wait: _Wait) -> None:
        window = self._server.client_capabilities.window
        if not (window and window.work_done_progress):
            return
        progress, token = self._server.work_done_progress, f"twinny-lsp-loading-{uuid.uuid4().hex}"
        try:
            async with asyncio.timeout(CREATE_S):
                await progress.create_async(token)
        except (TimeoutError, JsonRpcException):
            return
        progress.begin(token, lsp.WorkDoneProgressBegin(title="twinny-lsp", message=message))
        await wait.over.wait()
        if token in progress.tokens:
            progress.end(token, lsp.WorkDoneProgressEnd())
