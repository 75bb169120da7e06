"""What an answer is asked with: whom, which messages, and what the reader is told of them.

Here it is put together from a message of a chat document and its front matter; a task on code puts its own
together (code_task_run.py). Not for asking (asking.py) nor for writing the answer (chat_answer.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from twinny_lsp.errors import SettingsError
from twinny_lsp.lsp.strangers import strangers

if TYPE_CHECKING:
    from twinny_lsp.chat.document import ChatDocument
    from twinny_lsp.chat.frontmatter import Front
    from twinny_lsp.chat.tokens import Known
    from twinny_lsp.config.resolved import ChatSettings, Target
    from twinny_lsp.exchange import Message
    from twinny_lsp.lsp.chat_lookup import ChatLookup
    from twinny_lsp.lsp.server import TwinnyServer
    from twinny_lsp.lsp.sync import SettingsSync


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One question as it goes out. `max_tokens`: of the answer; `told`, `size`: for the folded block."""

    target: Target
    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float
    told: tuple[str, ...] = ()
    size: str = ""


class ChatSending:
    """Puts together what is sent for messages of chat documents."""

    def __init__(self, server: TwinnyServer, sync: SettingsSync, lookup: ChatLookup, counted: Known) -> None:
        self._server, self._sync, self._lookup, self._counted = server, sync, lookup, counted

    async def of(self, uri: str, chat: ChatDocument, asked: int) -> Outgoing:
        """What is sent for the turn `asked` of the document `uri`. Raises TwinnyError."""
        from twinny_lsp.chat.sending import Budget, Composer
        from twinny_lsp.chat.tokens import TokenCounts, reserved, window_of

        settings, target = self._settings(chat.front)
        backend = self._server.backend
        provider = backend.registry.provider(target.endpoint)
        window = chat.front.context or await window_of(provider, target.model)
        answer = reserved(settings.max_tokens, window)
        composer = Composer(
            TokenCounts(provider, target.model, self._counted),
            lambda mentions: self._lookup.attachments(uri, mentions),
            Budget(window, answer),
            masks=backend.store.for_document(uri).privacy().mask_secrets,
        )
        made = await composer.compose(chat, asked, settings.system)
        return Outgoing(target, made.messages, answer, settings.temperature, made.told, made.size)

    def _settings(self, front: Front) -> tuple[ChatSettings, Target]:
        """The chat settings with what the document's front matter says."""
        from twinny_lsp.config.resolved import Target

        if front.problems:
            raise SettingsError("Front matter: " + "; ".join(front.problems) + ".")
        settings = self._sync.chat_settings()
        target = settings.target
        if front.provider:
            known = self._sync.settings()
            endpoint = known.endpoint(front.provider)
            if endpoint is None:
                why = known.why_no_endpoint(front.provider)
                raise SettingsError(f"Front matter: `provider: {front.provider}`: {why}.")
            same = target is not None and target.endpoint == endpoint
            model = front.model or (target.model if same and target else "")
            if not model:
                raise SettingsError(f"Front matter: `provider: {front.provider}` needs a `model:` beside it.")
            target = Target(endpoint, model)
        elif target is not None and front.model:
            target = replace(target, model=front.model)
        if target is None:
            raise SettingsError(settings.off_reason or "No chat provider is set up: set `chat.provider`.")
        if strangers(target.endpoint):
            raise SettingsError(
                f"A chat document is not sent to {target.endpoint.name}: people you do not know would read "
                "it, with all that was said to other models and the names of your files. Choose another "
                "`provider:`."
            )
        temperature = settings.temperature if front.temperature is None else front.temperature
        system = front.system or settings.system
        return replace(settings, target=target, system=system, temperature=temperature), target
