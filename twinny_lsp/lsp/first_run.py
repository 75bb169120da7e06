"""When the configured model is not there: offer those that are, by `window/showMessageRequest`.

The default model is often not installed, and that is the first thing a new user meets. Asked once per server
and model; the answer holds for this session, and the message says how to keep it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from twinny_lsp.errors import ProviderError
from twinny_lsp.lsp.notices import Level

if TYPE_CHECKING:
    from twinny_lsp.config.resolved import Target
    from twinny_lsp.lsp.server import TwinnyServer
    from twinny_lsp.lsp.sync import SettingsSync

log = logging.getLogger(__name__)
MAX_OFFERED = 4
"""Editors show the actions of a message as buttons or a short list."""

NOT_FOR_COMPLETION = ("embed", "bge-", "minilm", "rerank", "whisper", "clip")


def offers(names: list[str], configured: str) -> list[str]:
    """The models worth offering, best first: those with fill-in-the-middle by name, then code models."""
    from twinny_lsp.fim.families import Use, membership

    def rank(name: str) -> tuple[int, int]:
        lowered = name.lower()
        return (0 if membership(name).use is Use.RAW else 1, 0 if "code" in lowered else 1)

    usable = [
        n for n in names if n != configured and not any(word in n.lower() for word in NOT_FOR_COMPLETION)
    ]
    return sorted(usable, key=rank)[:MAX_OFFERED]


class FirstRun:
    """Remembers what was asked, so that nobody is asked twice."""

    def __init__(self, server: TwinnyServer, sync: SettingsSync) -> None:
        self._server, self._sync = server, sync
        self._asked: set[tuple[str, str]] = set()

    async def offer(self, target: Target, error: ProviderError) -> bool:
        """Ask which installed model to use instead; True if the user was asked (no other message is due)."""
        key = (target.endpoint.base_url, target.model)
        if key in self._asked:
            return True
        self._asked.add(key)
        try:
            models = await self._server.backend.registry.provider(target.endpoint).models()
        except ProviderError:
            return False
        choices = offers([model.name for model in models], target.model)
        if not choices:
            return False
        self._server.run_task(self._ask(target, error, choices), "first run")
        return True

    async def _ask(self, target: Target, error: ProviderError, choices: list[str]) -> None:
        question = lsp.ShowMessageRequestParams(
            type=lsp.MessageType.Warning,
            message=f"twinny-lsp: {error} Use one of the installed models for this session?",
            actions=[lsp.MessageActionItem(title=name) for name in choices],
        )
        try:
            answer = await self._server.window_show_message_request_async(question)
        except JsonRpcException as refused:
            log.info("the client does not ask questions: %s", refused.code)
            self._server.tell(str(error), Level.ERROR)
            return
        if answer is None or answer.title not in choices:
            return
        chosen = {"provider": target.endpoint.name, "model": answer.title}
        self._sync.override("completion", chosen)
        self._server.window_show_message(
            lsp.ShowMessageParams(
                type=lsp.MessageType.Info,
                message=f"twinny-lsp uses {answer.title} until the editor closes. "
                f'To keep it, set "completion": {{"model": "{answer.title}"}} in its settings.',
            )
        )
