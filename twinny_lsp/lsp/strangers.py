"""What is different when a chat goes to people the user does not know: said once, and less of it leaves.

Which providers those are, their presets say (`notice`). A document that no model may see is not sent, secrets
in the messages are masked, and the names of files stay here. Not for whether such a provider may be used
(config/owner.py).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from twinny_lsp.lsp.notices import Level

if TYPE_CHECKING:
    from twinny_lsp.chat.conversation import Question
    from twinny_lsp.lsp.server import TwinnyServer
    from twinny_lsp.providers.endpoint import Endpoint


def strangers(endpoint: Endpoint | None) -> bool:
    """Whether what is sent there is read by people the user does not know."""
    return bool(endpoint is not None and _notice(endpoint))


class Caution:
    """One server's; remembers what the user was told."""

    def __init__(self, server: TwinnyServer) -> None:
        self._server = server
        self._told: list[Endpoint] = []

    async def taken(self, question: Question, endpoint: Endpoint, uri: str) -> Question:
        """The question as it may be sent there; `uri` is the document it is about, "" for none.

        Raises TwinnyError for a document that must not be sent.
        """
        if endpoint not in self._told:
            # Again after a change of the network, of its server, or of whom of it may be asked.
            self._told.append(endpoint)
            self._server.tell(_notice(endpoint), Level.WARNING)
        if uri:
            await self._server.require_sendable(uri)
        mask = self._server.backend.gatherer.mask
        messages = tuple(replace(one, content=mask(uri, one.content)) for one in question.messages)
        return replace(question, messages=messages)


def _notice(endpoint: Endpoint) -> str:
    from twinny_lsp.providers.presets import PRESETS

    preset = PRESETS.get(endpoint.preset)
    return preset.notice if preset else ""
